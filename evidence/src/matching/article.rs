//! Numbers of articles within running text: `Steel bottle (WTR-BTL-32OZ)` names one.

use super::text;

/// Longer than any number of an article.
const MOST_LETTERS: usize = 40;

/// What a description says to go with, it is not: "lid for WTR-BTL-32OZ".
const GOES_WITH: [&str; 14] =
    ["for", "fits", "with", "fur", "fuer", "pour", "avec", "para", "con", "per", "voor", "met", "dla", "compatible"];

/// The words of a description that look like the number of an article, as they are compared: letters and digits alone, folded.
#[must_use]
pub fn codes_in(description: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    let mut goes_with = false;
    for word in description.split_whitespace() {
        if !goes_with {
            let parts = word.split([',', ';', ':', '(', ')', '[', ']', '|', '/', '#', '"']);
            for piece in parts.chain([word]).filter(|piece| is_number(piece)) {
                let squashed = text::squash(&text::fold(piece));
                if !found.contains(&squashed) {
                    found.push(squashed);
                }
            }
        }
        let folded = text::squash(&text::fold(word));
        goes_with =
            GOES_WITH.contains(&folded.as_str()) || goes_with && matches!(folded.as_str(), "the" | "with" | "our");
    }
    found
}

/// Whether a word looks like the number of an article: letters with digits, five digits and more, or capitals with hyphens.
#[must_use]
pub fn is_number(word: &str) -> bool {
    let squashed = text::squash(&text::fold(word));
    let letters = squashed.chars().any(char::is_alphabetic);
    // 1,245.80 is an amount.
    if squashed.chars().count() > MOST_LETTERS || (!letters && word.contains(['.', ','])) {
        return false;
    }
    let capitals = letters && word.contains(['-', '_']) && !word.chars().any(char::is_lowercase);
    !is_measure(&squashed) && (text::is_code(&squashed) || (capitals && squashed.len() >= 4))
}

/// Whether the first word of a description is the number of its article: stricter, as nothing says that it is one.
#[must_use]
pub fn leads(word: &str) -> bool {
    let letters = word.chars().filter(|letter| letter.is_alphabetic());
    is_number(word) && letters.clone().count() > 0 && !letters.clone().any(char::is_lowercase) && word.len() >= 5
}

/// `32oz` and `500ml`.
fn is_measure(squashed: &str) -> bool {
    let unit = squashed.trim_start_matches(|letter: char| letter.is_ascii_digit());
    unit.len() < squashed.len() && (1..=3).contains(&unit.chars().count()) && unit.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_articles_stand_out_of_their_descriptions() {
        for (description, codes) in [
            ("Water bottle 32 oz (WTR-BTL-32OZ), steel", &["wtrbtl32oz"][..]),
            ("SKU: wtr-btl-32oz", &["wtrbtl32oz"]),
            ("B08XYZ1234/WTR-BTL", &["b08xyz1234", "wtrbtl", "b08xyz1234wtrbtl"]),
            ("Heavy-duty bottle 32oz 500ml 1,245.80 2007", &[]),
            ("Lid for WTR-BTL-32OZ", &[]),
            ("Lid compatible with the WTR-BTL-32OZ", &[]),
        ] {
            assert_eq!(codes_in(description), codes, "{description}");
        }
        assert!(leads("WTR-BTL-32OZ") && leads("B08XYZ1234"));
        assert!(!leads("32OZ") && !leads("Ab123-x") && !leads("Bottle") && !leads("2025"));
    }
}
