//! Texts with blanks: `{{order}}` is filled with the variable `order`. Nothing else is special, so that nothing can be done by a text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest subject.
pub const SUBJECT: usize = 200;
/// Longest text.
pub const TEXT: usize = 10_000;
/// Longest short text: four SMS.
pub const SHORT: usize = 640;
/// Longest value of a variable.
pub const VALUE: usize = 500;

/// What a notification says, with or without blanks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// One line: the subject of mails, the title of push messages.
    pub subject: String,
    /// The text of mails and in-app notifications.
    pub text: String,
    /// The text of SMS and push messages.
    pub short: String,
}

/// Why a text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// `{{` without `}}`, or no name between them.
    #[error("has a blank that is none: write {{{{name}}}} with a name of letters, digits and _")]
    Malformed,
    /// A blank that nothing fills.
    #[error("has the blank {0}, which this template does not know")]
    Unknown(String),
    /// Too long, or with control characters.
    #[error("is empty, too long, or holds control characters")]
    Unfit,
}

/// The names of a text's blanks.
///
/// # Errors
/// [`BadText::Malformed`].
pub fn blanks(text: &str) -> Result<BTreeSet<&str>, BadText> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(BadText::Malformed)?;
        let name = name.trim();
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain {
            return Err(BadText::Malformed);
        }
        found.insert(name);
        rest = after;
    }
    Ok(found)
}

/// A text with its blanks filled. A value is put in as it is: what looks like a blank in it stays one to look at. Control characters of
/// values become blanks, so that no value makes lines of its own.
///
/// # Errors
/// The name of the first blank that nothing fills.
pub fn fill(text: &str, variables: &BTreeMap<String, String>) -> Result<String, BadText> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(BadText::Malformed)?;
        let value = variables.get(name.trim()).ok_or_else(|| BadText::Unknown(name.trim().to_owned()))?;
        filled.push_str(before);
        filled.extend(value.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

impl Text {
    /// All parts with their blanks filled.
    ///
    /// # Errors
    /// The part, and what is wrong with it.
    pub fn filled(&self, variables: &BTreeMap<String, String>) -> Result<Self, (&'static str, BadText)> {
        let part = |name, text: &str| fill(text, variables).map_err(|bad| (name, bad));
        Ok(Self {
            subject: part("subject", &self.subject)?,
            text: part("text", &self.text)?,
            short: part("short", &self.short)?,
        })
    }

    /// Checks a text before it is kept. Without `known` any blank may be used.
    ///
    /// # Errors
    /// The part, and what is wrong with it.
    pub fn check(&self, known: Option<&[String]>) -> Result<(), (&'static str, BadText)> {
        let parts = [
            ("subject", &self.subject, SUBJECT, false),
            ("text", &self.text, TEXT, true),
            ("short", &self.short, SHORT, true),
        ];
        for (name, text, longest, lines) in parts {
            let length = text.chars().count();
            let control = text.chars().any(|letter| letter.is_control() && !(lines && letter == '\n'));
            if text.trim().is_empty() || length > longest || control {
                return Err((name, BadText::Unfit));
            }
            for blank in blanks(text).map_err(|bad| (name, bad))? {
                if known.is_some_and(|known| !known.iter().any(|one| one == blank)) {
                    return Err((name, BadText::Unknown(blank.to_owned())));
                }
            }
        }
        Ok(())
    }

    /// The names of all blanks.
    pub fn blanks(&self) -> BTreeSet<String> {
        let parts = [&self.subject, &self.text, &self.short];
        parts.iter().filter_map(|text| blanks(text).ok()).flatten().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn blanks_are_filled_once_and_lines_cannot_be_made() {
        let values = values(&[("order", "{{total}} 7\r\nBcc: x"), ("total", "1.00")]);
        assert_eq!(fill("Order {{ order }}: {{total}}", &values).as_deref(), Ok("Order {{total}} 7  Bcc: x: 1.00"));
        assert_eq!(fill("{{who}}", &values), Err(BadText::Unknown("who".into())));
        for bad in ["{{", "{{}}", "{{a b}}", "{{a", "x {{ é }}"] {
            assert_eq!(blanks(bad), Err(BadText::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_text_is_checked_before_it_is_kept() {
        let text = |subject: &str| Text { subject: subject.into(), text: "a\nb".into(), short: "c".into() };
        let known = ["order".to_owned()];
        assert_eq!(text("{{order}}").check(Some(&known)), Ok(()));
        assert_eq!(text("{{other}}").check(Some(&known)), Err(("subject", BadText::Unknown("other".into()))));
        assert_eq!(text("{{other}}").check(None), Ok(()));
        for bad in ["", "a\nb", &"x".repeat(SUBJECT + 1)] {
            assert_eq!(text(bad).check(None), Err(("subject", BadText::Unfit)), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_text_that_was_checked_can_be_filled(text in "[a-z{} \\n]{0,40}") {
            if let Ok(blanks) = blanks(&text) {
                let values = blanks.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect();
                prop_assert!(fill(&text, &values).is_ok());
            }
        }
    }
}
