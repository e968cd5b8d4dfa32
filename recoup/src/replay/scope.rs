//! What can be compared: rows that follow from the messages that were applied, and from nothing else.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use serde_json::Value;
use uuid::Uuid;

use super::live::{Live, set_tenant};
use super::tables::CALCULATED;

/// How much of a row is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nothing.
    Skip,
    /// Everything but volatile columns.
    Whole,
    /// These columns.
    Only(&'static [&'static str]),
}

/// What is compared of which row.
#[derive(Default)]
pub struct Scope {
    /// Messages that were applied, with the time of their handling.
    pub applied: HashMap<Uuid, DateTime<Utc>>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// Only rows that name one of these.
    named: Option<HashSet<String>>,
    /// Partners that have a past older than what is kept: their balances and payouts cannot be rebuilt.
    old_partners: HashSet<String>,
    /// Months in which such a past counts for tiers and caps.
    old_months: HashSet<String>,
    /// Commissions and payouts that something happened to after `to`.
    moved: HashSet<Uuid>,
    /// Commissions of the live service that follow from messages which were not applied.
    pub older: u64,
    compared: HashSet<Uuid>,
}

impl Scope {
    /// Looks at the live tables for what the messages applied do not explain.
    pub async fn of(
        live: &mut Live,
        applied: HashMap<Uuid, DateTime<Utc>>,
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        key: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut scope =
            Self { applied, from, to, named: key.map(|key| HashSet::from([key.to_owned()])), ..Self::default() };
        for tenant in live.tenants.clone() {
            set_tenant(&mut live.connection, &tenant).await?;
            scope.commissions(live, &tenant).await?;
            scope.movements(live, &tenant).await?;
            // What a payout pays changes with it.
            let sql = "WITH later AS (SELECT id FROM payouts WHERE greatest(requested_at, approved_at, submitted_at, finished_at) > $1)
                       SELECT id FROM later UNION SELECT commission_id FROM payout_allocations WHERE payout_id IN (SELECT id FROM later)";
            if let Some(to) = to {
                scope.moved.extend(sqlx::query_scalar::<_, Uuid>(sql).bind(to).fetch_all(&mut live.connection).await?);
            }
        }
        Ok(scope)
    }

    async fn commissions(&mut self, live: &mut Live, tenant: &str) -> anyhow::Result<()> {
        type Row = (Uuid, Uuid, Uuid, String, Uuid, String, NaiveDate, DateTime<Utc>);
        let sql = "SELECT id, cause, conversion_id, partner, campaign_id, rewarded_on::text, month, calculated_at FROM commissions";
        let mut rows = sqlx::query_as::<_, Row>(sql).fetch(&mut live.connection);
        while let Some((id, cause, conversion, partner, campaign, on, month, at)) = rows.try_next().await? {
            if !self.applied.contains_key(&cause) && self.to.is_none_or(|to| at <= to) {
                self.older += 1;
                self.old_months.insert(format!("{tenant}|{partner}|{campaign}|{on}|{month}"));
                self.old_partners.insert(format!("{tenant}|{partner}"));
            }
            if let Some(named) = &mut self.named
                && named.contains(&conversion.to_string())
            {
                named.insert(id.to_string());
            }
        }
        Ok(())
    }

    async fn movements(&mut self, live: &mut Live, tenant: &str) -> anyhow::Result<()> {
        type Row = (String, Option<Uuid>, Option<Uuid>, Option<Uuid>, DateTime<Utc>);
        let sql = "SELECT partner, commission_id, payout_id, cause, at FROM ledger WHERE movement <> 'calculated'";
        let mut rows = sqlx::query_as::<_, Row>(sql).fetch(&mut live.connection);
        while let Some((partner, commission, payout, cause, at)) = rows.try_next().await? {
            if self.to.is_some_and(|to| at > to) {
                self.moved.extend([commission, payout].into_iter().flatten());
            } else if cause.is_some_and(|cause| !self.applied.contains_key(&cause)) {
                self.old_partners.insert(format!("{tenant}|{partner}"));
            }
        }
        Ok(())
    }

    /// Whether everything follows from the messages applied.
    pub fn is_complete(&self) -> bool {
        self.old_partners.is_empty() && self.named.is_none()
    }

    /// Whether a message's effects are within the window.
    pub fn covers(&self, message: &Uuid) -> bool {
        self.applied.get(message).is_some_and(|at| self.from.is_none_or(|from| *at >= from))
    }

    /// Judges a row of either side. Rows of `commissions` and `payouts` are judged before those that refer to them.
    pub fn judge(&mut self, table: &str, row: &Value) -> Measure {
        let text = |column: &str| row[column].as_str().unwrap_or_default();
        let id = |column: &str| row[column].as_str().and_then(|text| Uuid::try_parse(text).ok());
        if self.named.as_ref().is_some_and(|named| !NAMES.iter().any(|column| named.contains(text(column)))) {
            return Measure::Skip;
        }
        let time = |column: &str| text(column).parse::<DateTime<Utc>>().ok();
        let partner = format!("{}|{}", text("tenant"), text("partner"));
        let old = self.old_partners.contains(&partner);
        let month = format!("{partner}|{}|{}|{}", text("campaign_id"), text("rewarded_on"), text("month"));
        let caused = id("cause").is_some_and(|cause| self.covers(&cause));
        let fine = |fine: bool| if fine { Measure::Whole } else { Measure::Skip };
        let measure = match table {
            "reward_rules" => fine(self.to.is_none_or(|to| time("received_at").is_some_and(|at| at <= to))),
            "commissions" if !caused || self.old_months.contains(&month) => Measure::Skip,
            "commissions" if old && !row["reverses"].is_null() => Measure::Skip,
            "commissions" if old || id("id").is_some_and(|id| self.moved.contains(&id)) => Measure::Only(&CALCULATED),
            "commissions" | "refunds" | "revisions" | "payout_batches" => fine(caused),
            "customers" => fine(self.to.is_none() && self.old_partners.is_empty()),
            "partner_months" => fine(self.to.is_none() && !self.old_months.contains(&month)),
            "balances" => fine(self.to.is_none() && !old),
            "payouts" => fine(caused && !old && id("id").is_some_and(|id| !self.moved.contains(&id))),
            "payout_allocations" => fine(id("payout_id").is_some_and(|id| self.compared.contains(&id))),
            "ledger" if old && text("movement") != "calculated" => Measure::Skip,
            "ledger" if row["cause"].is_null() => {
                let in_time = self.to.is_none_or(|to| time("at").is_some_and(|at| at <= to));
                fine(in_time && id("commission_id").is_some_and(|id| self.compared.contains(&id)))
            }
            "ledger" => fine(caused),
            "command_outcomes" => {
                fine(self.old_partners.is_empty() && id("command_id").is_some_and(|id| self.covers(&id)))
            }
            _ => Measure::Skip,
        };
        if measure != Measure::Skip && matches!(table, "commissions" | "payouts") {
            self.compared.extend(id("id"));
        }
        measure
    }
}

/// Columns by which a row is about something.
pub const NAMES: [&str; 10] = [
    "id",
    "conversion_id",
    "commission_id",
    "payout_id",
    "batch_id",
    "refund_id",
    "command_id",
    "campaign_id",
    "reverses",
    "partner",
];
