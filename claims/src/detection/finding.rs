//! What a rule finds.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared_events::money::Money;

use crate::marketplace::Marketplace;
use crate::policy::{ClaimType, Window};
use crate::reports::RowKey;

/// What the value of a finding rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What the article costs to buy.
    SourcingCost,
    /// What it sells for, less fees.
    SalesPrice,
    /// What was charged too much, or paid too little.
    Difference,
    /// What was declared or taken back.
    Amount,
}

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Amazon is still looking for the units.
    Researching,
    /// Amazon mostly pays such by itself within days.
    AwaitingAuto,
    /// The window opens later.
    NotYetOpen,
    /// Can be claimed now.
    Claimable,
    /// Too late.
    Expired,
    /// For a person to look at: no policy known, no value known, or not claimable by itself.
    Review,
}

/// One row that a finding rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UsedRow {
    /// The row.
    #[serde(serialize_with = "as_text")]
    pub key: RowKey,
    /// Units of it that are claimed; 0 for a row that was only looked at.
    pub units: i64,
}

fn as_text<S: serde::Serializer>(key: &RowKey, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(key)
}

/// Something owed, or to be owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub claim_type: ClaimType,
    /// Where.
    pub marketplace: Marketplace,
    /// Natural subject, such as `fnsku X001` or `order 113-1 sku SKU1`.
    pub subject: String,
    /// The article.
    pub fnsku: Option<String>,
    /// The seller's number of it.
    pub sku: Option<String>,
    /// Units owed; 1 where it is about one amount.
    pub units: i64,
    /// The rows it rests on.
    pub rows: Vec<UsedRow>,
    /// What the value rests on.
    pub basis: Basis,
    /// Value of one unit; none when it cannot be known, which `arithmetic` explains.
    pub unit_value: Option<Money>,
    /// What is expected in all.
    pub expected_value: Option<Money>,
    /// From when until when; none where no policy is known.
    pub window: Option<Window>,
    /// Where it stands at the time of the evaluation.
    pub status: Status,
    /// By when it should be filed, as seen from then.
    pub safe_file_by: Option<DateTime<Utc>>,
    /// How it was worked out, one step a line.
    pub arithmetic: Vec<String>,
}

impl Finding {
    /// What makes two findings the same one: type, place, subject and clock.
    pub fn natural_key(&self) -> String {
        let clock = self.window.as_ref().map_or_else(String::new, |window| window.clock_start.to_string());
        format!("{}/{}/{}/{clock}", self.claim_type.name(), self.marketplace.code(), self.subject)
    }

    /// Whether it can be claimed now, and for how much.
    pub fn claimable(&self) -> Option<Money> {
        self.expected_value.filter(|_| self.status == Status::Claimable)
    }
}
