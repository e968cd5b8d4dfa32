//! What may be claimed from when until when: policy as versioned data, by marketplace, claim type and the date of the clock.

mod pack;
mod window;

pub use pack::{Certainty, Policy, Span, Term, Valuation};
pub use window::Window;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimType {
    /// Units lost in a fulfilment centre.
    FcLost,
    /// Units damaged in a fulfilment centre.
    FcDamaged,
    /// Units sent in and not received.
    InboundShortage,
    /// Units damaged by Amazon while they were received.
    InboundDamaged,
    /// Refunded, and never sent back.
    ReturnNotReceived,
    /// Replaced, and the first unit never sent back.
    ReplacementNotReturned,
    /// Came back damaged by Amazon or its carrier.
    ReturnAmazonFaultUnsellable,
    /// Came back, and was never put into stock.
    ReturnRestockMissing,
    /// Refunded more than was charged.
    OverRefund,
    /// Sent back to the seller, and lost on the way.
    RemovalLost,
    /// Came back to the seller damaged, wrong or incomplete.
    RemovalDamagedOrShort,
    /// Disposed of without an order to do so: for a person to look at.
    DisposedWithoutRequest,
    /// Too high a fee for fulfilment.
    FeeFulfilmentOvercharge,
    /// Too high a fee for storage.
    FeeStorageOvercharge,
    /// Too high a referral fee.
    FeeCommissionOvercharge,
    /// The referral fee was not given back with a refund.
    RefundCommissionNotReturned,
    /// Reimbursed too low.
    ReimbursedUndervalued,
    /// A reimbursement was taken back, though nothing was found or returned.
    ReimbursementReversedUnmatched,
    /// Approved, and not paid within five business days.
    ApprovedNotPaid,
    /// A parcel of Amazon Shipping that was lost or damaged.
    AmazonShippingClaim,
}

impl ClaimType {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::FcLost,
        Self::FcDamaged,
        Self::InboundShortage,
        Self::InboundDamaged,
        Self::ReturnNotReceived,
        Self::ReplacementNotReturned,
        Self::ReturnAmazonFaultUnsellable,
        Self::ReturnRestockMissing,
        Self::OverRefund,
        Self::RemovalLost,
        Self::RemovalDamagedOrShort,
        Self::DisposedWithoutRequest,
        Self::FeeFulfilmentOvercharge,
        Self::FeeStorageOvercharge,
        Self::FeeCommissionOvercharge,
        Self::RefundCommissionNotReturned,
        Self::ReimbursedUndervalued,
        Self::ReimbursementReversedUnmatched,
        Self::ApprovedNotPaid,
        Self::AmazonShippingClaim,
    ];

    /// Its name on the wire: `fc_lost`.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => unreachable!("a unit variant is written as a text"),
        }
    }
}
