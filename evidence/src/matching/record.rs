//! What is compared: records of named values, and pairs of them with or without a label.

use serde::{Deserialize, Serialize};

/// Named values, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record(Vec<(String, String)>);

impl Record {
    /// The value called `name`; a missing one is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The names, in the order of this record.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Two records by their numbers in two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// Number in the left list.
    pub left: u32,
    /// Number in the right list.
    pub right: u32,
}

/// A pair and whether it is one and the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The two records.
    pub pair: Pair,
    /// Whether they match.
    pub matches: bool,
}

/// Two lists of records, each record once.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// For example claims.
    pub left: Vec<Record>,
    /// For example invoice lines.
    pub right: Vec<Record>,
}
