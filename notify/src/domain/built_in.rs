//! The templates that everybody has, with their texts in `data/templates.json`. Tenants write texts of their own over them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use shared_events::notify::Channel;

use super::template::Text;

/// A template that everybody has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltIn {
    /// Of which kind its notifications are.
    pub category: String,
    /// By which channels they go unless the recipient wants otherwise.
    pub channels: Vec<Channel>,
    /// What its blanks can be.
    pub variables: Vec<String>,
    /// By language.
    pub texts: BTreeMap<String, Text>,
}

/// All of them, by their names.
pub static ALL: LazyLock<BTreeMap<String, BuiltIn>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/templates.json")).expect("a test reads the file that is built in")
});

/// Kinds of notifications that a recipient can choose about.
pub const CATEGORIES: [&str; 5] = ["orders", "payouts", "claims", "prompts", "general"];
/// A kind that nobody can switch off: what has to be known to keep the account going.
pub const ACCOUNT: &str = "account";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::language::{DEFAULT, tag};

    #[test]
    fn every_text_fits_its_template() {
        assert!(ALL.len() >= 10);
        for (name, template) in ALL.iter() {
            let known = CATEGORIES.contains(&template.category.as_str()) || template.category == ACCOUNT;
            assert!(known, "{name}: {}", template.category);
            assert!(template.texts.contains_key(DEFAULT), "{name} has no English text");
            assert!(template.channels.contains(&Channel::InApp), "{name} is in no list");
            for (language, text) in &template.texts {
                assert_eq!(tag(language).as_ref(), Some(language));
                assert_eq!(text.check(Some(&template.variables)), Ok(()), "{name} in {language}");
            }
        }
    }
}
