//! What commission tells: what became of commissions and of payouts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{CampaignId, CommissionId, ConversionId, PartnerId, PayoutBatchId, PayoutId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// A commission was worked out and waits for its hold (or for review) to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionCalculated {
    /// The commission.
    pub commission_id: CommissionId,
    /// The conversion that earned it.
    pub conversion_id: ConversionId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Who earns it.
    pub partner: PartnerId,
    /// How much.
    pub earnings: Money,
    /// Until when it waits.
    pub hold_until: DateTime<Utc>,
    /// Signals for which a person has to look first (`self_referral`, ...).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review: Vec<String>,
}

/// A commission is payable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionApproved {
    /// The commission.
    pub commission_id: CommissionId,
    /// Who earns it.
    pub partner: PartnerId,
    /// What is payable.
    pub earnings: Money,
    /// Why: the hold ended, or who approved it.
    pub reason: String,
}

/// A commission is refused, or a conversion earns nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionRejected {
    /// The commission.
    pub commission_id: CommissionId,
    /// Whose it would have been.
    pub partner: PartnerId,
    /// What was taken back (0 when nothing was earned in the first place).
    pub earnings: Money,
    /// Why.
    pub reason: String,
}

/// A commission became smaller before it was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionReversed {
    /// The commission.
    pub commission_id: CommissionId,
    /// Whose it is.
    pub partner: PartnerId,
    /// By how much; positive.
    pub reversed: Money,
    /// What is left of it.
    pub remaining_minor: i64,
    /// Why.
    pub reason: String,
}

/// A commission that was already in a payout is taken back by a negative one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionClawedBack {
    /// The new, negative commission.
    pub commission_id: CommissionId,
    /// The commission it takes back from.
    pub reverses: CommissionId,
    /// Whose it is.
    pub partner: PartnerId,
    /// How much; negative.
    pub earnings: Money,
    /// Why.
    pub reason: String,
}

/// A refund that had taken from a commission was not paid after all: the partner has its part again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommissionRestored {
    /// The commission that has it: the one that was taken from, or one of its own where a claw-back stands against it.
    pub commission_id: CommissionId,
    /// Whose it is.
    pub partner: PartnerId,
    /// How much; positive.
    pub restored: Money,
    /// What is left of it now.
    pub remaining_minor: i64,
    /// Why.
    pub reason: String,
}

/// A payout was asked for and its amount set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutRequested {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// How much.
    pub amount: Money,
    /// Whether somebody else has to approve it first.
    pub needs_approval: bool,
}

/// Nobody decided in time about a payout that needs a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutEscalated {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// How much.
    pub amount: Money,
}

/// A payout may go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutApproved {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// Who allowed it, or the rule that did.
    pub approved_by: String,
}

/// A payout was refused; the money is payable again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutRejected {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who was to be paid.
    pub partner: PartnerId,
    /// Why.
    pub reason: String,
}

/// A payout stands in a payout file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutSubmitted {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// The file.
    pub batch_id: PayoutBatchId,
}

/// A payout arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutCompleted {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who was paid.
    pub partner: PartnerId,
    /// How much.
    pub amount: Money,
    /// The bank's or provider's reference.
    pub reference: String,
}

/// A payout did not arrive; the money is payable again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutFailed {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who was to be paid.
    pub partner: PartnerId,
    /// How much is payable again.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

messages! { Topic::events(Service::Commission);
    CommissionCalculated "commission.commission_calculated.v1" commission_id,
    CommissionApproved "commission.commission_approved.v1" commission_id,
    CommissionRejected "commission.commission_rejected.v1" commission_id,
    CommissionReversed "commission.commission_reversed.v1" commission_id,
    CommissionClawedBack "commission.commission_clawed_back.v1" commission_id,
    CommissionRestored "commission.commission_restored.v1" commission_id,
    PayoutRequested "commission.payout_requested.v1" payout_id,
    PayoutEscalated "commission.payout_escalated.v1" payout_id,
    PayoutApproved "commission.payout_approved.v1" payout_id,
    PayoutRejected "commission.payout_rejected.v1" payout_id,
    PayoutSubmitted "commission.payout_submitted.v1" payout_id,
    PayoutCompleted "commission.payout_completed.v1" payout_id,
    PayoutFailed "commission.payout_failed.v1" payout_id,
}
