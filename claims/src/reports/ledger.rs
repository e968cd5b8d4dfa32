//! `GET_LEDGER_DETAIL_VIEW_DATA` (every movement of stock) and `GET_LEDGER_SUMMARY_VIEW_DATA` (balances per day).

use chrono::NaiveDate;

use super::{Column, FieldError, Fields, Report, identity, optional, optional_identity, required};
use crate::reasons::LedgerReason;

/// What a ledger row is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Units left to a customer.
    Shipments,
    /// Units arrived from the seller.
    Receipts,
    /// Units came back from a customer.
    CustomerReturns,
    /// Units left to the seller or were disposed of at the seller's wish.
    VendorReturns,
    /// Units moved between fulfilment centres.
    Transfers,
    /// The count was corrected; the reason code says why.
    Adjustments,
    /// A word that we do not know.
    Unknown(String),
}

impl EventType {
    fn of(text: &str) -> Self {
        let letters: String =
            text.chars().filter(char::is_ascii_alphabetic).map(|sign| sign.to_ascii_lowercase()).collect();
        match letters.as_str() {
            "shipments" | "shipment" => Self::Shipments,
            "receipts" | "receipt" => Self::Receipts,
            "customerreturns" | "customerreturn" => Self::CustomerReturns,
            "vendorreturns" | "vendorreturn" => Self::VendorReturns,
            "whsetransfers" | "whsetransfer" | "warehousetransfers" | "warehousetransfer" => Self::Transfers,
            "adjustments" | "adjustment" => Self::Adjustments,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

/// The state that units are in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Can be sold.
    Sellable,
    /// Damaged in the fulfilment centre: Amazon's doing.
    WarehouseDamaged,
    /// Damaged on the way by a carrier.
    CarrierDamaged,
    /// Damaged by the customer, or faulty: not Amazon's doing.
    CustomerDamaged,
    /// Arrived damaged from the seller or its supplier.
    DistributorDamaged,
    /// Faulty.
    Defective,
    /// Another word, kept.
    Other(String),
}

impl Disposition {
    pub(crate) fn of(text: &str) -> Self {
        match text.to_ascii_uppercase().replace(' ', "_").as_str() {
            "SELLABLE" => Self::Sellable,
            "WAREHOUSE_DAMAGED" | "WAREHOUSE_DAMAGE" | "WHSE_DAMAGED" => Self::WarehouseDamaged,
            "CARRIER_DAMAGED" => Self::CarrierDamaged,
            "CUSTOMER_DAMAGED" | "CUST_DAMAGED" => Self::CustomerDamaged,
            "DISTRIBUTOR_DAMAGED" => Self::DistributorDamaged,
            "DEFECTIVE" => Self::Defective,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// One movement of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEvent {
    /// The day, in the marketplace's zone.
    pub day: NaiveDate,
    /// Amazon's number of the article in its warehouses.
    pub fnsku: String,
    /// The seller's number of it.
    pub msku: String,
    /// What happened.
    pub event: EventType,
    /// Amazon's number of the event; for receipts the inbound shipment.
    pub reference: String,
    /// Units, negative when they left.
    pub quantity: i64,
    /// Fulfilment centre.
    pub center: String,
    /// The units' state.
    pub disposition: Disposition,
    /// Why the count was adjusted; blank for other events.
    pub reason: Option<LedgerReason>,
    /// Country of the fulfilment centre.
    pub country: String,
    /// Units that Amazon has matched with an opposite adjustment; blank for other events.
    pub reconciled: Option<i64>,
    /// Units that it has not.
    pub unreconciled: Option<i64>,
}

impl Report for LedgerEvent {
    const NAME: &'static str = "GET_LEDGER_DETAIL_VIEW_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("date"),
        identity("fnsku"),
        required("asin"),
        identity("msku"),
        identity("event-type"),
        identity("reference-id"),
        identity("quantity"),
        identity("fulfillment-center"),
        identity("disposition"),
        identity("reason"),
        identity("country"),
        optional("reconciled-quantity"),
        optional("unreconciled-quantity"),
        optional_identity("date-and-time"),
        optional_identity("store"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let reason = Some(fields.text(9)).filter(|code| !code.is_empty()).map(LedgerReason::of);
        let event = EventType::of(fields.text(4));
        if event == EventType::Adjustments && reason.is_none() {
            return Err(fields.wrong(9, "an adjustment without a reason"));
        }
        Ok(Self {
            day: fields.date(0)?,
            fnsku: fields.needed(1)?,
            msku: fields.owned(3),
            event,
            reference: fields.owned(5),
            quantity: fields.whole(6)?,
            center: fields.owned(7),
            disposition: Disposition::of(fields.text(8)),
            reason,
            country: fields.needed(10)?,
            reconciled: fields.whole_or_blank(11)?,
            unreconciled: fields.whole_or_blank(12)?,
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.day)
    }
}

/// The balance of one article in one state and place on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerDay {
    /// The day (or the first day of a longer period).
    pub day: NaiveDate,
    /// Amazon's number of the article.
    pub fnsku: String,
    /// The seller's number of it.
    pub msku: String,
    /// The units' state.
    pub disposition: Disposition,
    /// Units at the start.
    pub start: i64,
    /// Units between warehouses; part of no balance.
    pub in_transit: i64,
    /// Received, shipped, returned, removed, transferred, found, lost, damaged, disposed, other, in this order and with sign.
    pub movements: [i64; 10],
    /// Units at the end.
    pub end: i64,
    /// Units whose movement Amazon cannot name.
    pub unknown: i64,
    /// Country or fulfilment centre.
    pub location: String,
}

impl LedgerDay {
    /// How many units the balance is off: end less (start + movements + unknown); 0 is right.
    pub fn difference(&self) -> i64 {
        self.end - (self.start + self.movements.iter().sum::<i64>() + self.unknown)
    }
}

impl Report for LedgerDay {
    const NAME: &'static str = "GET_LEDGER_SUMMARY_VIEW_DATA";
    const COLUMNS: &'static [Column] = &[
        identity("date"),
        identity("fnsku"),
        required("asin"),
        identity("msku"),
        identity("disposition"),
        required("starting-warehouse-balance"),
        optional("in-transit-between-warehouses"),
        required("receipts"),
        required("customer-shipments"),
        required("customer-returns"),
        required("vendor-returns"),
        required("warehouse-transfer-in/out"),
        required("found"),
        required("lost"),
        required("damaged"),
        required("disposed"),
        required("other-events"),
        required("ending-warehouse-balance"),
        required("unknown-events"),
        optional_identity("location"),
        optional_identity("store"),
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, FieldError> {
        let mut movements = [0; 10];
        for (at, movement) in movements.iter_mut().enumerate() {
            *movement = fields.whole_or_zero(7 + at)?;
        }
        Ok(Self {
            day: fields.date(0)?,
            fnsku: fields.needed(1)?,
            msku: fields.owned(3),
            disposition: Disposition::of(fields.text(4)),
            start: fields.whole(5)?,
            in_transit: fields.whole_or_zero(6)?,
            movements,
            end: fields.whole(17)?,
            unknown: fields.whole_or_zero(18)?,
            location: fields.owned(19),
        })
    }

    fn day(&self) -> Option<NaiveDate> {
        Some(self.day)
    }
}
