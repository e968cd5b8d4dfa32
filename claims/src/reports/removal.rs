//! Units that the seller asked back or had disposed of.

use chrono::{DateTime, FixedOffset, NaiveDate};
use shared_events::money::Money;

use super::{Column, FieldError, Fields, Report, identity, optional, optional_identity, required};

/// `GET_FBA_FULFILLMENT_REMOVAL_ORDER_DETAIL_DATA`: what was asked for, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalOrder {
    /// When it was asked for.
    pub requested_at: DateTime<FixedOffset>,
    /// Number of the removal order.
    pub order_id: String,
    /// `Return` or `Disposal`, as Amazon writes it.
    pub kind: String,
    /// `Completed`, `Pending`, `Cancelled`, ..., as Amazon writes it.
    pub status: String,
    /// When it last changed.
    pub updated_at: DateTime<FixedOffset>,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units asked for.
    pub requested: i64,
    /// Of these: not removed after all.
    pub cancelled: i64,
    /// Of these: disposed of.
    pub disposed: i64,
    /// Of these: sent to the seller.
    pub shipped: i64,
    /// Of these: still on their way through the warehouse.
    pub in_process: i64,
    /// What the removal cost.
    pub fee: Option<Money>,
}

impl Report for RemovalOrder {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_REMOVAL_ORDER_DETAIL_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("request-date"),
        identity("order-id"),
        required("order-type"),
        required("order-status"),
        required("last-updated-date"),
        identity("sku"),
        identity("fnsku"),
        optional_identity("disposition"),
        required("requested-quantity"),
        required("cancelled-quantity"),
        required("disposed-quantity"),
        required("shipped-quantity"),
        required("in-process-quantity"),
        optional("removal-fee"),
        optional("currency"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let fee = match fields.text(13) {
            "" => None,
            _ => Some(fields.money(13, fields.currency(14)?)?),
        };
        Ok(Self {
            requested_at: fields.instant(0)?,
            order_id: fields.needed(1)?,
            kind: fields.owned(2),
            status: fields.owned(3),
            updated_at: fields.instant(4)?,
            sku: fields.owned(5),
            fnsku: fields.needed(6)?,
            requested: fields.whole(8)?,
            cancelled: fields.whole_or_zero(9)?,
            disposed: fields.whole_or_zero(10)?,
            shipped: fields.whole_or_zero(11)?,
            in_process: fields.whole_or_zero(12)?,
            fee,
        })
    }
}

/// `GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA`: a parcel on its way to the seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalShipment {
    /// Number of the removal order.
    pub order_id: String,
    /// When it was handed to the carrier.
    pub shipped_at: DateTime<FixedOffset>,
    /// The seller's number of the article.
    pub sku: String,
    /// Amazon's number of it.
    pub fnsku: String,
    /// Units in it.
    pub quantity: i64,
    /// Who carries it.
    pub carrier: String,
    /// The carrier's number of the parcel.
    pub tracking: Option<String>,
}

impl Report for RemovalShipment {
    const NAME: &'static str = "GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA";
    const COLUMNS: &'static [Column] = &[
        required("request-date"),
        identity("order-id"),
        identity("shipment-date"),
        identity("sku"),
        identity("fnsku"),
        optional_identity("disposition"),
        identity("shipped-quantity"),
        required("carrier"),
        identity("tracking-number"),
        optional("removal-order-type"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            order_id: fields.needed(1)?,
            shipped_at: fields.instant(2)?,
            sku: fields.owned(3),
            fnsku: fields.needed(4)?,
            quantity: fields.whole(6)?,
            carrier: fields.owned(7),
            tracking: fields.some(8),
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.shipped_at.date_naive())
    }
}
