//! What customers sent back, and what was sent to them again.

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::ledger::Disposition;
use super::{Column, FieldError, Fields, Report, identity, optional, optional_identity, required};

/// `GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA`: one unit (or more) that came back. The customer's comment stays in the raw row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerReturn {
    /// When it came back.
    pub returned_at: DateTime<FixedOffset>,
    /// The order that it was bought with.
    pub order_id: String,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units.
    pub quantity: i64,
    /// Where it came back to.
    pub center: String,
    /// The state that it came back in.
    pub disposition: Disposition,
    /// The licence plate number of the unit.
    pub license_plate: Option<String>,
}

impl Report for CustomerReturn {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("return-date"),
        identity("order-id"),
        identity("sku"),
        identity("fnsku"),
        identity("quantity"),
        identity("fulfillment-center-id"),
        identity("detailed-disposition"),
        optional("reason"),
        optional("status"),
        optional_identity("license-plate-number"),
        optional("customer-comments"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            returned_at: fields.instant(0)?,
            order_id: fields.needed(1)?,
            sku: fields.owned(2),
            fnsku: fields.needed(3)?,
            quantity: fields.whole(4)?,
            center: fields.owned(5),
            disposition: Disposition::of(fields.text(6)),
            license_plate: fields.some(9),
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.returned_at.date_naive())
    }
}

/// `GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_REPLACEMENT_DATA`: a unit sent again, free of charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// When it was sent.
    pub shipped_at: DateTime<FixedOffset>,
    /// The seller's number of the article.
    pub sku: String,
    /// Units.
    pub quantity: i64,
    /// The order of the replacement.
    pub order_id: String,
    /// The order that it replaces.
    pub original_order_id: String,
}

impl Report for Replacement {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_REPLACEMENT_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("shipment-date"),
        identity("sku"),
        optional("asin"),
        optional_identity("fulfillment-center-id"),
        identity("quantity"),
        required("replacement-reason-code"),
        identity("replacement-amazon-order-id"),
        identity("original-amazon-order-id"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            shipped_at: fields.instant(0)?,
            sku: fields.needed(1)?,
            quantity: fields.whole(4)?,
            order_id: fields.needed(6)?,
            original_order_id: fields.needed(7)?,
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.shipped_at.date_naive())
    }
}
