//! What customers do: buy, send back, keep what was refunded; and what they and the seller are charged.

use chrono::{Days, NaiveDate};

use super::chance::Chance;
use super::money_files::Moved;
use super::region::{Article, Line, Ordered, Region};
use super::returns::{come_home, stay_away};

/// One order.
pub(crate) struct Order<'a> {
    pub(crate) id: String,
    day: NaiveDate,
    pub(crate) units: i64,
    pub(crate) article: &'a Article,
    /// Fees of one unit, as charged.
    referral: i64,
    fulfilment: i64,
}

impl Order<'_> {
    /// What one unit brought after fees.
    pub(crate) fn worth(&self) -> i64 {
        self.article.price - self.referral - self.fulfilment
    }

    pub(crate) fn subject(&self) -> String {
        format!("order {} sku {}", self.id, self.article.sku)
    }
}

pub(crate) fn happen(region: &mut Region, chance: &mut Chance, article: &Article, orders: usize) {
    for _ in 0..orders {
        let day = region.first + Days::new(chance.between(0, 355).unsigned_abs());
        let id = format!("113-{:07}-{:07}", region.number(), chance.between(0, 9_999_999));
        let mut order = Order {
            id,
            day,
            units: chance.between(1, 2),
            article,
            referral: article.referral,
            fulfilment: article.fulfilment,
        };
        let (dear_handling, dear_referral) = (chance.percent(4), chance.percent(3));
        if dear_handling {
            order.fulfilment += chance.between(40, 300);
        }
        // Some European orders go abroad, which is dearer and right; without chance, so that all else stays as it is.
        let abroad = region.marketplace != "US" && !dear_handling && region.orders.len() % 17 == 3;
        if abroad {
            order.fulfilment = article.abroad();
        }
        if dear_referral {
            order.referral += chance.between(20, 150);
        }
        sell(region, &order);
        let posted = order.day + Days::new(1);
        if dear_handling {
            let minor = (order.fulfilment - article.fulfilment) * order.units;
            region.owe(
                "fee_fulfilment_overcharge",
                order.subject(),
                posted,
                1,
                minor,
                (0, Some(90)),
                "charged for a larger size",
            );
        }
        if dear_referral {
            let minor = (order.referral - article.referral) * order.units;
            region.owe(
                "fee_commission_overcharge",
                order.subject(),
                posted,
                1,
                minor,
                (0, Some(90)),
                "charged for another category",
            );
        }
        match chance.between(1, 100) {
            1..=22 => refund(region, chance, &order),
            23..=25 => part_refund(region, chance, &order),
            26..=29 => replace(region, chance, &order),
            _ => {}
        }
    }
}

fn post(
    region: &mut Region,
    order: &Order<'_>,
    day: NaiveDate,
    transaction: &'static str,
    kind: &'static str,
    description: &'static str,
    minor: i64,
) {
    let (id, sku) = (order.id.as_str(), order.article.sku.as_str());
    let quantity = (transaction == "Order").then_some(order.units);
    region.post(&Line { day, transaction, order: id, kind, description, minor, sku, quantity });
}

fn sell(region: &mut Region, order: &Order<'_>) {
    let article = order.article;
    region.orders.push(Ordered {
        id: order.id.clone(),
        day: order.day,
        units: order.units,
        minor: article.price * order.units,
    });
    let row = vec![
        region.moment(order.day),
        article.sku.clone(),
        article.fnsku.clone(),
        article.asin.clone(),
        "LGB3".to_owned(),
        order.units.to_string(),
        order.id.clone(),
        region.currency.to_owned(),
        region.amount(article.price),
        region.amount(0),
        region.amount(0),
        "TOWN".to_owned(),
        "ST".to_owned(),
        "00000".to_owned(),
    ];
    region.paper("GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_SALES_DATA").add(order.day, row);
    let moved = Moved {
        day: order.day,
        event: "Shipments",
        reference: region.number().to_string(),
        quantity: -order.units,
        center: "LGB3",
        disposition: "SELLABLE",
        reason: "",
        reconciled: None,
        reconciled_before: None,
    };
    region.move_stock(article, &moved);
    let posted = order.day + Days::new(1);
    post(region, order, posted, "Order", "ItemPrice", "Principal", article.price * order.units);
    post(region, order, posted, "Order", "ItemFees", "Commission", -order.referral * order.units);
    post(region, order, posted, "Order", "ItemFees", "FBAPerUnitFulfillmentFee", -order.fulfilment * order.units);
}

