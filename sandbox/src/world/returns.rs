//! Units that come back from customers, and units that do not.

use chrono::{Days, NaiveDate};

use super::chance::Chance;
use super::customers::Order;
use super::money_files::Moved;
use super::region::{Article, Paid, Region};
use super::reversals::{Cause, Settled};

/// A unit that comes back.
pub(crate) struct Back<'a> {
    pub(crate) order: &'a str,
    pub(crate) article: &'a Article,
    pub(crate) day: NaiveDate,
    pub(crate) center: &'static str,
    pub(crate) disposition: &'static str,
}

/// Writes down that a unit came back, and mostly that it went into stock.
pub(crate) fn come_back(region: &mut Region, back: &Back<'_>, into_stock: bool) {
    let Back { order, article, day, center, disposition } = *back;
    let row = vec![
        region.moment(day),
        order.to_owned(),
        article.sku.clone(),
        article.asin.clone(),
        article.fnsku.clone(),
        article.title.clone(),
        "1".to_owned(),
        center.to_owned(),
        disposition.to_owned(),
        "CR-OTHER".to_owned(),
        "Unit returned to inventory".to_owned(),
        format!("LPN{}", region.number()),
        "It’s not what I’d hoped for €".to_owned(),
    ];
    region.paper("GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA").add(day, row);
    if into_stock {
        let moved = Moved {
            day,
            event: "CustomerReturns",
            reference: region.number().to_string(),
            quantity: 1,
            center,
            disposition,
            reason: "",
            reconciled: None,
            reconciled_before: None,
        };
        region.move_stock(article, &moved);
    }
}

/// A unit comes back: whole, broken by the customer, or broken by Amazon; and mostly into stock.
pub(crate) fn come_home(
    region: &mut Region,
    chance: &mut Chance,
    order: &Order<'_>,
    refunded: Option<NaiveDate>,
    day: NaiveDate,
) {
    if day >= region.last {
        return;
    }
    let article = order.article;
    // A replaced unit that comes back broken was the reason for the replacement.
    let disposition = match chance.between(1, 100) {
        1..=10 if refunded.is_some() => "CARRIER_DAMAGED",
        11..=16 if refunded.is_some() => "WAREHOUSE_DAMAGED",
        17..=40 => "CUSTOMER_DAMAGED",
        41..=50 => "DEFECTIVE",
        _ => "SELLABLE",
    };
    let center = *chance.pick(&["LGB3", "JFK8", "PHX6", "DTM2"]);
    let by_amazon = matches!(disposition, "CARRIER_DAMAGED" | "WAREHOUSE_DAMAGED");
    let forgotten = !by_amazon && chance.percent(5);
    let back = Back { order: &order.id, article, day, center, disposition };
    come_back(region, &back, !forgotten);
    let (opens, closes) = region.return_days;
    match refunded {
        Some(refund) if by_amazon => {
            if chance.percent(40) && settle(region, chance, order, day + Days::new(5), false) {
                return;
            }
            let story = "came back broken by Amazon or its carrier";
            region.owe(
                "return_amazon_fault_unsellable",
                order.subject(),
                refund,
                1,
                order.worth(),
                (opens, Some(closes)),
                story,
            );
        }
        _ if forgotten => {
            let story = "came back, and never went into stock";
            region.owe("return_restock_missing", order.subject(), day, 1, order.worth(), (opens, Some(closes)), story);
        }
        _ => {}
    }
}

/// Amazon pays for a unit of an order, which stayed away or came back broken.
fn settle(region: &mut Region, chance: &mut Chance, order: &Order<'_>, day: NaiveDate, stayed_away: bool) -> bool {
    if day >= region.last {
        return false;
    }
    let (id, per_unit) = (order.id.as_str(), order.worth());
    let paid =
        Paid { day, case: None, order: id, reason: "CustomerReturn", per_unit, cash: 1, inventory: 0, original: None };
    let reimbursement = region.pay(chance, order.article, &paid);
    // Of several units of one order nobody could tell which of them a later return or reversal is about.
    if order.units == 1 {
        let cause = Cause::Return { order: order.id.clone(), stayed_away };
        let article = order.article.clone();
        region.settled.push(Settled { article, cause, reimbursement, day, units: 1, per_unit });
    }
    true
}

/// A unit never comes back: Amazon pays by itself, or owes it once the days for sending it back are over.
pub(crate) fn stay_away(
    region: &mut Region,
    chance: &mut Chance,
    order: &Order<'_>,
    since: NaiveDate,
    kind: &'static str,
    story: &'static str,
) {
    let (opens, closes) = region.return_days;
    let paid_on = since + Days::new(opens) - Days::new(chance.between(0, 10).unsigned_abs());
    if chance.percent(45) && settle(region, chance, order, paid_on, true) {
        return;
    }
    region.owe(kind, order.subject(), since, 1, order.worth(), (opens, Some(closes)), story);
}
