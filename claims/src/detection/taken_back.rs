//! Reimbursements that Amazon took back: what explains that, and what is left to dispute.

use chrono::{DateTime, Utc};
use shared_events::money::Money;

use super::books::{Books, Rows};
use super::finding::{Basis, Finding};
use super::lots::{Lot, Lots};
use super::report::Report;
use super::valuation::Valued;
use crate::policy::ClaimType;
use crate::reasons::ReimbursementReason as Reason;
use crate::reports::{Reimbursement, RowKey};

/// A reimbursement taken back.
pub(crate) struct TakenBack<'a> {
    pub(crate) key: RowKey,
    pub(crate) row: &'a Reimbursement,
    /// The reimbursement that it takes back.
    pub(crate) original: Option<RowKey>,
    /// Units of it that were rightly taken back, and why.
    pub(crate) explained: Vec<(i64, &'static str)>,
}

/// Units that a row takes back.
pub(crate) fn units_of(row: &Reimbursement) -> i64 {
    -(row.cash_units + row.inventory_units).min(0)
}

impl TakenBack<'_> {
    /// What is left to dispute; none when nothing is.
    pub(crate) fn finding(&self, books: &Books, rows: &Rows, now: DateTime<Utc>) -> Option<Finding> {
        let Self { key, row, original, explained } = self;
        let (units, place) = (units_of(row), rows.reimbursements.get(key)?.0);
        let day = place.date_of(&row.approved_at);
        let words = format!("{units} taken back on {day} ({})", row.reimbursement_id);
        let mut lot = Lot::new(*key, place, day, units, words);
        for (units, why) in explained {
            lot.take(*units, why);
        }
        let mut lots = Lots(vec![lot]);
        for (_, taken) in rows.taken.values() {
            lots.hold(&taken.rows, i64::MAX, &format!("in our claim {}", taken.claim));
        }
        if row.cash_units >= 0 || lots.0[0].left == 0 {
            return None;
        }
        let unit = Money::new(row.per_unit.minor.abs(), row.per_unit.currency);
        let value = Valued { unit: Some(unit), basis: Basis::Amount, words: format!("taken back at {unit}") };
        let subject = format!("reversal {} fnsku {}", row.reimbursement_id, row.fnsku);
        let report = Report::of_lots(ClaimType::ReimbursementReversedUnmatched, &subject, &[&lots.0[0]], value);
        let mut report = report.article(&row.fnsku, &row.sku);
        report.also(*original);
        Some(report.finish(books, now))
    }
}

/// What was taken back of payments for one article and reason though the units never came: `beyond` units were paid that are not missing,
/// which explains as many, the oldest first. A row whose payment is not known says too little.
pub(crate) fn unexplained(
    books: &Books,
    rows: &Rows,
    (reasons, sku): (&[Reason], Option<&str>),
    (mut beyond, why): (i64, &'static str),
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let concerns = |row: &Reimbursement| {
        let for_reason = row.subject_reason().is_some_and(|reason| reasons.contains(reason));
        row.is_reversal() && for_reason && sku.is_none_or(|sku| row.sku == sku)
    };
    let mut taken_back: Vec<_> = rows.reimbursements.iter().filter(|(_, (_, row))| concerns(row)).collect();
    taken_back.sort_by_key(|(key, (_, row))| (row.approved_at, **key));
    let mut findings = Vec::new();
    for (key, (_, row)) in taken_back {
        let is_original =
            |other: &Reimbursement| Some(&other.reimbursement_id) == row.original_id.as_ref() && !other.is_reversal();
        let Some((original, _)) = rows.reimbursements.iter().find(|(_, (_, other))| is_original(other)) else {
            continue;
        };
        let explained = beyond.clamp(0, units_of(row));
        beyond -= explained;
        let it = TakenBack { key: *key, row, original: Some(*original), explained: vec![(explained, why)] };
        findings.extend(it.finding(books, rows, now));
    }
    findings
}

/// Whether a reimbursement for one of our cases came.
pub(crate) fn is_paid(rows: &Rows, case: Option<&str>) -> bool {
    case.is_some()
        && rows.reimbursements.values().any(|(_, paid)| !paid.is_reversal() && paid.case_id.as_deref() == case)
}
