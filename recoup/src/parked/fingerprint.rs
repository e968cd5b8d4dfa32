//! What several errors have in common: their words without numbers and ids.

/// A short name for a kind of failure: the same for every message that failed in the same way, whatever ids its error mentions.
pub fn fingerprint(kind: &str, reason: &str, error: &str) -> String {
    let text = format!("{kind}\u{1f}{reason}\u{1f}{}", words(error));
    shared_events::ids::derive(&["error", &text]).simple().to_string()[..8].to_owned()
}

/// The error with every word that holds a digit, and everything quoted, left out.
fn words(error: &str) -> String {
    let mut plain = String::new();
    let mut quoted = false;
    for word in error.split(|c: char| c.is_whitespace() || ",;:()[]{}=".contains(c)) {
        let quotes = word.chars().filter(|c| "\"`'".contains(*c)).count();
        if !quoted && quotes == 0 && !word.chars().any(|c| c.is_ascii_digit()) && !word.is_empty() {
            plain.push_str(&word.to_lowercase());
            plain.push(' ');
        }
        quoted ^= quotes % 2 == 1;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_numbers_make_no_difference() {
        let one = fingerprint(
            "a.b.v1",
            "attempts",
            "rules version 3 of campaign 0190163d-8694-739b-aea5-966c26f8ad91 is not known yet",
        );
        let two = fingerprint(
            "a.b.v1",
            "attempts",
            "rules version 41 of campaign 5f2c163d-8694-739b-aea5-966c26f8ad91 is not known yet",
        );
        assert_eq!(one, two);
        assert_ne!(one, fingerprint("a.b.v1", "rejected", "rules version 3 of campaign x is not known yet"));
        assert_ne!(one, fingerprint("a.b.v1", "attempts", "the database is away"));
        assert_eq!(
            fingerprint("", "", "bad field \"alpha beta\" here"),
            fingerprint("", "", "bad field \"gamma\" here")
        );
    }
}
