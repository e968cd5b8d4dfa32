//! What is written down about stock and money, and the handing over of all papers.

use chrono::{Days, NaiveDate};

use super::World;
use super::calendar::business_days;
use super::chance::Chance;
use super::headers::{
    BALANCES, LEDGER, LONG_TERM, MONTHLY, PARCELS, PREVIEW, PREVIEW_EU, REIMBURSEMENTS, REMOVALS, REPLACEMENTS,
    RETURNS, SALES, SETTLEMENT, STOCK,
};
use super::paper::{File, Paper};
use super::region::{Article, Line, Paid, Posted, Region};
use super::summary::{self, Movement, SUMMARY};

/// What was paid out, by settlement.
pub(crate) const SETTLEMENTS: &str = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2";

/// What Amazon paid for, and took back.
pub(crate) const REIMBURSED: &str = "GET_FBA_REIMBURSEMENTS_DATA";

/// A movement of stock.
pub(crate) struct Moved<'a> {
    pub(crate) day: NaiveDate,
    pub(crate) event: &'static str,
    pub(crate) reference: String,
    pub(crate) quantity: i64,
    pub(crate) center: &'a str,
    pub(crate) disposition: &'static str,
    pub(crate) reason: &'static str,
    /// Reconciled and unreconciled.
    pub(crate) reconciled: Option<(i64, i64)>,
    /// The same in an earlier download.
    pub(crate) reconciled_before: Option<(i64, i64)>,
}

