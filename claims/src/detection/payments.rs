//! Reimbursements that were too low, or approved and never paid.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use shared_events::money::{Currency, Money};

use super::books::{Books, Rows};
use super::finding::{Basis, Finding};
use super::orders::is_taken;
use super::report::Report;
use super::valuation::{self, Valued};
use crate::policy::ClaimType;
use crate::reasons::ReimbursementReason as Reason;
use crate::reports::{Reimbursement, RowKey};

pub(crate) fn evaluate(books: &Books, sku: &str, currency: Currency, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, (place, paid)) in &rows.reimbursements {
        if paid.cash_units <= 0 || paid.total.minor <= 0 || is_taken(rows, ClaimType::ReimbursedUndervalued, *key) {
            continue;
        }
        let day = place.date_of(&paid.approved_at);
        let Some((expected, words)) = expected(books, paid, day) else { continue };
        let short = expected.minor - paid.per_unit.minor;
        if short <= 0 || expected.currency != paid.per_unit.currency {
            continue;
        }
        // What was taken back again was not paid too low.
        let of_this =
            |row: &Reimbursement| row.is_reversal() && row.original_id.as_deref() == Some(&paid.reimbursement_id);
        let taken_back: i64 =
            rows.reimbursements.values().filter(|(_, row)| of_this(row)).map(|(_, row)| row.cash_units).sum();
        let units = paid.cash_units + taken_back;
        if units <= 0 {
            continue;
        }
        let total = Money::new(short * units, paid.per_unit.currency);
        let words = format!("{words}; paid {} for each of {units}", paid.per_unit);
        let value = Valued { unit: Some(total), basis: Basis::Difference, words };
        let subject = format!("reimbursement {} sku {sku}", paid.reimbursement_id);
        let report = Report::of_amount(ClaimType::ReimbursedUndervalued, &subject, (*place, day), *key, value);
        findings.push(report.article(&paid.fnsku, sku).finish(books, now));
    }
    findings.extend(not_paid(books, sku, currency, rows, now));
    findings
}

/// What one unit should have brought, by the rule of the reason and the day.
fn expected(books: &Books, paid: &Reimbursement, day: NaiveDate) -> Option<(Money, String)> {
    let value = match &paid.reason {
        Reason::LostWarehouse
        | Reason::DamagedWarehouse
        | Reason::LostInbound
        | Reason::DamagedInbound
        | Reason::Removal => {
            if day < books.policy.valuation.sourcing_cost_from {
                return None;
            }
            return valuation::cost_on(books, &paid.fnsku, paid.per_unit.currency, day).map(|(unit, words)| {
                let cap = books.policy.valuation.caps.iter().find(|cap| cap.currency == unit.currency);
                (cap.filter(|cap| cap.minor < unit.minor).copied().unwrap_or(unit), words)
            });
        }
        Reason::CustomerReturn => valuation::after_order(books, paid.order_id.as_deref()?, &paid.sku),
        _ => return None,
    };
    value.unit.map(|unit| (unit, value.words))
}

/// The day this many business days later.
pub(crate) fn business_days_after(day: NaiveDate, count: u32) -> NaiveDate {
    let mut at = day;
    let mut left = count;
    while left > 0 {
        at = at + Days::new(1);
        if !matches!(at.weekday(), Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    at
}

fn not_paid(books: &Books, sku: &str, currency: Currency, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let Some(known_until) = books.settled_until.get(&currency) else { return Vec::new() };
    let mut approved: Vec<_> = rows.reimbursements.iter().filter(|(_, (_, paid))| paid.total.minor > 0).collect();
    // The newest first: a posting is for the last approval before it.
    approved.sort_by_key(|(key, (_, paid))| std::cmp::Reverse((paid.approved_at, **key)));
    let mut used: Vec<RowKey> = Vec::new();
    let mut findings = Vec::new();
    for (key, (place, paid)) in approved {
        let day = place.date_of(&paid.approved_at);
        let due = business_days_after(day, books.policy.valuation.payment_business_days);
        let arrived = rows.postings.iter().filter(|(at, (_, posting))| {
            let same_reason = Reason::of(&posting.description) == paid.reason;
            let same_order = posting.order_id == paid.order_id || posting.order_id.is_none();
            same_reason && same_order && posting.amount == paid.total && posting.day >= day && !used.contains(at)
        });
        if let Some((at, _)) = arrived.min_by_key(|(at, (_, posting))| (posting.day, **at)) {
            used.push(*at);
            continue;
        }
        if due >= *known_until || is_taken(rows, ClaimType::ApprovedNotPaid, *key) {
            continue;
        }
        let words = format!("{} approved on {day}; no such posting until {known_until}, due by {due}", paid.total);
        let value = Valued { unit: Some(paid.total), basis: Basis::Amount, words };
        let subject = format!("reimbursement {} sku {sku}", paid.reimbursement_id);
        let report = Report::of_amount(ClaimType::ApprovedNotPaid, &subject, (*place, day), *key, value);
        findings.push(report.article(&paid.fnsku, sku).finish(books, now));
    }
    findings
}
