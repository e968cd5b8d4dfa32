//! The rows of one seller, by what they are about. A new row tells which subjects it touches, and only those are evaluated
//! again. Rows are kept by their keys, so the order in which they arrive does not matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use shared_events::money::Currency;

use super::facts::{Delivery, Fact, InboundItem, Parcel, Posting, SourcingCost, Taken};
use super::finding::Finding;
use super::index::Index;
use super::{fees, inbound, orders, payments, removals, restock, stock, storage};
use crate::marketplace::Marketplace;
use crate::policy::Policy;
use crate::reasons::{LedgerReason, Movement, ReimbursementReason as Reason};
use crate::reports::{
    CustomerReturn, EventType, FeePreview, LedgerEvent, LongTermStorage, Reimbursement, RemovalOrder, RemovalShipment,
    Replacement, RowKey, Sale, Stock, Storage,
};

/// What rules look at together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One article in the warehouses that one currency pays for: a reimbursement names its currency, not its country.
    Stock(String, Currency),
    /// One customer order.
    Order(String),
    /// Returns of one article, which the ledger names without their orders.
    Returns(String),
    /// Removals of one article.
    Removals(String),
    /// Shipments to Amazon of one article.
    Inbound(String),
    /// What was reimbursed for one article (by the seller's number).
    Payments(String, Currency),
    /// Storage of one article.
    Storage(String),
    /// One parcel of Amazon Shipping.
    Parcel(String),
}

/// Rows with the marketplace that they came from.
pub(crate) type Table<T> = BTreeMap<RowKey, (Marketplace, T)>;

/// The rows of one subject.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) ledger: Table<LedgerEvent>,
    pub(crate) reimbursements: Table<Reimbursement>,
    pub(crate) returns: Table<CustomerReturn>,
    pub(crate) replacements: Table<Replacement>,
    pub(crate) sales: Table<Sale>,
    pub(crate) postings: Table<Posting>,
    pub(crate) removals: Table<RemovalOrder>,
    pub(crate) removal_shipments: Table<RemovalShipment>,
    pub(crate) deliveries: Table<Delivery>,
    pub(crate) inbound: Table<InboundItem>,
    pub(crate) stock: Table<Stock>,
    pub(crate) long_term: Table<LongTermStorage>,
    pub(crate) storage: Table<Storage>,
    pub(crate) parcels: Table<Parcel>,
    pub(crate) taken: Table<Taken>,
}

/// Everything known of one seller.
#[derive(Debug)]
pub struct Books {
    pub(crate) policy: &'static Policy,
    pub(crate) rows: HashMap<Subject, Rows>,
    pub(crate) costs: HashMap<String, Table<SourcingCost>>,
    pub(crate) previews: HashMap<String, Table<(NaiveDate, FeePreview)>>,
    /// Sales by article, for estimated prices.
    pub(crate) prices: HashMap<String, Table<(NaiveDate, i64)>>,
    /// Up to which day settlements of a currency are known.
    pub(crate) settled_until: BTreeMap<Currency, NaiveDate>,
    /// The newest day of the ledger.
    pub(crate) ledger_until: Option<NaiveDate>,
    index: Index,
    /// Claims by the rows that they name; a row may arrive after the claim.
    claims_by_row: HashMap<RowKey, Vec<(RowKey, Marketplace, Taken)>>,
}

macro_rules! put {
    ($books:ident, $touched:ident, $key:ident, $place:ident, $row:expr => $table:ident of $subject:expr) => {{
        let subject = $subject;
        $books.rows.entry(subject.clone()).or_default().$table.insert($key, ($place, $row));
        $touched.insert(subject);
    }};
    ($books:ident, $touched:ident, $key:ident, $place:ident, $row:expr => $($table:ident of $subject:expr),+) => {{
        let row = &$row;
        $(
            let subject = $subject;
            $books.rows.entry(subject.clone()).or_default().$table.insert($key, ($place, row.clone()));
            $touched.insert(subject);
        )+
    }};
}

impl Books {
    /// Empty books under a policy.
    pub fn new(policy: &'static Policy) -> Self {
        Self {
            policy,
            rows: HashMap::new(),
            costs: HashMap::new(),
            previews: HashMap::new(),
            prices: HashMap::new(),
            settled_until: BTreeMap::new(),
            ledger_until: None,
            index: Index::default(),
            claims_by_row: HashMap::new(),
        }
    }