/// Gives money back, with the referral fee less Amazon's fifth, unless Amazon forgets.
fn give_back(region: &mut Region, chance: &mut Chance, order: &Order<'_>, day: NaiveDate, units: i64) {
    let beyond = if chance.percent(4) && units == order.units { chance.between(100, 400) } else { 0 };
    post(region, order, day, "Refund", "ItemPrice", "Principal", -(order.article.price * units + beyond));
    if beyond > 0 {
        region.owe("over_refund", order.subject(), day, 1, beyond, (0, Some(60)), "refunded more than was charged");
    }
    let referral = order.referral * units;
    let kept = ((referral * 2 + 5) / 10).min(500);
    if chance.percent(7) {
        region.owe(
            "refund_commission_not_returned",
            order.subject(),
            day,
            1,
            referral - kept,
            (0, Some(90)),
            "the fee was not given back",
        );
    } else {
        post(region, order, day, "Refund", "ItemFees", "Commission", referral);
        post(region, order, day, "Refund", "ItemFees", "RefundCommission", -kept);
    }
}

fn refund(region: &mut Region, chance: &mut Chance, order: &Order<'_>) {
    let day = order.day + Days::new(chance.between(4, 20).unsigned_abs());
    if day >= region.last {
        return;
    }
    let units = chance.between(1, order.units);
    give_back(region, chance, order, day, units);
    for _ in 0..units {
        if chance.percent(60) {
            let home = day + Days::new(chance.between(1, 25).unsigned_abs());
            come_home(region, chance, order, Some(day), home);
        } else {
            stay_away(region, chance, order, day, "return_not_received", "refunded, and never sent back");
        }
    }
}

fn part_refund(region: &mut Region, chance: &mut Chance, order: &Order<'_>) {
    let day = order.day + Days::new(chance.between(4, 20).unsigned_abs());
    if day < region.last {
        // A discount for a scratch: nothing has to come back, and the fee is settled in proportion.
        let minor = order.article.price * chance.between(10, 60) / 100;
        post(region, order, day, "Refund", "ItemPrice", "Principal", -minor);
        let principal = order.article.price * order.units;
        let referral = (order.referral * order.units * minor * 2 + principal) / (principal * 2);
        let kept = ((referral * 2 + 5) / 10).min(500);
        post(region, order, day, "Refund", "ItemFees", "Commission", referral - kept);
    }
}

fn replace(region: &mut Region, chance: &mut Chance, order: &Order<'_>) {
    let day = order.day + Days::new(chance.between(4, 20).unsigned_abs());
    if day >= region.last {
        return;
    }
    let number = region.number();
    let row = vec![
        region.moment(day),
        order.article.sku.clone(),
        order.article.asin.clone(),
        "LGB3".to_owned(),
        "LGB3".to_owned(),
        "1".to_owned(),
        "2".to_owned(),
        format!("114-{number:07}-0000001"),
        order.id.clone(),
    ];
    region.paper("GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_REPLACEMENT_DATA").add(day, row);
    if chance.percent(50) {
        let home = day + Days::new(chance.between(3, 25).unsigned_abs());
        come_home(region, chance, order, None, home);
    } else {
        stay_away(region, chance, order, day, "replacement_not_returned", "replaced, and the first never sent back");
    }
}
