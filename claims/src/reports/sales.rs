//! `GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_SALES_DATA`: what was sent to customers, and at which price.

use chrono::{DateTime, FixedOffset, NaiveDate};
use shared_events::money::Money;

use super::{Column, FieldError, Fields, Report, identity, optional, optional_identity, required};

/// Units of one article sent for one order. The customer's town stays in the raw row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// When it was sent.
    pub shipped_at: DateTime<FixedOffset>,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units.
    pub quantity: i64,
    /// The order.
    pub order_id: String,
    /// Price of one unit, without shipping and wrapping.
    pub unit_price: Money,
}

impl Report for Sale {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_SALES_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("shipment-date"),
        identity("sku"),
        identity("fnsku"),
        optional("asin"),
        optional_identity("fulfillment-center-id"),
        identity("quantity"),
        identity("amazon-order-id"),
        required("currency"),
        required("item-price-per-unit"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let currency = fields.currency(7)?;
        Ok(Self {
            shipped_at: fields.instant(0)?,
            sku: fields.owned(1),
            fnsku: fields.needed(2)?,
            quantity: fields.whole(5)?,
            order_id: fields.needed(6)?,
            unit_price: fields.money(8, currency)?,
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.shipped_at.date_naive())
    }
}