    /// Says up to which day settlements of a currency have been read.
    pub fn settled_until(&mut self, currency: Currency, day: NaiveDate) {
        let known = self.settled_until.entry(currency).or_insert(day);
        *known = day.max(*known);
    }

    /// Says up to which day the ledger has been read, if it is later than its newest row here.
    pub fn ledger_until(&mut self, day: NaiveDate) {
        self.ledger_until = self.ledger_until.max(Some(day));
    }

    /// Takes a fact in, replacing what the key held before, and tells which subjects it touches.
    pub fn add(&mut self, key: RowKey, place: Marketplace, fact: Fact) -> BTreeSet<Subject> {
        let mut touched = BTreeSet::new();
        let mut articles: [String; 2] = Default::default();
        let books = &mut *self;
        match fact {
            Fact::Ledger(row) => {
                books.ledger_until = books.ledger_until.max(Some(row.day));
                // Shipments and transfers between warehouses tell nothing that is owed.
                let Some(place) = Marketplace::of_country(&row.country) else { return touched };
                articles = [row.fnsku.clone(), row.msku.clone()];
                let stock = Subject::Stock(row.fnsku.clone(), place.currency());
                match (&row.event, &row.reason) {
                    (EventType::CustomerReturns, _) => {
                        put!(books, touched, key, place, row => ledger of Subject::Returns(row.fnsku.clone()));
                    }
                    (EventType::Receipts, _) => {
                        put!(books, touched, key, place, row => ledger of Subject::Inbound(row.fnsku.clone()));
                    }
                    (EventType::Adjustments, Some(LedgerReason::Known(movement))) => match movement {
                        Movement::Correction | Movement::StateChange | Movement::ArticleChange => return touched,
                        _ => put!(books, touched, key, place, row => ledger of stock),
                    },
                    _ => return touched,
                }
            }
            Fact::Reimbursement(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                let currency = row.per_unit.currency;
                let payments = Subject::Payments(row.sku.clone(), currency);
                match (row.subject_reason(), &row.order_id) {
                    (Some(Reason::LostWarehouse | Reason::DamagedWarehouse), _) => {
                        put!(books, touched, key, place, row => reimbursements of payments, reimbursements of Subject::Stock(row.fnsku.clone(), currency));
                    }
                    (Some(Reason::LostInbound | Reason::DamagedInbound), _) => {
                        put!(books, touched, key, place, row => reimbursements of payments, reimbursements of Subject::Inbound(row.fnsku.clone()));
                    }
                    (Some(Reason::Removal), _) => {
                        put!(books, touched, key, place, row => reimbursements of payments, reimbursements of Subject::Removals(row.fnsku.clone()));
                    }
                    (Some(Reason::Unknown(_) | Reason::Reversal) | None, _) => return touched,
                    (Some(_), Some(order)) => {
                        put!(books, touched, key, place, row => reimbursements of payments, reimbursements of Subject::Order(order.clone()), reimbursements of Subject::Returns(row.fnsku.clone()));
                    }
                    (Some(_), None) => put!(books, touched, key, place, row => reimbursements of payments),
                }
            }
            Fact::Return(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                put!(books, touched, key, place, row => returns of Subject::Order(row.order_id.clone()), returns of Subject::Returns(row.fnsku.clone()));
            }
            Fact::Replacement(row) => {
                articles[1].clone_from(&row.sku);
                put!(books, touched, key, place, row => replacements of Subject::Order(row.original_order_id.clone()));
            }
            Fact::Sale(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                let day = place.date_of(&row.shipped_at);
                let prices = books.prices.entry(row.fnsku.clone()).or_default();
                prices.insert(key, (place, (day, row.unit_price.minor)));
                put!(books, touched, key, place, row => sales of Subject::Order(row.order_id.clone()));
            }
            Fact::Posting(row) => {
                articles[1] = row.sku.clone().unwrap_or_default();
                match (&row.order_id, &row.sku) {
                    _ if row.amount_type == "FBA Inventory Reimbursement" => {
                        let sku = row.sku.clone().unwrap_or_default();
                        let subject = Subject::Payments(sku, row.amount.currency);
                        put!(books, touched, key, place, row => postings of subject);
                    }
                    (Some(order), _) => {
                        put!(books, touched, key, place, row => postings of Subject::Order(order.clone()))
                    }
                    (None, _) => return touched,
                }
            }
            Fact::Removal(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                let stock = Subject::Stock(row.fnsku.clone(), place.currency());
                put!(books, touched, key, place, row => removals of Subject::Removals(row.fnsku.clone()), removals of stock);
            }
            Fact::RemovalShipment(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                put!(books, touched, key, place, row => removal_shipments of Subject::Removals(row.fnsku.clone()));
            }
            Fact::Delivery(row) => {
                put!(books, touched, key, place, row => deliveries of Subject::Removals(row.fnsku.clone()));
            }
            Fact::Inbound(row) => {
                articles = [row.fnsku.clone(), row.sku.clone()];
                put!(books, touched, key, place, row => inbound of Subject::Inbound(row.fnsku.clone()));
            }
            Fact::Stock(row) => {
                put!(books, touched, key, place, row => stock of Subject::Stock(row.fnsku.clone(), place.currency()));
            }
            Fact::FeePreview(day, row) => {
                touched.extend(books.index.subjects_of_article(&row.sku));
                books.previews.entry(row.sku.clone()).or_default().insert(key, (place, (day, row)));
            }
            Fact::LongTermStorage(row) => {
                put!(books, touched, key, place, row => long_term of Subject::Storage(row.fnsku.clone()));
            }
            Fact::Storage(row) => {
                put!(books, touched, key, place, row => storage of Subject::Storage(row.fnsku.clone()));
            }
            Fact::Cost(row) => {
                touched.extend(books.index.subjects_of_article(&row.fnsku));
                books.costs.entry(row.fnsku.clone()).or_default().insert(key, (place, row));
            }
            Fact::Parcel(row) => {
                put!(books, touched, key, place, row => parcels of Subject::Parcel(row.tracking.clone()));
            }
            Fact::Taken(row) => {
                for (named, _) in &row.rows {
                    let claims = books.claims_by_row.entry(*named).or_default();
                    claims.retain(|(claim, ..)| *claim != key);
                    claims.push((key, place, row.clone()));
                }
                touched = row.rows.iter().flat_map(|(key, _)| books.index.subjects_of_row(*key)).collect();
                for subject in &touched {
                    books.rows.entry(subject.clone()).or_default().taken.insert(key, (place, row.clone()));
                }
                return touched;
            }
        }
        self.index.note(key, articles, &touched);
        for (claim, place, taken) in self.claims_by_row.get(&key).into_iter().flatten() {
            for subject in &touched {
                self.rows.entry(subject.clone()).or_default().taken.insert(*claim, (*place, taken.clone()));
            }
        }
        touched
    }

