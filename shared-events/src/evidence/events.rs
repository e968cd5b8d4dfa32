//! What evidence tells. What documents say stays with the service: amounts and names of other people's invoices are not told around, except
//! what one unit of an article cost, which claims are valued by.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MatchedBy, PromptOption};
use crate::envelope::Message;
use crate::ids::{DocumentId, ModelId, OrderId, PacketId, PromptId, ProofRequestId, ShipmentId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Something has to be proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofRequested {
    /// The request.
    pub request_id: ProofRequestId,
    /// What kind of claim it is for.
    pub claim_type: String,
    /// What the asker calls the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A request was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofRequestWithdrawn {
    /// The request.
    pub request_id: ProofRequestId,
    /// Why.
    pub reason: String,
}

/// A document proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceMatched {
    /// What is proved.
    pub request_id: ProofRequestId,
    /// Who asked for the proof, and so is told.
    pub requested_by: Subject,
    /// By which document.
    pub document_id: DocumentId,
    /// By which of its lines, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Calibrated probability that it does, 0 to 1.
    pub probability: f64,
    /// Who decided.
    pub by: MatchedBy,
    /// The model that gave the probability.
    pub model: String,
    /// Why, in a sentence.
    pub explanation: String,
}

/// A document may prove it: a person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceAmbiguous {
    /// What is to be proved.
    pub request_id: ProofRequestId,
    /// By which document.
    pub document_id: DocumentId,
    /// The question.
    pub prompt_id: PromptId,
    /// Calibrated probability that it does, 0 to 1.
    pub probability: f64,
    /// Why nothing was done without asking: the probability, a rival, or the gate.
    pub explanation: String,
}

/// A person said that a document does not prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchRejected {
    /// What was to be proved.
    pub request_id: ProofRequestId,
    /// By which document.
    pub document_id: DocumentId,
    /// Who said so and why.
    pub reason: String,
}

/// A person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptCreated {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who is asked.
    pub asked: Subject,
    /// In one sentence.
    pub question: String,
    /// Two or three.
    pub options: Vec<PromptOption>,
    /// Until when an answer counts.
    pub expires_at: DateTime<Utc>,
}

/// A prompt will expire soon and is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptExpiringSoon {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who is asked.
    pub asked: Subject,
    /// Until when an answer counts.
    pub expires_at: DateTime<Utc>,
}

/// A prompt was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptAnswered {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who was asked.
    pub asked: Subject,
    /// Which option.
    pub selected_option: String,
    /// Who answered.
    pub answered_by: Subject,
}

/// Nobody answered in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptExpired {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it was about.
    pub request_id: ProofRequestId,
    /// Who was asked.
    pub asked: Subject,
}

/// The question is no longer of interest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptCancelled {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it was about.
    pub request_id: ProofRequestId,
    /// Who was asked.
    pub asked: Subject,
    /// Why.
    pub reason: String,
}

/// A model was trained and runs in shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelTrained {
    /// The model.
    pub model_id: ModelId,
    /// What kind of claim it is for.
    pub claim_type: String,
    /// How many labels it learned from.
    pub labels: u32,
    /// Whether it may act by itself.
    pub gate_open: bool,
    /// The figures behind that, in a sentence.
    pub gate: String,
    /// Whether it took over, and why or why not.
    pub promoted: bool,
    /// In words.
    pub explanation: String,
}

/// An older model is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelReverted {
    /// The model that went.
    pub model_id: ModelId,
    /// The one that is back; none = the fixed rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<ModelId>,
    /// Why.
    pub reason: String,
}

/// The money for what was proved has arrived, or was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutRecorded {
    /// The request.
    pub request_id: ProofRequestId,
    /// How much; zero when all of it was given in units.
    pub amount: Money,
    /// Units that were given back to stock instead of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// The payer's reference.
    pub reference: String,
}

/// A proof packet can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofPacketReady {
    /// The packet.
    pub packet_id: PacketId,
    /// What it proves.
    pub request_id: ProofRequestId,
    /// Who asked for the proof, and so is told.
    pub requested_by: Subject,
    /// SHA-256 of the packet, in hexadecimal.
    pub sha256: String,
    /// Root of the Merkle tree over its entries, in hexadecimal.
    pub merkle_root: String,
    /// Whether it is only a draft.
    pub draft: bool,
    /// The sealed packet that it adds to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addendum_to: Option<PacketId>,
}

/// A proof packet could not be sealed. A person may have it tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofPacketFailed {
    /// The packet.
    pub packet_id: PacketId,
    /// What it would prove.
    pub request_id: ProofRequestId,
    /// Who asked for the proof, and so is told.
    pub requested_by: Subject,
    /// Whether it would be only a draft.
    pub draft: bool,
    /// A stable word for the reason: `packet_too_large`, `document_damaged`, ...
    pub code: String,
    /// Why, in words.
    pub reason: String,
}

/// The cost documentation of a request can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CostsDocumented {
    /// The request.
    pub request_id: ProofRequestId,
    /// The documentation: the same evidence and template give the same id.
    pub cost_document_id: DocumentId,
    /// SHA-256 of the PDF, in hexadecimal.
    pub sha256: String,
}

/// What is known of the sending of one parcel was written down as proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FulfilmentProved {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Its order.
    pub order_id: OrderId,
    /// What is proved now: `label`, `dispatch`, `delivery`, `exception` or `return`.
    pub stage: String,
}

messages! { Topic::events(Service::Evidence);
    ProofRequested "evidence.proof_requested.v1" request_id,
    ProofRequestWithdrawn "evidence.proof_request_withdrawn.v1" request_id,
    EvidenceMatched "evidence.evidence_matched.v1" request_id,
    EvidenceAmbiguous "evidence.evidence_ambiguous.v1" request_id,
    MatchRejected "evidence.match_rejected.v1" request_id,
    PromptCreated "evidence.prompt_created.v1" prompt_id,
    PromptExpiringSoon "evidence.prompt_expiring_soon.v1" prompt_id,
    PromptAnswered "evidence.prompt_answered.v1" prompt_id,
    PromptExpired "evidence.prompt_expired.v1" prompt_id,
    PromptCancelled "evidence.prompt_cancelled.v1" prompt_id,
    ModelTrained "evidence.model_trained.v1" model_id,
    ModelReverted "evidence.model_reverted.v1" model_id,
    PayoutRecorded "evidence.payout_recorded.v1" request_id,
    ProofPacketReady "evidence.proof_packet_ready.v1" packet_id,
    ProofPacketFailed "evidence.proof_packet_failed.v1" packet_id,
    CostsDocumented "evidence.costs_documented.v1" request_id,
    FulfilmentProved "evidence.fulfilment_proved.v1" shipment_id,
}
