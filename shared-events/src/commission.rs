//! What commission is asked and what it tells: commissions, their reversal, payouts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Message, Service, Topic};
use crate::ids::{CampaignId, CommissionId, ConversionId, PartnerId, PayoutBatchId, PayoutId, Subject};
use crate::messages;
use crate::money::Money;

/// Frees a commission that is held for review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApproveCommission {
    /// The commission.
    pub commission_id: CommissionId,
    /// Why, in the reviewer's words.
    pub reason: String,
}

/// Refuses a commission that is not yet in a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectCommission {
    /// The commission.
    pub commission_id: CommissionId,
    /// Why, in the reviewer's words.
    pub reason: String,
}

/// How a partner wants to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// To a PayPal account, by its e-mail address.
    Paypal,
    /// To a bank account.
    Bank,
    /// To a Stripe Connect account.
    StripeConnect,
}

/// Account details, encrypted at the edge (AES-256-GCM): plain ones never enter a message, a log or a table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedAccount {
    /// Nonce and ciphertext, base64.
    pub sealed: String,
    /// What may be shown: `u***@example.com`.
    pub masked: String,
}

impl std::fmt::Debug for SealedAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedAccount").field("masked", &self.masked).finish_non_exhaustive()
    }
}

/// A partner asks to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestPayment {
    /// The payout that this makes.
    pub payout_id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// Where to.
    pub account: SealedAccount,
    /// Who asks; may not approve it.
    pub requested_by: Subject,
}

/// Allows a payout above the limit; never by its requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovePayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Who allows it.
    pub approved_by: Subject,
}

/// Refuses a payout; the money is payable again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Why.
    pub reason: String,
}

/// Writes every approved payout into one file (CSV and JSON) and marks them submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitPayouts {
    /// The batch that this makes; also its key.
    pub batch_id: PayoutBatchId,
}

/// Money arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfirmPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// The bank's or provider's reference.
    pub reference: String,
}

/// Money did not arrive; it is payable again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailPayout {
    /// The payout.
    pub payout_id: PayoutId,
    /// Why.
    pub reason: String,
}

messages! { Topic::commands(Service::Commission);
    ApproveCommission "commission.approve_commission.v1" commission_id,
    RejectCommission "commission.reject_commission.v1" commission_id,
    RequestPayment "commission.request_payment.v1" payout_id,
    ApprovePayout "commission.approve_payout.v1" payout_id,
    RejectPayout "commission.reject_payout.v1" payout_id,
    SubmitPayouts "commission.submit_payouts.v1" batch_id,
    ConfirmPayout "commission.confirm_payout.v1" payout_id,
    FailPayout "commission.fail_payout.v1" payout_id,
}

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
    PayoutApproved "commission.payout_approved.v1" payout_id,
    PayoutRejected "commission.payout_rejected.v1" payout_id,
    PayoutSubmitted "commission.payout_submitted.v1" payout_id,
    PayoutCompleted "commission.payout_completed.v1" payout_id,
    PayoutFailed "commission.payout_failed.v1" payout_id,
}
