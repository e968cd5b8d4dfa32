//! What customers got back: refunds and replacements whose units never came home, units that came home broken by Amazon, and
//! refunds beyond what was charged.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use shared_events::money::Money;

use super::books::{Books, Rows, Subject};
use super::finding::{Basis, Finding};
use super::lots::{Lot, Lots};
use super::report::Report;
use super::taken_back::{is_paid, unexplained};
use super::valuation::{self, Sold, Valued, postings_of};
use crate::marketplace::Marketplace;
use crate::policy::ClaimType;
use crate::reasons::ReimbursementReason as Reason;
use crate::reports::{Disposition, RowKey};

pub(crate) fn evaluate(books: &Books, order: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let mut skus: BTreeSet<&str> = rows.sales.values().map(|(_, sale)| sale.sku.as_str()).collect();
    skus.extend(rows.replacements.values().map(|(_, row)| row.sku.as_str()));
    skus.extend(rows.returns.values().map(|(_, row)| row.sku.as_str()));
    let mut findings = Vec::new();
    for sku in skus {
        let sold = valuation::sold(rows, sku);
        let fnsku = rows.sales.values().find(|(_, sale)| sale.sku == sku).map_or("", |(_, sale)| sale.fnsku.as_str());
        let netted = not_returned(rows, sku, sold.as_ref());
        let why = (netted.paid_beyond + netted.claimed_beyond, "sent back since, or never missing");
        findings.extend(unexplained(books, rows, (&[Reason::CustomerReturn], Some(sku)), why, now));
        for (claim_type, group) in netted.groups {
            let subject = format!("order {order} sku {sku}");
            let lots: Vec<&Lot> = group.iter().collect();
            let value = valuation::after_order(books, order, sku);
            findings.push(Report::of_lots(claim_type, &subject, &lots, value).article(fnsku, sku).finish(books, now));
        }
        findings.extend(sold.and_then(|sold| over_refund(books, order, rows, sku, &sold, now)));
    }
    findings
}

/// A refund of one day: how many whole units it stands for, and the row.
struct Refund {
    key: RowKey,
    place: Marketplace,
    day: NaiveDate,
    units: i64,
}

/// Refunds, oldest first. Settlements do not say for how many units: only what was paid for whole units counts.
fn refunds(rows: &Rows, sku: &str, sold: &Sold) -> Vec<Refund> {
    let mut postings: Vec<_> = postings_of(rows, sku, "Refund")
        .filter(|(_, _, posting)| posting.description == "Principal" && posting.amount.minor < 0)
        .collect();
    postings.sort_by_key(|(key, _, posting)| (posting.day, *key));
    let (mut paid, mut counted) = (0_i64, 0_i64);
    let mut refunds = Vec::new();
    for (key, place, posting) in postings {
        paid -= posting.amount.minor;
        let whole = if sold.unit_price.minor > 0 { (paid / sold.unit_price.minor).min(sold.units) } else { 0 };
        if whole > counted {
            refunds.push(Refund { key, place, day: posting.day, units: whole - counted });
            counted = whole;
        }
    }
    refunds
}

/// A payment so many days after a unit came back broken is for that unit; Amazon pays for what never came back much later.
const BROKEN_PAID_DAYS: u64 = 14;

/// What is open of an order after what was paid and what is claimed.
struct Netted {
    /// Units that should be back and are not, and units that came back broken.
    groups: Vec<(ClaimType, Vec<Lot>)>,
    /// Units that were paid beyond both.
    paid_beyond: i64,
    /// Units that were paid by claims of ours and are neither any longer.
    claimed_beyond: i64,
}

