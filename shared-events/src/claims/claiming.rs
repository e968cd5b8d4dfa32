//! Claims, their payouts and their fees: what is asked, and what is told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::envelope::{Message, Service, Topic};
use crate::evidence::ProofSubject;
use crate::ids::{ClaimId, DetectionId, DocumentId, FeeId, PacketId, Subject, TenantId};
use crate::messages;
use crate::money::Money;

/// What the marketplace says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// It has it.
    Acknowledged,
    /// It wants to know more.
    InfoRequested,
    /// It looks at it.
    UnderReview,
    /// It grants it.
    Approved,
    /// It grants a part.
    PartiallyApproved,
    /// It refuses it.
    Denied,
}

/// Sends a claim, or sends it again with what was missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitClaim {
    /// The claim.
    pub claim_id: ClaimId,
    /// What to say beside the facts, when it is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who wants it.
    pub wanted_by: Subject,
}

/// Allows a claim over the limit, or does not. Never by whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecideClaim {
    /// The claim.
    pub claim_id: ClaimId,
    /// Whether it may go.
    pub allowed: bool,
    /// Why.
    pub reason: String,
    /// Who decides.
    pub decided_by: Subject,
}

/// Takes a claim back before it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawClaim {
    /// The claim.
    pub claim_id: ClaimId,
    /// Why.
    pub reason: String,
    /// Who takes it back.
    pub withdrawn_by: Subject,
}

/// Adds a document to a claim for one item of its check-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachToClaim {
    /// The claim.
    pub claim_id: ClaimId,
    /// The item: `proof_of_delivery`, `photos`, ...
    pub item: String,
    /// The document.
    pub document_id: DocumentId,
    /// Who says so.
    pub attached_by: Subject,
}

/// Tells how the sending by a person, or one of unknown end, went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordCase {
    /// The claim.
    pub claim_id: ClaimId,
    /// The marketplace's number of the case; none: it never arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<String>,
    /// Who says so.
    pub recorded_by: Subject,
}

/// Tells what the marketplace answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordReply {
    /// The claim.
    pub claim_id: ClaimId,
    /// What it says.
    pub kind: ReplyKind,
    /// In its words.
    pub text: String,
    /// How much is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Who says so.
    pub recorded_by: Subject,
}

/// Sets how a tenant's claims are sent and what they cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetClaimSettings {
    /// Whose claims.
    pub of_tenant: TenantId,
    /// Whether claims may go by themselves.
    pub automatic: bool,
    /// Up to which amount no second person is needed; none: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Money>,
    /// How many are sent a day at most.
    pub per_day: u32,
    /// The success fee, in ten thousandths.
    pub fee_bps: u32,
    /// Who is asked about documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Subject>,
    /// Who sets it.
    pub set_by: Subject,
}

/// Stops the sending of claims for every tenant, or lets it go on. For the operator's own tenant only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetGeneralSwitch {
    /// The operator's tenant.
    pub of_tenant: TenantId,
    /// Whether nothing is sent.
    pub stopped: bool,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub set_by: Subject,
}

messages! { Topic::commands(Service::Claims);
    SubmitClaim "claims.submit_claim.v1" claim_id,
    DecideClaim "claims.decide_claim.v1" claim_id,
    WithdrawClaim "claims.withdraw_claim.v1" claim_id,
    AttachToClaim "claims.attach_to_claim.v1" claim_id,
    RecordCase "claims.record_case.v1" claim_id,
    RecordReply "claims.record_reply.v1" claim_id,
    SetClaimSettings "claims.set_claim_settings.v1" of_tenant,
    SetGeneralSwitch "claims.set_general_switch.v1" of_tenant,
}

/// A claim was made of a detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimPrepared {
    /// The claim.
    pub claim_id: ClaimId,
    /// Of which detection.
    pub detection_id: DetectionId,
    /// `fc_lost`, ...
    pub claim_type: String,
    /// Units.
    pub units: i64,
    /// What is claimed.
    pub amount: Money,
    /// Until when it can be sent; none: nothing says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime<Utc>>,
}

