//! What the rules know: rows of reports, and what comes from elsewhere (inbound shipments, carriers, invoices, our own claims).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared_events::money::{Currency, Money};

use crate::marketplace::Marketplace;
use crate::policy::ClaimType;
use crate::reports::{
    CustomerReturn, FeePreview, LedgerEvent, LongTermStorage, Reimbursement, RemovalOrder, RemovalShipment,
    Replacement, RowKey, Sale, SettlementLine, Stock, Storage,
};

/// One thing to know. It is told together with the marketplace that its report was asked for, which counts where the row
/// itself names no place.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A row of the ledger.
    Ledger(LedgerEvent),
    /// A reimbursement, or its reversal.
    Reimbursement(Reimbursement),
    /// A return.
    Return(CustomerReturn),
    /// A replacement.
    Replacement(Replacement),
    /// A sale.
    Sale(Sale),
    /// Money that was posted.
    Posting(Posting),
    /// A removal order.
    Removal(RemovalOrder),
    /// A parcel of a removal.
    RemovalShipment(RemovalShipment),
    /// What arrived of it.
    Delivery(Delivery),
    /// What was sent in.
    Inbound(InboundItem),
    /// What lies in the warehouses.
    Stock(Stock),
    /// What an article's fees should be, and since which day we know.
    FeePreview(NaiveDate, FeePreview),
    /// A surcharge for long storage.
    LongTermStorage(LongTermStorage),
    /// A month's storage.
    Storage(Storage),
    /// What an article costs to buy.
    Cost(SourcingCost),
    /// A parcel of Amazon Shipping that went wrong.
    Parcel(Parcel),
    /// Units or amounts that our own claims hold already.
    Taken(Taken),
}

/// Money that Amazon posted, from a settlement or from the Finances API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The day, in the marketplace's zone.
    pub day: NaiveDate,
    /// `Order`, `Refund`, ...
    pub transaction: String,
    /// The order.
    pub order_id: Option<String>,
    /// The article.
    pub sku: Option<String>,
    /// `ItemPrice`, `ItemFees`, ...
    pub amount_type: String,
    /// `Principal`, `Commission`, ...
    pub description: String,
    /// How much; negative when it is taken.
    pub amount: Money,
    /// Units.
    pub quantity: Option<i64>,
}

/// Turns the lines of one settlement into postings: the currency stands in the first line only.
#[derive(Debug, Default)]
pub struct SettlementReader {
    currency: Option<Currency>,
    /// Up to which day settlements are known.
    pub until: Option<NaiveDate>,
}

impl SettlementReader {
    /// The posting of a line; `Ok(None)` for the line of the sum.
    ///
    /// # Errors
    /// What is wrong, in words: no currency yet, or an amount with more decimals than it has.
    pub fn posting(&mut self, line: &SettlementLine, place: Marketplace) -> Result<Option<Posting>, &'static str> {
        self.currency = line.currency.or(self.currency);
        if line.sum.is_some() {
            self.until = self.until.max(line.ends_at.map(|end| place.date_of(&end)));
            return Ok(None);
        }
        let currency = self.currency.ok_or("the settlement's first line, which has the currency, is missing")?;
        let amount = line.money(currency).ok_or("the amount has more decimals than the currency")?;
        let day = line.posted_at.map(|at| place.date_of(&at)).or(line.posted).ok_or("a line without a date")?;
        Ok(Some(Posting {
            day,
            transaction: line.transaction.clone(),
            order_id: line.order_id.clone(),
            sku: line.sku.clone(),
            amount_type: line.amount_type.clone(),
            description: line.description.clone(),
            amount,
            quantity: line.quantity,
        }))
    }
}

/// What the carrier and the seller say about a removal's parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The removal order.
    pub order_id: String,
    /// The carrier's number of the parcel.
    pub tracking: String,
    /// The article.
    pub fnsku: String,
    /// When it arrived; none: the carrier has no delivery.
    pub delivered_on: Option<NaiveDate>,
    /// Units that arrived whole.
    pub good: i64,
    /// Units that arrived damaged, or were another article.
    pub damaged: i64,
}

/// One article of a shipment to Amazon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundItem {
    /// Amazon's number of the shipment.
    pub shipment_id: String,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units sent.
    pub shipped: i64,
    /// Units received, as the shipment says.
    pub received: i64,
    /// Amazon has closed the shipment; before that nothing is missing.
    pub closed: bool,
    /// When the carrier delivered it.
    pub delivered_on: Option<NaiveDate>,
    /// Amazon's own carrier brought it, so that damage on the way is Amazon's.
    pub partnered: bool,
}

/// What an article costs to buy, without freight, duty and labelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcingCost {
    /// The article.
    pub fnsku: String,
    /// For one unit.
    pub unit: Money,
    /// From this day on.
    pub valid_from: NaiveDate,
    /// Where it is from: `invoice`, `manual`, `amazon_estimate`.
    pub source: String,
}

/// A parcel of Amazon Shipping that was lost or damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The parcel's number.
    pub tracking: String,
    /// The day of the loss or damage.
    pub day: NaiveDate,
    /// What happened, in Amazon's words: `LOST_IN_TRANSIT`, ...
    pub reason: String,
    /// Its declared value.
    pub value: Money,
}

/// What one of our claims holds: as long as it is not withdrawn, nothing of it is claimed again, paid or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Our claim.
    pub claim: String,
    /// What it is about.
    pub claim_type: ClaimType,
    /// Amazon's number of the case, once there is one.
    pub case_id: Option<String>,
    /// Units of each row that it claims.
    pub rows: Vec<(RowKey, i64)>,
}