fn not_returned(rows: &Rows, sku: &str, sold: Option<&Sold>) -> Netted {
    let mut kinds: Vec<(RowKey, ClaimType)> = Vec::new();
    let mut lots = Vec::new();
    let refunds = sold.map(|sold| refunds(rows, sku, sold)).unwrap_or_default();
    for refund in &refunds {
        let words = format!("{} refunded on {}", refund.units, refund.day);
        kinds.push((refund.key, ClaimType::ReturnNotReceived));
        lots.push(Lot::new(refund.key, refund.place, refund.day, refund.units, words));
    }
    for (key, (place, row)) in rows.replacements.iter().filter(|(_, (_, row))| row.sku == sku) {
        let day = place.date_of(&row.shipped_at);
        kinds.push((*key, ClaimType::ReplacementNotReturned));
        lots.push(Lot::new(
            *key,
            *place,
            day,
            row.quantity,
            format!("{} replaced on {day} ({})", row.quantity, row.order_id),
        ));
    }
    let mut missing = Lots::new(lots);
    let returns: Vec<_> = rows.returns.iter().filter(|(_, (_, row))| row.sku == sku).collect();
    let back: i64 = returns.iter().map(|(_, (_, row))| row.quantity).sum();
    missing.take_oldest(back, "sent back");

    // Broken units were sent back as well: they are owed instead of being missing.
    let by_amazon =
        |disposition: &Disposition| matches!(disposition, Disposition::CarrierDamaged | Disposition::WarehouseDamaged);
    let mut broken = Vec::new();
    let mut returned_on: Vec<(RowKey, NaiveDate)> = Vec::new();
    for (key, (place, row)) in returns.iter().filter(|(_, (_, row))| by_amazon(&row.disposition)) {
        let returned = place.date_of(&row.returned_at);
        // The clock is the refund's; a return without one counts from its own day.
        let clock = refunds.first().map_or(returned, |refund| refund.day);
        let words = format!("{} came back damaged by Amazon or its carrier on {returned}", row.quantity);
        kinds.push((**key, ClaimType::ReturnAmazonFaultUnsellable));
        returned_on.push((**key, returned));
        broken.push(Lot::new(**key, refunds.first().map_or(*place, |refund| refund.place), clock, row.quantity, words));
    }
    let mut all = missing.0;
    all.extend(broken);
    let mut all = Lots::new(all);
    let (mut by_case, mut claimed_beyond) = (Vec::new(), 0);
    for (_, taken) in rows.taken.values() {
        let ours: i64 =
            taken.rows.iter().filter(|(key, _)| all.0.iter().any(|lot| lot.key == *key)).map(|(_, units)| units).sum();
        let came = all.hold(&taken.rows, ours, &format!("in our claim {}", taken.claim));
        claimed_beyond += if is_paid(rows, taken.case_id.as_deref()) { came } else { 0 };
        by_case.extend(taken.case_id.as_deref().map(|case| (case, ours)));
    }
    let mut paid_beyond = 0;
    let mut paid: Vec<_> = rows.reimbursements.iter().filter(|(_, (_, row))| row.sku == sku).collect();
    paid.sort_by_key(|(key, (_, row))| (row.approved_at, **key));
    for (_, (place, row)) in paid {
        // What is taken back opens nothing again: after a return it is right, and without one the taking back itself is disputed.
        let mut units = row.cash_units + row.inventory_units;
        if units <= 0 {
            continue;
        }
        if let Some((_, held)) = by_case.iter_mut().find(|(case, _)| row.case_id.as_deref() == Some(*case)) {
            let covered = units.clamp(0, *held);
            *held -= covered;
            units -= covered;
        }
        let why = format!("reimbursed ({})", row.reimbursement_id);
        let approved = place.date_of(&row.approved_at);
        let soon = |day: NaiveDate| day <= approved && approved <= day + Days::new(BROKEN_PAID_DAYS);
        // Then what never came back, oldest first, and broken units last.
        let rank = |lot: &Lot| match returned_on.iter().find(|(key, _)| *key == lot.key) {
            Some((_, day)) if soon(*day) => 0,
            None => 1,
            Some(_) => 2,
        };
        for wanted in 0..3 {
            for lot in all.0.iter_mut().filter(|lot| rank(lot) == wanted) {
                units -= lot.take(units, &why);
            }
        }
        paid_beyond += units;
    }
    let kind_of = |lot: &Lot| kinds.iter().find(|(key, _)| *key == lot.key).map(|(_, kind)| *kind);
    let mut groups: Vec<(ClaimType, Vec<Lot>)> = Vec::new();
    for lot in all.0.into_iter().filter(|lot| lot.left > 0) {
        let Some(kind) = kind_of(&lot) else { continue };
        match groups.iter_mut().find(|(other, lots)| *other == kind && lots[0].clock == lot.clock) {
            Some((_, lots)) => lots.push(lot),
            None => groups.push((kind, vec![lot])),
        }
    }
    Netted { groups, paid_beyond, claimed_beyond }
}

/// Units of an order that were paid though they were neither missing nor broken.
pub(crate) fn paid_beyond(books: &Books, order: &str, sku: &str) -> i64 {
    let rows = books.rows.get(&Subject::Order(order.to_owned()));
    rows.map_or(0, |rows| not_returned(rows, sku, valuation::sold(rows, sku).as_ref()).paid_beyond)
}

fn over_refund(books: &Books, order: &str, rows: &Rows, sku: &str, sold: &Sold, now: DateTime<Utc>) -> Option<Finding> {
    let mut postings: Vec<_> =
        postings_of(rows, sku, "Refund").filter(|(_, _, posting)| posting.description == "Principal").collect();
    postings.sort_by_key(|(key, _, posting)| (posting.day, *key));
    let refunded: i64 = -postings.iter().map(|(_, _, posting)| posting.amount.minor).sum::<i64>();
    let (key, place, last) = postings.last()?;
    let beyond = refunded - sold.principal;
    let settled = sold.principal > 0;
    if !settled || beyond <= 0 || is_taken(rows, ClaimType::OverRefund, *key) {
        return None;
    }
    let money = |minor| Money::new(minor, sold.unit_price.currency);
    let words = format!("refunded {}, charged {}", money(refunded), money(sold.principal));
    let value = Valued { unit: Some(money(beyond)), basis: Basis::Difference, words };
    let subject = format!("order {order} sku {sku}");
    Some(
        Report::of_amount(ClaimType::OverRefund, &subject, (*place, last.day), *key, value)
            .article("", sku)
            .finish(books, now),
    )
}

/// Whether a claim of ours is about this row.
pub(crate) fn is_taken(rows: &Rows, claim_type: ClaimType, key: RowKey) -> bool {
    let claims = rows.taken.values().map(|(_, taken)| taken).filter(|taken| taken.claim_type == claim_type);
    claims.flat_map(|taken| &taken.rows).any(|(row, _)| *row == key)
}
