//! What is truly owed.

use chrono::NaiveDate;

/// One thing that is owed and can be claimed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The kind of claim, by its wire name.
    pub claim_type: &'static str,
    /// The marketplace.
    pub marketplace: &'static str,
    /// What it is about, such as `fnsku X001`.
    pub subject: String,
    /// The day that the clock started.
    pub clock: NaiveDate,
    /// Units.
    pub units: i64,
    /// In minor units.
    pub minor: i64,
    /// The currency.
    pub currency: &'static str,
    /// The last day on which it can be claimed; none where the trade publishes none.
    pub until: Option<NaiveDate>,
    /// What really happened.
    pub story: String,
}
