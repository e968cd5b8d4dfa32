//! Why a document was not read.

use serde::{Deserialize, Serialize};

/// What becomes of a document that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Not a kind of file that is taken.
    Unsupported,
    /// Broken, incomplete or breaking a rule of its own format.
    ParseFailed,
    /// Made to do harm, or indistinguishable from that: kept away from everybody until a person has looked.
    Quarantined,
    /// Whole, and nothing an invoice is read from: a photo without text, a table, a mail. It is kept as it is.
    Kept,
    /// Not the document's fault: the machine was too busy, or a program is missing. It is tried again.
    Later,
}

/// A document that was not read, with the rule that it broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct Refusal {
    /// What becomes of it.
    pub fate: Fate,
    /// A stable name of the rule.
    pub rule: String,
    /// A sentence for a person.
    pub reason: String,
}

impl Refusal {
    /// It breaks a rule of its format.
    pub fn invalid(rule: &str, reason: impl Into<String>) -> Self {
        Self { fate: Fate::ParseFailed, rule: rule.into(), reason: reason.into() }
    }

    /// There is no invoice in it, and nothing wrong with it.
    pub fn kept(rule: &str, reason: impl Into<String>) -> Self {
        Self { fate: Fate::Kept, rule: rule.into(), reason: reason.into() }
    }

    /// It was not the document's fault.
    pub fn later(rule: &str, reason: impl Into<String>) -> Self {
        Self { fate: Fate::Later, rule: rule.into(), reason: reason.into() }
    }

    /// It may be an attack.
    pub fn hostile(rule: &str, reason: impl Into<String>) -> Self {
        Self { fate: Fate::Quarantined, rule: rule.into(), reason: reason.into() }
    }
}
