//! The ledger's balances: what lay there at the start and at the end of each day on which something moved; and the stock report, which
//! says what lies there now.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::region::Region;

/// The report.
pub(crate) const SUMMARY: &str = "GET_LEDGER_SUMMARY_VIEW_DATA";
/// The stock report.
pub(crate) const STOCK: &str = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA";
/// What lay there before the year, of each article in a state that can be sold.
const AT_FIRST: i64 = 200;

/// A movement, as it counts for balances.
#[derive(Debug, Clone)]
pub(crate) struct Movement {
    pub(crate) day: NaiveDate,
    pub(crate) fnsku: String,
    pub(crate) disposition: &'static str,
    pub(crate) event: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) quantity: i64,
}

/// Columns of movements: received, shipped, returned, removed, transferred, found, lost, damaged, disposed, other, and unknown.
fn column(movement: &Movement) -> usize {
    match (movement.event, movement.reason) {
        ("Receipts", _) => 0,
        ("Shipments", _) => 1,
        ("CustomerReturns", _) => 2,
        ("VendorReturns", _) => 3,
        ("WhseTransfers", _) => 4,
        (_, "F" | "N") => 5,
        (_, "M" | "5") => 6,
        (_, "6" | "7" | "E" | "H" | "K" | "U") => 7,
        (_, "D" | "G") => 8,
        (_, "O" | "P" | "Q" | "3" | "4") => 9,
        _ => 10,
    }
}

/// Writes the balances of all days.
pub(crate) fn write(region: &mut Region) {
    let mut days: BTreeMap<(String, &'static str, NaiveDate), [i64; 11]> = BTreeMap::new();
    for movement in &region.movements {
        let sums = days.entry((movement.fnsku.clone(), movement.disposition, movement.day)).or_default();
        sums[column(movement)] += movement.quantity;
    }
    let mut before: Option<(String, &'static str, i64)> = None;
    for ((fnsku, disposition, day), sums) in days {
        let start = match &before {
            Some((known, state, end)) if *known == fnsku && *state == disposition => *end,
            _ if disposition == "SELLABLE" => AT_FIRST,
            _ => 0,
        };
        let end = start + sums.iter().sum::<i64>();
        let Some(article) = region.articles.iter().find(|article| article.fnsku == fnsku) else { continue };
        let mut row = vec![
            day.format("%m/%d/%Y").to_string(),
            fnsku.clone(),
            article.asin.clone(),
            article.sku.clone(),
            article.title.clone(),
            disposition.to_owned(),
            start.to_string(),
            "0".to_owned(),
        ];
        row.extend(sums[..10].iter().map(ToString::to_string));
        row.extend([end.to_string(), sums[10].to_string(), region.marketplace.to_owned(), String::new()]);
        region.paper(SUMMARY).add_punctual(day, row);
        before = Some((fnsku, disposition, end));
    }
}

/// Writes what lies there in the end; an early download shows what lay there then.
pub(crate) fn write_stock(region: &mut Region) {
    let (last, early, first) = (region.last, region.last - Days::new(20), region.first);
    for article in region.articles.clone() {
        let searched = region.searched.get(&article.fnsku).copied().unwrap_or_default();
        let price = region.amount(article.price);
        let row = |until: NaiveDate| {
            let of_article = region.movements.iter().filter(|moved| moved.fnsku == article.fnsku && moved.day <= until);
            let (mut sellable, mut other) = (AT_FIRST, 0);
            for moved in of_article {
                *(if moved.disposition == "SELLABLE" { &mut sellable } else { &mut other }) += moved.quantity;
            }
            let known = [&article.sku, &article.fnsku, &article.asin, &article.title, "New", &price].map(str::to_owned);
            let units = [sellable + other, sellable, other, 0, searched];
            known.into_iter().chain(units.iter().map(ToString::to_string)).collect::<Vec<String>>()
        };
        let (now, before) = (row(last), row(early));
        region.paper(STOCK).add_changed(first, now, Some(before));
    }
}
