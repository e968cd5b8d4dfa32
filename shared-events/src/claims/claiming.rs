//! A claim on its way to the marketplace: what is told from its making to the last answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::claims::ReplyKind;
use crate::envelope::Message;
use crate::evidence::ProofSubject;
use crate::ids::{ClaimId, DetectionId, PacketId, Subject, TenantId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

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
    /// The packet that whoever it was handed over to is given with the text; evidence makes it, as a draft while no money has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet_id: Option<PacketId>,
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
    ClaimSettingsSet "claims.claim_settings_set.v1" of_tenant,
    GeneralSwitchSet "claims.general_switch_set.v1" of_tenant,
}
