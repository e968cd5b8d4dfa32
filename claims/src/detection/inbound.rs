//! Units that were sent to Amazon and did not arrive, or were damaged while Amazon received them.

use chrono::{DateTime, Utc};

use super::books::{Books, Rows};
use super::finding::Finding;
use super::lots::{Lot, Lots};
use super::report::Report;
use super::taken_back::{is_paid, unexplained};
use super::valuation;
use crate::policy::ClaimType;
use crate::reasons::ReimbursementReason as Reason;
use crate::reports::Disposition;

pub(crate) fn evaluate(books: &Books, fnsku: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let (mut short, mut damaged) = (Vec::new(), Vec::new());
    for (key, (place, item)) in &rows.inbound {
        // Before Amazon has closed the shipment, nothing is missing yet.
        let Some(clock) = item.delivered_on.filter(|_| item.closed) else { continue };
        let receipts = || rows.ledger.iter().filter(|(_, (_, row))| row.reference == item.shipment_id);
        let in_ledger: i64 = receipts().map(|(_, (_, row))| row.quantity).sum();
        let received = item.received.max(in_ledger);
        let words = format!(
            "{} sent with {}, {} received (shipment says {}, ledger {in_ledger})",
            item.shipped, item.shipment_id, received, item.received
        );
        let missing = (item.shipped - received).max(0);
        short.push(Lot::new(*key, *place, clock, missing, words));
        for (key, (place, row)) in receipts().filter(|(_, (_, row))| row.quantity > 0) {
            let amazons = match row.disposition {
                Disposition::WarehouseDamaged => true,
                Disposition::CarrierDamaged => item.partnered,
                _ => false,
            };
            if amazons {
                let words = format!("{} received damaged on {} with {}", row.quantity, row.day, item.shipment_id);
                damaged.push(Lot::new(*key, *place, clock, row.quantity, words));
            }
        }
    }
    let sku = rows.inbound.values().map(|(_, item)| item.sku.as_str()).next().unwrap_or_default();
    let mut findings = Vec::new();
    let kinds = [
        (ClaimType::InboundShortage, Reason::LostInbound, Lots::new(short)),
        (ClaimType::InboundDamaged, Reason::DamagedInbound, Lots::new(damaged)),
    ];
    for (claim_type, reason, mut lots) in kinds {
        let ours = || rows.taken.values().map(|(_, taken)| taken).filter(|taken| taken.claim_type == claim_type);
        // Units that were paid and are not missing, or no longer: to take that back is right.
        let mut beyond = 0;
        for taken in ours() {
            let came = lots.hold(&taken.rows, i64::MAX, &format!("in our claim {}", taken.claim));
            beyond += if is_paid(rows, taken.case_id.as_deref()) { came } else { 0 };
        }
        let held = |case: &Option<String>| case.is_some() && ours().any(|taken| taken.case_id == *case);
        for (_, paid) in rows.reimbursements.values().filter(|(_, paid)| paid.reason == reason && !held(&paid.case_id))
        {
            beyond += lots.take_oldest(
                paid.cash_units + paid.inventory_units,
                &format!("reimbursed ({})", paid.reimbursement_id),
            );
        }
        let why = (beyond, "received after all, or never missing");
        findings.extend(unexplained(books, rows, (&[reason], None), why, now));
        for lot in lots.0.iter().filter(|lot| lot.left > 0) {
            let shipment = rows.inbound.get(&lot.key).map(|(_, item)| item.shipment_id.as_str());
            let shipment = shipment
                .or_else(|| rows.ledger.get(&lot.key).map(|(_, row)| row.reference.as_str()))
                .unwrap_or_default();
            let value = valuation::before_order(books, lot.marketplace, fnsku, sku, lot.clock);
            let subject = format!("shipment {shipment} fnsku {fnsku}");
            findings.push(Report::of_lots(claim_type, &subject, &[lot], value).article(fnsku, sku).finish(books, now));
        }
    }
    findings
}
