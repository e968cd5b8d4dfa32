//! Units that the seller asks back, and what the carrier makes of them.

use chrono::Days;

use super::Delivered;
use super::chance::Chance;
use super::region::{Article, Paid, Region};

pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article) {
    let mut before = region.first;
    for _ in 0..chance.between(0, 3) {
        let day = before.max(region.first + Days::new(chance.between(0, 340).unsigned_abs()));
        before = day + Days::new(1);
        if day + Days::new(4) >= region.last {
            return;
        }
        let units = chance.between(1, 5);
        let disposal = chance.percent(20);
        let id = format!("RMV-{}", region.number());
        let shipped_on = day + Days::new(4);
        let count = |is: bool| if is { units } else { 0 }.to_string();
        let row = vec![
            region.moment(day),
            id.clone(),
            "Seller".to_owned(),
            if disposal { "Disposal" } else { "Return" }.to_owned(),
            "Standard".to_owned(),
            "Completed".to_owned(),
            region.moment(shipped_on),
            article.sku.clone(),
            article.fnsku.clone(),
            "Unsellable".to_owned(),
            units.to_string(),
            "0".to_owned(),
            count(disposal),
            count(!disposal),
            "0".to_owned(),
            region.amount(units * 104),
            region.currency.to_owned(),
        ];
        region.paper("GET_FBA_FULFILLMENT_REMOVAL_ORDER_DETAIL_DATA").add(day, row);
        if !disposal {
            send(region, chance, article, &id, shipped_on, units);
        }
    }
}

fn send(region: &mut Region, chance: &mut Chance, article: &Article, id: &str, day: chrono::NaiveDate, units: i64) {
    let tracking = format!("1Z999AA{}", region.number());
    let row = vec![
        region.moment(day - Days::new(4)),
        id.to_owned(),
        region.moment(day),
        article.sku.clone(),
        article.fnsku.clone(),
        "Unsellable".to_owned(),
        units.to_string(),
        "UPS".to_owned(),
        tracking.clone(),
        "Return".to_owned(),
    ];
    region.paper("GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA").add(day, row);
    let arrived = day + Days::new(chance.between(3, 12).unsigned_abs());
    let (on, good, damaged) = match chance.between(1, 100) {
        1..=25 => (None, 0, 0),
        26..=45 => (Some(arrived), units - 1, 1),
        46..=55 => (Some(arrived), units - 1, 0),
        _ => (Some(arrived), units, 0),
    };
    let Some(on) = on.map_or(Some(None), |day| (day < region.last).then_some(Some(day))) else { return };
    let marketplace = region.marketplace;
    let (order_id, fnsku) = (id.to_owned(), article.fnsku.clone());
    region.delivered.push(Delivered { order_id, tracking, fnsku, on, good, damaged, marketplace });
    let missing = units - good;
    let paid_on = day + Days::new(20);
    if missing > 0 && chance.percent(30) && paid_on < region.last {
        let per_unit = article.cost_on(paid_on);
        let reason = "Removal_Order_Lost";
        let paid =
            Paid { day: paid_on, case: None, order: id, reason, per_unit, cash: missing, inventory: 0, original: None };
        region.pay(chance, article, &paid);
    } else if missing > 0 {
        let (kind, clock, window) = match on {
            None => ("removal_lost", day, (15, Some(75))),
            Some(on) => ("removal_damaged_or_short", on, (0, Some(60))),
        };
        let subject = format!("removal {id} fnsku {}", article.fnsku);
        let minor = missing * article.cost_on(clock);
        region.owe(kind, subject, clock, missing, minor, window, "did not come back whole");
    }
}
