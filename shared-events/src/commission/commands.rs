//! What commission is asked: decisions on commissions, payouts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PaymentMethod, SealedAccount};
use crate::envelope::Message;
use crate::ids::{CommissionId, PartnerId, PayoutBatchId, PayoutId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

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