/// How a posting names the reason of a reimbursement.
pub(crate) fn described(reason: &'static str) -> &'static str {
    match reason {
        "Lost_Warehouse" => "WAREHOUSE_LOST",
        "Damaged_Warehouse" => "WAREHOUSE_DAMAGE",
        "Lost_Inbound" => "MISSING_FROM_INBOUND",
        "Reimbursement_Reversal" => "REVERSAL_REIMBURSEMENT",
        other => other,
    }
}

/// The reports: their names, headers, and whether they are quoted.
pub(crate) fn kinds(american: bool) -> [(&'static str, &'static [&'static str], bool); 13] {
    [
        ("GET_FBA_ESTIMATED_FBA_FEES_TXT_DATA", if american { PREVIEW } else { PREVIEW_EU }, false),
        ("GET_LEDGER_DETAIL_VIEW_DATA", LEDGER, true),
        (REIMBURSED, REIMBURSEMENTS, false),
        ("GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", RETURNS, false),
        ("GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_REPLACEMENT_DATA", REPLACEMENTS, false),
        ("GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_SALES_DATA", SALES, false),
        ("GET_FBA_FULFILLMENT_REMOVAL_ORDER_DETAIL_DATA", REMOVALS, false),
        ("GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA", PARCELS, false),
        ("GET_FBA_FULFILLMENT_LONGTERM_STORAGE_FEE_CHARGES_DATA", LONG_TERM, false),
        ("GET_FBA_STORAGE_FEE_CHARGES_DATA", MONTHLY, false),
        ("GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA", STOCK, false),
        (SUMMARY, BALANCES, true),
        (SETTLEMENTS, SETTLEMENT, false),
    ]
}

impl Region {
    pub(crate) fn move_stock(&mut self, article: &Article, moved: &Moved<'_>) {
        let at = self.zone.at(moved.day, 0, 0);
        let row = |both: Option<(i64, i64)>| {
            let both = both.map(|(with, without)| (with.to_string(), without.to_string())).unwrap_or_default();
            vec![
                moved.day.format("%m/%d/%Y").to_string(),
                article.fnsku.clone(),
                article.asin.clone(),
                article.sku.clone(),
                article.title.clone(),
                moved.event.to_owned(),
                moved.reference.clone(),
                moved.quantity.to_string(),
                moved.center.to_owned(),
                moved.disposition.to_owned(),
                moved.reason.to_owned(),
                self.marketplace.to_owned(),
                both.0,
                both.1,
                at.format("%Y-%m-%dT%H:%M:%S%z").to_string(),
                String::new(),
            ]
        };
        let before = moved.reconciled_before.map(|both| row(Some(both)));
        let now = row(moved.reconciled);
        self.movements.push(Movement {
            day: moved.day,
            fnsku: article.fnsku.clone(),
            disposition: moved.disposition,
            event: moved.event,
            reason: moved.reason,
            quantity: moved.quantity,
        });
        self.paper("GET_LEDGER_DETAIL_VIEW_DATA").add_changed(moved.day, now, before);
    }

    pub(crate) fn post(&mut self, line: &Line<'_>) {
        self.post_seen(line, false);
    }

    /// `punctual`: it is seen on its day, not perhaps later.
    pub(crate) fn post_seen(&mut self, line: &Line<'_>, punctual: bool) {
        let day = line.day;
        let at = self.zone.at(day, 12, 0).to_utc();
        let (date, time) = match self.marketplace {
            "US" => (at.format("%Y-%m-%d").to_string(), at.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
            _ => (at.format("%d.%m.%Y").to_string(), at.format("%d.%m.%Y %H:%M:%S UTC").to_string()),
        };
        let number = self.number();
        let mut row = vec![String::new(); SETTLEMENT.len()];
        row[0] = "55000111".to_owned();
        row[6] = line.transaction.to_owned();
        row[7] = line.order.to_owned();
        row[11] = self.store.to_owned();
        row[12] = line.kind.to_owned();
        row[13] = line.description.to_owned();
        row[14] = self.amount(line.minor);
        row[16] = date;
        row[17] = time;
        row[18] = number.to_string();
        row[21] = line.sku.to_owned();
        row[22] = line.quantity.map(|units| units.to_string()).unwrap_or_default();
        self.postings.push(Posted {
            day,
            at,
            transaction: line.transaction,
            order: line.order.to_owned(),
            description: line.description,
            minor: line.minor,
            sku: line.sku.to_owned(),
            quantity: line.quantity,
        });
        let paper = self.paper(SETTLEMENTS);
        match punctual {
            true => paper.add_punctual(day, row),
            false => paper.add(day, row),
        }
    }

    /// A row of the reimbursements.
    pub(crate) fn reimbursement(&self, article: &Article, paid: &Paid<'_>, id: &str) -> Vec<String> {
        let total = paid.per_unit.abs() * paid.cash;
        let approved = self.moment(paid.day);
        let original = paid.original.clone().unwrap_or_default();
        vec![
            approved,
            id.to_owned(),
            paid.case.clone().unwrap_or_default(),
            paid.order.to_owned(),
            paid.reason.to_owned(),
            article.sku.clone(),
            article.fnsku.clone(),
            article.asin.clone(),
            article.title.clone(),
            "NewItem".to_owned(),
            self.currency.to_owned(),
            self.amount(if paid.cash < 0 { -paid.per_unit.abs() } else { paid.per_unit }),
            self.amount(total),
            paid.cash.to_string(),
            paid.inventory.to_string(),
            (paid.cash + paid.inventory).to_string(),
            original.0,
            original.1.to_owned(),
        ]
    }

    /// Amazon pays or takes back; the money mostly arrives. Gives the reimbursement's number.
    pub(crate) fn pay(&mut self, chance: &mut Chance, article: &Article, paid: &Paid<'_>) -> String {
        let id = format!("98{}", self.number());
        let total = paid.per_unit.abs() * paid.cash;
        let row = self.reimbursement(article, paid, &id);
        self.paper(REIMBURSED).add(paid.day, row);
        self.paid += total.max(0);
        self.reversed += (-total).max(0);
        if total == 0 {
            return id;
        }
        // A posting follows within days; a few never come.
        let posted = paid.day + Days::new(chance.between(1, 3).unsigned_abs());
        if total > 0 && chance.percent(3) {
            if business_days(paid.day, 5) < self.last {
                let subject = format!("reimbursement {id} sku {}", article.sku);
                self.owe(
                    "approved_not_paid",
                    subject,
                    paid.day,
                    1,
                    total,
                    (0, Some(60)),
                    "approved, and the money never came",
                );
            }
        } else if posted <= self.last {
            let description = described(paid.reason);
            let (order, sku) = (paid.order, article.sku.as_str());
            let kind = "FBA Inventory Reimbursement";
            let quantity = Some(paid.cash);
            self.post(&Line {
                day: posted,
                transaction: "other-transaction",
                order,
                kind,
                description,
                minor: total,
                sku,
                quantity,
            });
        }
        id
    }

    /// Puts all papers into the world: a first download without the last weeks, then the whole, overlapping.
    pub(crate) fn hand_over(&mut self, world: &mut World) {
        let (end, early) = (self.last, self.last - Days::new(20));
        self.preview_and_sum();
        summary::write(self);
        summary::write_stock(self);
        let mut hand = |report: &'static str, header: &[&str], quoted: bool, until: NaiveDate| {
            let empty = Paper::until(self.last);
            let bytes = self.papers.get(report).unwrap_or(&empty).write(header, self.habit, quoted, until);
            let american = self.marketplace == "US";
            let content_type = if american { "text/plain; charset=UTF-8" } else { "text/plain; charset=cp1252" };
            let taken_on = if report.contains("ESTIMATED") { self.first } else { until };
            world.files.push(File { report, marketplace: self.marketplace, content_type, taken_on, bytes });
        };
        for until in [early, end] {
            // Balances are for the sandbox only: nothing is found by them.
            let told = kinds(self.marketplace == "US").into_iter().filter(|kind| kind.0 != SUMMARY);
            for (report, header, quoted) in told {
                hand(report, header, quoted, until);
            }
        }
        // The same region again, asked for another marketplace.
        hand(REIMBURSED, REIMBURSEMENTS, false, end);
        world.costs.append(&mut self.costs);
        world.sent.append(&mut self.sent);
        world.delivered.append(&mut self.delivered);
        world.parcels.append(&mut self.parcels);
        world.truth.append(&mut self.truth);
        world.paid_and_reversed.0 += self.paid;
        world.paid_and_reversed.1 += self.reversed;
    }

    fn preview_and_sum(&mut self) {
        let articles = self.articles.clone();
        for article in &articles {
            let total = article.referral + article.fulfilment;
            let amounts = [article.price, article.price].map(|minor| self.amount(minor));
            let fees = [total, article.referral, article.fulfilment].map(|minor| self.amount(minor));
            let mut row =
                vec![article.sku.clone(), article.fnsku.clone(), article.asin.clone(), self.marketplace.to_owned()];
            row.push(article.title.clone());
            row.extend(amounts);
            row.push("Small".to_owned());
            row.push(self.currency.to_owned());
            row.extend(fees);
            if self.marketplace != "US" {
                // The store's own country is left blank.
                let abroad = self.amount(article.abroad());
                row.extend(
                    ["uk", "de", "fr", "it", "es", "se"]
                        .map(|to| if to == "de" { String::new() } else { abroad.clone() }),
                );
            }
            let first = self.first;
            self.paper("GET_FBA_ESTIMATED_FBA_FEES_TXT_DATA").add(first, row);
        }
        let mut sum = vec![String::new(); SETTLEMENT.len()];
        let ends = self.zone.at(self.last, 23, 0).to_utc();
        let format = if self.marketplace == "US" { "%Y-%m-%d %H:%M:%S UTC" } else { "%d.%m.%Y %H:%M:%S UTC" };
        sum[0] = "55000111".to_owned();
        sum[2] = ends.format(format).to_string();
        sum[4] = self.amount(0);
        sum[5] = self.currency.to_owned();
        let before = self.first - Days::new(1);
        self.paper(SETTLEMENTS).add(before, sum);
    }
}
