//! What people and services ask of claims.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ClaimId, DocumentId, Subject, TenantId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

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