/// Documents have to be found for a claim. Evidence treats it as a request for proof with the claim's id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProofWanted {
    /// The claim.
    pub claim_id: ClaimId,
    /// `fc_lost`, ...
    pub claim_type: String,
    /// What has to be proved.
    pub subject: ProofSubject,
    /// The rows that the claim rests on, as they stood in the reports.
    pub source_rows: Vec<Value>,
    /// The policy that it cites.
    pub policy: Value,
    /// Who is asked when a match is uncertain.
    pub asked: Subject,
}

/// Nothing has to be proved for a claim any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofUnwanted {
    /// The claim.
    pub claim_id: ClaimId,
    /// Why.
    pub reason: String,
}

/// A claim that was not sent yet is about more or less now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimAmended {
    /// The claim.
    pub claim_id: ClaimId,
    /// Units.
    pub units: i64,
    /// What is claimed.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// The check-list of a claim is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimReady {
    /// The claim.
    pub claim_id: ClaimId,
    /// Why it does not go by itself; none when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_because: Option<String>,
}

/// A claim is over the limit: a second person has to allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimApprovalWanted {
    /// The claim.
    pub claim_id: ClaimId,
    /// What is claimed.
    pub amount: Money,
    /// Who wants to send it; none: the service by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_by: Option<Subject>,
}

/// A second person decided about a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimDecided {
    /// The claim.
    pub claim_id: ClaimId,
    /// Whether it may go.
    pub allowed: bool,
    /// Who decided.
    pub decided_by: Subject,
}

/// A claim waits for its turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClaimQueued {
    /// The claim.
    pub claim_id: ClaimId,
    /// By which channel it will go: `assisted`, `mail_thread`, `amazon_shipping`.
    pub channel: String,
    /// Whether the service decided that by itself.
    pub automatic: bool,
    /// With which probability its documents prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The model that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A claim was tried to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSubmissionAttempted {
    /// The claim.
    pub claim_id: ClaimId,
    /// Which sending, counted from 1; an appeal is another one.
    pub attempt: i32,
    /// Which try of it, counted from 1.
    pub tried: i32,
    /// By which channel.
    pub channel: String,
    /// `accepted`, `handed_over` (to a person), `refused`, `not_sent` or `unknown`.
    pub outcome: String,
}

/// The marketplace has a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSubmitted {
    /// The claim.
    pub claim_id: ClaimId,
    /// The marketplace's number of the case.
    pub case_id: String,
    /// By which channel it went.
    pub channel: String,
    /// Whether no person had a hand in it.
    pub automatic: bool,
}

/// Nobody knows whether a claim arrived. It is not sent again until somebody says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSubmitUnknown {
    /// The claim.
    pub claim_id: ClaimId,
    /// What happened, in words.
    pub reason: String,
    /// Who is asked.
    pub asked: Subject,
}

/// Every attempt to send a claim failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimFailed {
    /// The claim.
    pub claim_id: ClaimId,
    /// Why.
    pub reason: String,
}

/// The marketplace answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimAnswered {
    /// The claim.
    pub claim_id: ClaimId,
    /// What it says.
    pub kind: ReplyKind,
    /// Why it refuses: `missing_document`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// How much it grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// What is to be done now: `wait`, `bring_documents`, `find_reimbursement`, `read` or `nothing`.
    pub next: String,
}

/// A claim was taken back before it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimWithdrawn {
    /// The claim.
    pub claim_id: ClaimId,
    /// Why.
    pub reason: String,
}

/// The window of a claim closed before it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimExpired {
    /// The claim.
    pub claim_id: ClaimId,
}

/// The money of a claim is there: reimbursed, and posted to the cent. Evidence seals the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutConfirmed {
    /// The claim.
    pub claim_id: ClaimId,
    /// How much; zero when all of it was given in units.
    pub amount: Money,
    /// Units that were given back to stock instead of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// The marketplace's number of the reimbursement and the row of the report; unique within the claim.
    pub reference: String,
    /// How probable it is that it pays this claim, in ten thousandths; none: it names the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_bps: Option<i32>,
    /// The row of the finance or settlement posting.
    pub posting: String,
    /// When it was posted.
    pub paid_at: DateTime<Utc>,
}

