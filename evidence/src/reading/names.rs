//! Names of companies, compared as people compare them.

use super::layout::fold;
use super::vocabulary::words;

/// A name without its legal form, folded, letters and digits only.
pub fn key(name: &str) -> String {
    parts(name).concat()
}

fn parts(name: &str) -> Vec<String> {
    let folded = fold(name);
    let words_of_it = folded.split([' ', ',']).filter(|word| !words().legal_forms.has(word.trim_end_matches('.')));
    let plain = words_of_it.map(|word| word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>());
    plain.filter(|word| !word.is_empty()).collect()
}

/// Whether two names mean the same company: the same words but for case, accents, punctuation and legal form, or one of them is
/// the beginning of the other, as a brand is of the registered name.
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (parts(one), parts(other));
    if one.is_empty() || other.is_empty() {
        return false;
    }
    one.concat() == other.concat() || one.starts_with(&other) || other.starts_with(&one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companies_are_known_by_either_name() {
        assert!(same("Amazon Web Services", "AMAZON WEB SERVICES, Inc."));
        assert!(same("Coolblue B.V.", "coolblue"));
        assert!(same("Free", "Free SAS"));
        assert!(same("Société Générale", "Societe Generale S.A."));
        assert!(same("Acme", "Acme Supplies Ltd"));
        assert!(!same("Acme", "Ltd"));
        assert!(!same("Acme", "Acmeville"));
        assert!(!same("Lieferant GmbH", "Kunde GmbH"));
    }
}
