//! `GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2`: what was really paid, line by line.

use chrono::{DateTime, FixedOffset, NaiveDate};
use shared_events::money::{Currency, Money};

use super::field::{date_of, instant_of};
use super::{Column, FieldError, Fields, Report, identity, optional, optional_identity, required};

/// One line of a settlement. The first data row of the file is its sum: it has a deposit date and no transaction type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementLine {
    /// Amazon's number of the settlement.
    pub settlement_id: String,
    /// The settlement's end; only in the row of the sum.
    pub ends_at: Option<DateTime<FixedOffset>>,
    /// The settlement's sum; only in that row.
    pub sum: Option<Money>,
    /// The currency; Amazon writes it in the row of the sum only.
    pub currency: Option<Currency>,
    /// `Order`, `Refund`, `other-transaction`, ..., as Amazon writes it.
    pub transaction: String,
    /// The customer's order.
    pub order_id: Option<String>,
    /// Amazon's number of the refund or adjustment.
    pub adjustment_id: Option<String>,
    /// The store: `Amazon.com`, ...
    pub marketplace: String,
    /// `ItemPrice`, `ItemFees`, `FBA Inventory Reimbursement`, ...
    pub amount_type: String,
    /// `Principal`, `Commission`, `WAREHOUSE_LOST`, ...
    pub description: String,
    /// The amount as written, with a decimal point; [`SettlementLine::money`] gives it a currency.
    pub amount: String,
    /// When it was posted.
    pub posted_at: Option<DateTime<FixedOffset>>,
    /// The day it was posted.
    pub posted: Option<NaiveDate>,
    /// The seller's number of the article.
    pub sku: Option<String>,
    /// Units; Amazon leaves it blank for refunds.
    pub quantity: Option<i64>,
}

impl SettlementLine {
    /// The amount in the settlement's currency; none when it is not exact in it.
    pub fn money(&self, currency: Currency) -> Option<Money> {
        Money::parse(&self.amount, currency).ok()
    }
}

impl Report for SettlementLine {
    const NAME: &'static str = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2";
    const COLUMNS: &'static [Column] = &[
        identity("settlement-id"),
        optional("settlement-end-date"),
        required("total-amount"),
        required("currency"),
        identity("transaction-type"),
        identity("order-id"),
        optional_identity("adjustment-id"),
        required("marketplace-name"),
        identity("amount-type"),
        identity("amount-description"),
        identity("amount"),
        required("posted-date"),
        optional_identity("posted-date-time"),
        optional_identity("order-item-code"),
        identity("sku"),
        required("quantity-purchased"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let currency = if fields.text(3).is_empty() { None } else { Some(fields.currency(3)?) };
        // The sum's row is the only one with a total.
        let sum = match (fields.text(2), currency) {
            ("", _) => None,
            (_, Some(currency)) => Some(fields.money(2, currency)?),
            (_, None) => return Err(fields.wrong(3, "a total without a currency")),
        };
        let amount = if sum.is_some() { String::new() } else { fields.plain(10)? };
        let posted_at = instant_of(fields.text(12)).or_else(|| instant_of(fields.text(11)));
        let posted = posted_at.map(|at| at.date_naive()).or_else(|| date_of(fields.text(11)));
        if sum.is_none() && posted.is_none() {
            return Err(fields.wrong(11, "is not a date"));
        }
        Ok(Self {
            settlement_id: fields.needed(0)?,
            ends_at: instant_of(fields.text(1)),
            sum,
            currency,
            transaction: fields.owned(4),
            order_id: fields.some(5),
            adjustment_id: fields.some(6),
            marketplace: fields.owned(7),
            amount_type: fields.owned(8),
            description: fields.owned(9),
            amount,
            posted_at,
            posted,
            sku: fields.some(14),
            quantity: fields.whole_or_blank(15)?,
        })
    }
}
