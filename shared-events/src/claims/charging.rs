//! Fees that are charged and given back: what is told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ClaimId, FeeMoveId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// The fees of a claim were charged, mostly together with those of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeCharged {
    /// The charge.
    pub move_id: FeeMoveId,
    /// The claim.
    pub claim_id: ClaimId,
    /// What of the charge is for this claim: its fees less credits that were set against them.
    pub amount: Money,
    /// What was charged together.
    pub charged: Money,
    /// The payment provider's number of the payment.
    pub reference: String,
}

/// The card was not charged, for sure. What is owed stays owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeDeclined {
    /// The charge.
    pub move_id: FeeMoveId,
    /// The claim whose fee was in it.
    pub claim_id: ClaimId,
    /// What should have been charged together.
    pub amount: Money,
    /// The bank's reason: `insufficient_funds`, `card_declined`, ...
    pub reason: String,
    /// When it is tried again; none: when another card is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
}

/// A fee that was charged was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeRefunded {
    /// The refund.
    pub move_id: FeeMoveId,
    /// The claim.
    pub claim_id: ClaimId,
    /// How much.
    pub amount: Money,
    /// The payment provider's number of the refund.
    pub reference: String,
}

/// A fee could not be given back, for sure. It stays a credit, for the next charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeRefundDeclined {
    /// The refund.
    pub move_id: FeeMoveId,
    /// The claim.
    pub claim_id: ClaimId,
    /// How much.
    pub amount: Money,
    /// The payment provider's reason.
    pub reason: String,
}

messages! { Topic::events(Service::Claims);
    FeeCharged "claims.fee_charged.v1" claim_id,
    FeeDeclined "claims.fee_declined.v1" claim_id,
    FeeRefunded "claims.fee_refunded.v1" claim_id,
    FeeRefundDeclined "claims.fee_refund_declined.v1" claim_id,
}
