//! Returns that never appear in the ledger.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::books::{Books, Rows};
use super::finding::Finding;
use super::lots::{Lot, Lots};
use super::orders;
use super::report::Report;
use super::valuation;
use crate::policy::ClaimType;
use crate::reports::{Disposition, LedgerEvent};

/// The ledger may be a few days ahead of the return report.
const EARLY_DAYS: u64 = 3;

pub(crate) fn evaluate(books: &Books, fnsku: &str, rows: &Rows, now: DateTime<Utc>) -> Vec<Finding> {
    let mut events: Vec<_> =
        rows.ledger.iter().map(|(key, (_, row))| (row.day, *key, row, row.quantity.max(0))).collect();
    events.sort_by_key(|(day, key, ..)| (*day, *key));
    let days = Days::new(u64::from(books.policy.valuation.restock_days));
    let mut returns: Vec<_> =
        rows.returns.iter().map(|(key, (place, row))| (place.date_of(&row.returned_at), *key, *place, row)).collect();
    returns.sort_by_key(|(day, key, ..)| (*day, *key));
    let mut lots: Vec<Lot> = returns
        .iter()
        .map(|(day, key, place, row)| {
            Lot::new(*key, *place, *day, row.quantity, format!("{} came back on {day}", row.quantity))
        })
        .collect();
    // The ledger names no order: the surest pairs first, then whatever fits in time.
    let within = |at: NaiveDate, day: NaiveDate| at + Days::new(EARLY_DAYS) >= day && at <= day + days;
    for sureness in 0..4 {
        for (lot, (day, _, _, row)) in lots.iter_mut().zip(&returns) {
            let fits = |at: NaiveDate, event: &LedgerEvent| {
                let same_state = event.disposition == row.disposition;
                match sureness {
                    0 => at == *day && event.center == row.center && same_state,
                    1 => at == *day && same_state,
                    2 => within(at, *day) && same_state,
                    _ => within(at, *day),
                }
            };
            for (at, _, _, units) in events.iter_mut().filter(|(at, _, event, _)| fits(*at, event)) {
                *units -= lot.take(*units, &format!("in the ledger on {at}"));
            }
        }
    }
    let mut findings = Vec::new();
    for (lot, (day, _, _, row)) in lots.into_iter().zip(&returns) {
        // Broken ones are claimed as such; and the ledger must be known for as long as it may take.
        let broken = matches!(row.disposition, Disposition::CarrierDamaged | Disposition::WarehouseDamaged);
        let known = books.ledger_until.is_some_and(|until| until > *day + days);
        if broken || !known || lot.left == 0 {
            continue;
        }
        let mut lots = Lots(vec![lot]);
        for (_, taken) in rows.taken.values() {
            lots.hold(&taken.rows, i64::MAX, &format!("in our claim {}", taken.claim));
        }
        // What was paid for units that never came or came broken is not for this one.
        lots.take_oldest(orders::paid_beyond(books, &row.order_id, &row.sku), "reimbursed for this order");
        if lots.0[0].left > 0 {
            let subject = format!("order {} sku {}", row.order_id, row.sku);
            let value = valuation::after_order(books, &row.order_id, &row.sku);
            let report = Report::of_lots(ClaimType::ReturnRestockMissing, &subject, &[&lots.0[0]], value);
            findings.push(report.article(fnsku, &row.sku).finish(books, now));
        }
    }
    findings
}
