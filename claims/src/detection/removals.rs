//! Units on their way back to the seller: lost, damaged, or fewer than were sent. The reports do not say what arrived, so a
//! parcel counts only once the carrier or the seller has told.

use chrono::{DateTime, Utc};

use super::books::{Books, Rows};
use super::finding::Finding;
use super::lots::{Lot, Lots};
use super::report::Report;
use super::taken_back::{is_paid, unexplained};
use super::valuation;
use crate::policy::ClaimType;
use crate::reasons::ReimbursementReason as Reason;
use crate::reports::RowKey;

pub(crate) fn evaluate(books: &Books, fnsku: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let mut lots = Vec::new();
    let mut about: Vec<(RowKey, ClaimType, &str, &str)> = Vec::new();
    for (key, (place, parcel)) in &rows.removal_shipments {
        let told = rows.deliveries.values().map(|(_, told)| told);
        let tracking = parcel.tracking.as_deref();
        let Some(delivery) =
            told.into_iter().find(|told| told.order_id == parcel.order_id && Some(told.tracking.as_str()) == tracking)
        else {
            continue;
        };
        let sent = format!("{} sent on {}", parcel.quantity, place.date_of(&parcel.shipped_at));
        let (claim_type, lot) = match delivery.delivered_on {
            None => {
                let words = format!("{sent}, never delivered");
                let clock = place.date_of(&parcel.shipped_at);
                (ClaimType::RemovalLost, Lot::new(*key, *place, clock, parcel.quantity, words))
            }
            Some(day) => {
                let words =
                    format!("{sent}, {} arrived whole on {day} and {} damaged", delivery.good, delivery.damaged);
                let units = (parcel.quantity - delivery.good).max(0);
                (ClaimType::RemovalDamagedOrShort, Lot::new(*key, *place, day, units, words))
            }
        };
        about.push((*key, claim_type, &parcel.order_id, &parcel.sku));
        lots.push(lot);
    }
    let mut lots = Lots::new(lots);
    // Units that were paid and are not missing, or no longer: to take that back is right.
    let mut beyond = 0;
    for (_, taken) in rows.taken.values() {
        let came = lots.hold(&taken.rows, i64::MAX, &format!("in our claim {}", taken.claim));
        beyond += if is_paid(rows, taken.case_id.as_deref()) { came } else { 0 };
    }
    let held = |case: &Option<String>| case.is_some() && rows.taken.values().any(|(_, taken)| taken.case_id == *case);
    for (_, paid) in
        rows.reimbursements.values().filter(|(_, paid)| paid.reason == Reason::Removal && !held(&paid.case_id))
    {
        let why = format!("reimbursed ({})", paid.reimbursement_id);
        let mut units = (paid.cash_units + paid.inventory_units).max(0);
        // A reimbursement that names the removal order is for it; another is for the oldest.
        for lot in &mut lots.0 {
            let order = about.iter().find(|(key, ..)| *key == lot.key).map(|(_, _, order, _)| *order);
            if order.is_some() && order == paid.order_id.as_deref() {
                units -= lot.take(units, &why);
            }
        }
        beyond += lots.take_oldest(units, &why);
    }
    let why = (beyond, "arrived after all, or never missing");
    let mut findings = unexplained(books, rows, (&[Reason::Removal], None), why, now);
    for lot in lots.0.iter().filter(|lot| lot.left > 0) {
        let Some((_, claim_type, order, sku)) = about.iter().find(|(key, ..)| *key == lot.key) else { continue };
        let value = valuation::before_order(books, lot.marketplace, fnsku, sku, lot.clock);
        let subject = format!("removal {order} fnsku {fnsku}");
        findings.push(Report::of_lots(*claim_type, &subject, &[lot], value).article(fnsku, sku).finish(books, now));
    }
    findings
}
