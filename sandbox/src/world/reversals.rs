//! Money for returns and for shipments to Amazon that is taken back: rightly, where the units turn up after all, and without reason.
//!
//! Thought of later than the rest, so it happens when everything else of a region has happened, by a chance of its own.

use chrono::{Days, NaiveDate};

use super::chance::Chance;
use super::inbound;
use super::region::{Article, Paid, Region};
use super::returns::{Back, come_back};

/// Share of these payments that is taken back, in percent; of which half rightly.
const TAKEN_BACK: i64 = 25;

/// What was paid for.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    /// One unit of an order: it stayed away, or came back broken.
    Return { order: String, stayed_away: bool },
    /// Units of a shipment to Amazon.
    Inbound { shipment: String },
}

/// Something that Amazon paid for by itself.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) article: Article,
    pub(crate) cause: Cause,
    pub(crate) reimbursement: String,
    pub(crate) day: NaiveDate,
    pub(crate) units: i64,
    pub(crate) per_unit: i64,
}

pub(crate) fn happen(region: &mut Region, chance: &mut Chance) {
    for settled in std::mem::take(&mut region.settled) {
        if chance.percent(TAKEN_BACK) {
            take_back(region, chance, &settled);
        }
    }
}

fn take_back(region: &mut Region, chance: &mut Chance, settled: &Settled) {
    let turned_up = settled.day + Days::new(chance.between(6, 25).unsigned_abs());
    let day = turned_up + Days::new(2);
    let units = chance.between(1, settled.units);
    let rightly = chance.percent(50) && can_turn_up(region, settled);
    if day >= region.last {
        return;
    }
    let (order, reason) = match &settled.cause {
        Cause::Return { order, .. } => (order.as_str(), "CustomerReturn"),
        Cause::Inbound { .. } => ("", "Lost_Inbound"),
    };
    if rightly {
        turn_up(region, settled, turned_up, units);
    }
    let paid = Paid {
        day,
        case: None,
        order,
        reason: "Reimbursement_Reversal",
        per_unit: settled.per_unit,
        cash: -units,
        inventory: 0,
        original: Some((settled.reimbursement.clone(), reason)),
    };
    let id = region.pay(chance, &settled.article, &paid);
    if !rightly {
        let subject = format!("reversal {id} fnsku {}", settled.article.fnsku);
        let story = "taken back, and nothing has turned up";
        let (kind, minor) = ("reimbursement_reversed_unmatched", settled.per_unit * units);
        region.owe(kind, subject, day, units, minor, (0, Some(60)), story);
    }
}

/// What came back broken was there when it was paid for. And reimbursements name no shipment: where several are short, units of one that
/// turn up can be set against another just as well, and there would be two truths.
fn can_turn_up(region: &Region, settled: &Settled) -> bool {
    match &settled.cause {
        Cause::Return { stayed_away, .. } => *stayed_away,
        Cause::Inbound { .. } => {
            let short = |sent: &&super::Sent| {
                sent.fnsku == settled.article.fnsku && sent.closed && sent.received < sent.shipped
            };
            region.sent.iter().filter(short).count() == 1
        }
    }
}

fn turn_up(region: &mut Region, settled: &Settled, day: NaiveDate, units: i64) {
    match &settled.cause {
        Cause::Return { order, .. } => {
            let back = Back { order, article: &settled.article, day, center: "PHX6", disposition: "SELLABLE" };
            come_back(region, &back, true);
        }
        Cause::Inbound { shipment } => {
            inbound::receive(region, &settled.article, shipment, day, units, "SELLABLE");
        }
    }
}