/// The marketplace took money back. Evidence adds to the packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutReversed {
    /// The claim.
    pub claim_id: ClaimId,
    /// How much, as a positive amount.
    pub amount: Money,
    /// The marketplace's number of the reversal and the row of the report; unique within the claim.
    pub reference: String,
    /// The reimbursement that it takes back.
    pub original: String,
    /// When.
    pub paid_at: DateTime<Utc>,
}

/// A claim was granted and its money has not come within five business days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutOverdue {
    /// The claim.
    pub claim_id: ClaimId,
    /// When it was granted.
    pub approved_at: DateTime<Utc>,
}

/// The packet of a paid claim is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSealed {
    /// The claim.
    pub claim_id: ClaimId,
    /// The packet.
    pub packet_id: PacketId,
}

/// A fee is owed for money that a claim brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeAccrued {
    /// The fee.
    pub fee_id: FeeId,
    /// The claim.
    pub claim_id: ClaimId,
    /// What it is a share of: confirmed cash less what was taken back.
    pub basis: Money,
    /// The share, in ten thousandths.
    pub rate_bps: i32,
    /// How much.
    pub amount: Money,
}

/// A fee is given back, because the marketplace took its money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeeCredited {
    /// The credit.
    pub fee_id: FeeId,
    /// The claim.
    pub claim_id: ClaimId,
    /// How much, as a positive amount.
    pub amount: Money,
}

/// How a tenant's claims are sent was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimSettingsSet {
    /// Whose claims.
    pub of_tenant: TenantId,
    /// Whether claims may go by themselves.
    pub automatic: bool,
    /// Who set it.
    pub set_by: Subject,
}

/// The sending of claims was stopped for every tenant, or goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GeneralSwitchSet {
    /// The operator's tenant.
    pub of_tenant: TenantId,
    /// Whether nothing is sent.
    pub stopped: bool,
    /// Why.
    pub reason: String,
    /// Who wanted it.
    pub set_by: Subject,
}

messages! { Topic::events(Service::Claims);
    ClaimPrepared "claims.claim_prepared.v1" claim_id,
    ProofWanted "claims.proof_wanted.v1" claim_id,
    ProofUnwanted "claims.proof_unwanted.v1" claim_id,
    ClaimAmended "claims.claim_amended.v1" claim_id,
    ClaimReady "claims.claim_ready.v1" claim_id,
    ClaimApprovalWanted "claims.claim_approval_wanted.v1" claim_id,
    ClaimDecided "claims.claim_decided.v1" claim_id,
    ClaimQueued "claims.claim_queued.v1" claim_id,
    ClaimSubmissionAttempted "claims.claim_submission_attempted.v1" claim_id,
    ClaimSubmitted "claims.claim_submitted.v1" claim_id,
    ClaimSubmitUnknown "claims.claim_submit_unknown.v1" claim_id,
    ClaimFailed "claims.claim_failed.v1" claim_id,
    ClaimAnswered "claims.claim_answered.v1" claim_id,
    ClaimWithdrawn "claims.claim_withdrawn.v1" claim_id,
    ClaimExpired "claims.claim_expired.v1" claim_id,
    PayoutConfirmed "claims.payout_confirmed.v1" claim_id,
    PayoutReversed "claims.payout_reversed.v1" claim_id,
    PayoutOverdue "claims.payout_overdue.v1" claim_id,
    ClaimSealed "claims.claim_sealed.v1" claim_id,
    FeeAccrued "claims.fee_accrued.v1" claim_id,
    FeeCredited "claims.fee_credited.v1" claim_id,
    ClaimSettingsSet "claims.claim_settings_set.v1" of_tenant,
    GeneralSwitchSet "claims.general_switch_set.v1" of_tenant,
}