    /// All subjects with rows.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.rows.keys()
    }

    /// What is owed about one subject, as seen at a moment.
    pub fn evaluate(&self, subject: &Subject, now: DateTime<Utc>) -> Vec<Finding> {
        let Some(rows) = self.rows.get(subject) else { return Vec::new() };
        match subject {
            Subject::Stock(fnsku, currency) => stock::evaluate(self, fnsku, *currency, rows, now),
            Subject::Order(order) => {
                let mut findings = orders::evaluate(self, order, rows, now);
                findings.extend(fees::evaluate(self, order, rows, now));
                findings
            }
            Subject::Returns(fnsku) => restock::evaluate(self, fnsku, rows, now),
            Subject::Removals(fnsku) => removals::evaluate(self, fnsku, rows, now),
            Subject::Inbound(fnsku) => inbound::evaluate(self, fnsku, rows, now),
            Subject::Payments(sku, currency) => payments::evaluate(self, sku, *currency, rows, now),
            Subject::Storage(fnsku) => storage::evaluate(self, fnsku, rows, now),
            Subject::Parcel(tracking) => storage::parcel(self, tracking, rows, now),
        }
    }

    /// What is owed in all, in a stable order.
    pub fn evaluate_all(&self, now: DateTime<Utc>) -> Vec<Finding> {
        let mut subjects: Vec<&Subject> = self.rows.keys().collect();
        subjects.sort_unstable();
        subjects.into_iter().flat_map(|subject| self.evaluate(subject, now)).collect()
    }
}
