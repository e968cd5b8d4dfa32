//! What a unit is worth, by rule and date. Currencies are never mixed: a cost in another currency is no value here.

use chrono::{Days, NaiveDate};
use shared_events::money::{Currency, Money};

use super::books::{Books, Rows, Subject};
use super::facts::Posting;
use super::finding::Basis;
use crate::marketplace::Marketplace;

/// A value, and how it came about.
#[derive(Debug, Clone)]
pub(crate) struct Valued {
    pub(crate) unit: Option<Money>,
    pub(crate) basis: Basis,
    pub(crate) words: String,
}

impl Valued {
    fn unknown(basis: Basis, words: String) -> Self {
        Self { unit: None, basis, words }
    }

    fn capped(books: &Books, unit: Money, basis: Basis, words: String) -> Self {
        match books.policy.valuation.caps.iter().find(|cap| cap.currency == unit.currency && cap.minor < unit.minor) {
            Some(cap) => {
                Self { unit: Some(*cap), basis, words: format!("{words}; no more than {cap} is paid for one") }
            }
            None => Self { unit: Some(unit), basis, words },
        }
    }
}

/// How much a source of costs is believed where two are of the same day: what is on paper before what is told, that before an estimate.
fn belief(source: &str) -> u8 {
    match source {
        "invoice" => 2,
        "manual" => 1,
        _ => 0,
    }
}

/// The seller's cost of an article on a day, the newest that was valid then.
pub(crate) fn cost_on(books: &Books, fnsku: &str, currency: Currency, day: NaiveDate) -> Option<(Money, String)> {
    let costs = books.costs.get(fnsku)?.values().map(|(_, cost)| cost);
    let valid = costs.filter(|cost| cost.valid_from <= day && cost.unit.currency == currency);
    let newest = valid.max_by_key(|cost| (cost.valid_from, belief(&cost.source), cost.unit.minor))?;
    Some((newest.unit, format!("sourcing cost {} ({}, since {})", newest.unit, newest.source, newest.valid_from)))
}

/// A unit lost or damaged before anybody ordered it.
pub(crate) fn before_order(books: &Books, place: Marketplace, fnsku: &str, sku: &str, day: NaiveDate) -> Valued {
    if day < books.policy.valuation.sourcing_cost_from {
        return estimated_price(books, place, fnsku, sku, day);
    }
    match cost_on(books, fnsku, place.currency(), day) {
        Some((unit, words)) => Valued::capped(books, unit, Basis::SourcingCost, words),
        None => {
            Valued::unknown(Basis::SourcingCost, format!("no sourcing cost in {} is known for {day}", place.currency()))
        }
    }
}

/// Before sourcing cost became the rule: the median of our own sales before the loss, less fees.
fn estimated_price(books: &Books, place: Marketplace, fnsku: &str, sku: &str, day: NaiveDate) -> Valued {
    let from = day - Days::new(u64::from(books.policy.valuation.price_days));
    let sales = books.prices.get(fnsku).into_iter().flat_map(|table| table.values());
    let mut prices: Vec<i64> = sales
        .filter(|(at, (sold, _))| *at == place && *sold >= from && *sold <= day)
        .map(|(_, (_, price))| *price)
        .collect();
    prices.sort_unstable();
    let fees = preview_on(books, sku, place, day);
    match (prices.get(prices.len() / 2), fees.and_then(|fees| fees.referral.zip(fees.fulfilment))) {
        (Some(median), Some((referral, fulfilment))) => {
            let unit = Money::new((median - referral.minor - fulfilment.minor).max(0), place.currency());
            let words = format!(
                "estimated sale price less fees: {} before {}",
                unit, books.policy.valuation.sourcing_cost_from
            );
            Valued::capped(books, unit, Basis::SalesPrice, words)
        }
        _ => Valued::unknown(Basis::SalesPrice, "no sales or no fees are known to estimate a price from".to_owned()),
    }
}

/// The fees that were expected on a day: the newest preview until then, else the first after.
pub(crate) fn preview_on<'a>(
    books: &'a Books,
    sku: &str,
    place: Marketplace,
    day: NaiveDate,
) -> Option<&'a crate::reports::FeePreview> {
    let here = |preview: &crate::reports::FeePreview| {
        preview.store.is_empty() || Marketplace::of_country(&preview.store) == Some(place)
    };
    let previews = books.previews.get(sku)?.values().map(|(_, dated)| dated).filter(|(_, preview)| here(preview));
    let (before, after): (Vec<_>, Vec<_>) = previews.partition(|(known, _)| *known <= day);
    let newest = before.into_iter().max_by_key(|(known, _)| *known);
    newest.or_else(|| after.into_iter().min_by_key(|(known, _)| *known)).map(|(_, preview)| preview)
}

/// What was posted for one article of an order.
#[derive(Debug, Clone)]
pub(crate) struct Sold {
    pub(crate) units: i64,
    pub(crate) unit_price: Money,
    /// Price of all units, as posted.
    pub(crate) principal: i64,
    /// Fees of all units, negative, as posted.
    pub(crate) fees: i64,
}

/// Postings of one article of an order.
pub(crate) fn postings_of<'a>(
    rows: &'a Rows,
    sku: &str,
    transaction: &str,
) -> impl Iterator<Item = (crate::reports::RowKey, Marketplace, &'a Posting)> {
    rows.postings
        .iter()
        .filter(move |(_, (_, posting))| posting.transaction == transaction && posting.sku.as_deref() == Some(sku))
        .map(|(key, (place, posting))| (*key, *place, posting))
}

/// How an article of an order was sold; none when it is not known.
pub(crate) fn sold(rows: &Rows, sku: &str) -> Option<Sold> {
    let mut sales = rows.sales.values().map(|(_, sale)| sale).filter(|sale| sale.sku == sku).peekable();
    let unit_price = sales.peek()?.unit_price;
    let units: i64 = sales.map(|sale| sale.quantity).sum();
    let sum = |amount_type: &str| -> i64 {
        let here = postings_of(rows, sku, "Order").map(|(_, _, posting)| posting);
        let fitting =
            here.filter(|posting| posting.amount_type == amount_type && posting.amount.currency == unit_price.currency);
        fitting
            .filter(|posting| amount_type == "ItemFees" || posting.description == "Principal")
            .map(|posting| posting.amount.minor)
            .sum()
    };
    (units > 0).then(|| Sold { units, unit_price, principal: sum("ItemPrice"), fees: sum("ItemFees") })
}

/// A unit after it was ordered: its price less the fees of the order, rounded down.
pub(crate) fn after_order(books: &Books, order: &str, sku: &str) -> Valued {
    let rows = books.rows.get(&Subject::Order(order.to_owned()));
    let Some(sold) = rows.and_then(|rows| sold(rows, sku)) else {
        return Valued::unknown(Basis::SalesPrice, "the order's sale is not in the reports".to_owned());
    };
    if sold.fees == 0 {
        return Valued::unknown(Basis::SalesPrice, "the order's fees are not settled yet".to_owned());
    }
    let fees = sold.fees.div_euclid(sold.units);
    let currency = sold.unit_price.currency;
    let unit = Money::new((sold.unit_price.minor + fees).max(0), currency);
    let words = format!("sale price {} less fees {}", sold.unit_price, Money::new(-fees, currency));
    Valued::capped(books, unit, Basis::SalesPrice, words)
}
