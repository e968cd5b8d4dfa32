//! Shipments to Amazon.

use chrono::{Days, Months, NaiveDate};

use super::Sent;
use super::chance::Chance;
use super::money_files::Moved;
use super::region::{Article, Paid, Region};
use super::reversals::{Cause, Settled};

pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article) {
    for _ in 0..chance.between(1, 3) {
        let delivered = region.first + Days::new(chance.between(0, 330).unsigned_abs());
        let shipment_id = format!("FBA{}", region.number());
        let shipped = chance.between(20, 60);
        let closed = chance.percent(90);
        let short = if chance.percent(35) { chance.between(1, 4) } else { 0 };
        // Some of it turns up after the shipment was closed; only the ledger tells.
        let late = if short > 0 && chance.percent(30) { 1 } else { 0 };
        let broken = if chance.percent(15) { chance.between(1, 2) } else { 0 };
        let received = shipped - short;
        receive(region, article, &shipment_id, delivered + Days::new(3), received - broken, "SELLABLE");
        if broken > 0 {
            receive(region, article, &shipment_id, delivered + Days::new(3), broken, "WAREHOUSE_DAMAGED");
        }
        if late > 0 {
            receive(region, article, &shipment_id, (delivered + Days::new(30)).min(region.last), late, "SELLABLE");
        }
        region.sent.push(Sent {
            shipment_id: shipment_id.clone(),
            sku: article.sku.clone(),
            fnsku: article.fnsku.clone(),
            shipped,
            received,
            closed,
            delivered_on: Some(delivered),
            partnered: chance.percent(50),
            marketplace: region.marketplace,
        });
        if closed {
            let subject = format!("shipment {shipment_id} fnsku {}", article.fnsku);
            owe(region, article, "inbound_shortage", &subject, delivered, short - late);
            owe(region, article, "inbound_damaged", &subject, delivered, broken);
        }
    }
    pay_oldest(region, chance, article);
}

pub(crate) fn receive(
    region: &mut Region,
    article: &Article,
    shipment: &str,
    day: NaiveDate,
    quantity: i64,
    disposition: &'static str,
) {
    let (event, reference, center, reason) = ("Receipts", shipment.to_owned(), "LGB3", "");
    region.move_stock(
        article,
        &Moved {
            day,
            event,
            reference,
            quantity,
            center,
            disposition,
            reason,
            reconciled: None,
            reconciled_before: None,
        },
    );
}

/// The last day of a claim is nine calendar months after delivery.
fn owe(region: &mut Region, article: &Article, kind: &'static str, subject: &str, delivered: NaiveDate, units: i64) {
    let until = delivered + Months::new(9);
    let days = u64::try_from((until - delivered).num_days()).unwrap_or(0);
    if units > 0 {
        let minor = units * article.cost_on(delivered);
        region.owe(kind, subject.to_owned(), delivered, units, minor, (0, Some(days)), "sent, and not received whole");
    }
}

/// Amazon pays for some of what is owed longest.
fn pay_oldest(region: &mut Region, chance: &mut Chance, article: &Article) {
    let about = format!("fnsku {}", article.fnsku);
    let shortages = region.sent.iter().filter(|sent| sent.fnsku == article.fnsku && sent.closed);
    let oldest = shortages.filter_map(|sent| sent.delivered_on).min();
    let here = |kind: &str, subject: &str, clock: NaiveDate| {
        kind == "inbound_shortage"
            && subject.ends_with(&about)
            && subject.starts_with("shipment")
            && Some(clock) == oldest
    };
    let found = region.truth.iter().position(|owed| here(owed.claim_type, &owed.subject, owed.clock));
    let (Some(at), true) = (found, chance.percent(40)) else { return };
    let day = region.truth[at].clock + Days::new(40);
    if day >= region.last {
        return;
    }
    let owed = region.no_longer_owed(at);
    let (reason, per_unit) = ("Lost_Inbound", article.cost_on(day));
    let paid = Paid { day, case: None, order: "", reason, per_unit, cash: owed.units, inventory: 0, original: None };
    let reimbursement = region.pay(chance, article, &paid);
    let shipment = owed.subject.split(' ').nth(1).unwrap_or_default().to_owned();
    let (article, cause, units) = (article.clone(), Cause::Inbound { shipment }, owed.units);
    region.settled.push(Settled { article, cause, reimbursement, day, units, per_unit });
}
