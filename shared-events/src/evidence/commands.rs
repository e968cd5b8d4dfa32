//! What evidence is asked.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{EvidenceSource, PromptOption};
use crate::envelope::Message;
use crate::ids::{CampaignId, DocumentId, EvidenceId, ModelId, PacketId, PartnerId, PromptId, ProofRequestId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Takes in one piece of evidence: a file that was uploaded, or an address to fetch one from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterEvidence {
    /// The submission that this makes.
    pub evidence_id: EvidenceId,
    /// Where the bytes are.
    pub source: EvidenceSource,
    /// The campaign that it is evidence for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// What it is to prove, if that is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<ProofRequestId>,
    /// What the sender says it is: `photo`, `supplier_invoice`, `proof_of_delivery`, ...
    pub evidence_type: String,
    /// What else the sender says, an object.
    pub metadata: Value,
    /// Whose it is, when a partner sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerId>,
    /// Who sent it.
    pub submitted_by: Subject,
}

/// Forgets a document and its bytes, unless a sealed packet holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeleteDocument {
    /// The document.
    pub document_id: DocumentId,
    /// Why, in words.
    pub reason: String,
}

/// Reads a document once more: after the reader got better, or when it could not be read for reasons of the day. What was read before stays
/// until there is something better, and what is sealed stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RereadDocument {
    /// The document.
    pub document_id: DocumentId,
}

/// What has to be proved: everything that a document may be compared with. Fields that are not known stay away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofSubject {
    /// The marketplace's number of the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The marketplace's number of the article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asin: Option<String>,
    /// The seller's number of the article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What the article is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// What they cost, or what is claimed for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// When it was ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_date: Option<NaiveDate>,
    /// When it was disputed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute_date: Option<NaiveDate>,
    /// Who delivered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
}

/// Asks for proof: documents, present and future, are matched against the subject until it is proved or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestProof {
    /// The request that this makes.
    pub request_id: ProofRequestId,
    /// What kind of claim it is for: `inbound_shortage`, ...; models and their gates are kept apart by it.
    pub claim_type: String,
    /// What the asker calls the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What has to be proved.
    pub subject: ProofSubject,
    /// Rows of the reports that the claim rests on, as they were; they go into the packet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_rows: Vec<Value>,
    /// The policy that the claim cites: version, windows, rule texts. It goes into the packet.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub policy: Value,
    /// Who asks, and is asked when a match is uncertain.
    pub requested_by: Subject,
}

/// Nothing has to be proved any more: open prompts are cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawProofRequest {
    /// The request.
    pub request_id: ProofRequestId,
    /// Why.
    pub reason: String,
}

/// Asks a person a question about a request, in words of the asker's own. The answer is kept, and settles nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskPerson {
    /// The prompt that this makes.
    pub prompt_id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who is asked; whoever asked for the proof unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Subject>,
    /// In one sentence.
    pub question: String,
    /// Two or three.
    pub options: Vec<PromptOption>,
    /// Until when an answer counts; the usual time unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Who asks.
    pub asked_by: Subject,
}

/// Answers a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerPrompt {
    /// The prompt.
    pub prompt_id: PromptId,
    /// Which option.
    pub selected_option: String,
    /// Why, in the answerer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Who answers.
    pub answered_by: Subject,
    /// Whether they may answer for others.
    pub is_manager: bool,
    /// When the answer came in; this, not the time of its handling, decides whether it was in time.
    pub answered_at: DateTime<Utc>,
}

/// What became of a match in the real world: the claim was granted with this document, or refused because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordOutcome {
    /// The request.
    pub request_id: ProofRequestId,
    /// The document.
    pub document_id: DocumentId,
    /// Whether the document really proved it.
    pub proved: bool,
}

/// One past pair of subject and document whose truth is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PastMatch {
    /// What had to be proved.
    pub subject: ProofSubject,
    /// What the document said: `number`, `dated`, `supplier`, `total`, `lines` of `sku`, `quantity`, `description`.
    pub document: Value,
    /// Whether it proved it.
    pub proved: bool,
}

/// Teaches the matcher from the past: labels without documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportLabels {
    /// Names the import; the same one twice counts once.
    pub import_id: ModelId,
    /// What kind of claim they are of.
    pub claim_type: String,
    /// At most 500.
    pub matches: Vec<PastMatch>,
}

/// Trains a new model from the labels of a claim type; it runs in shadow and is promoted only if it is better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrainModel {
    /// The model that this makes.
    pub model_id: ModelId,
    /// What kind of claim it is for.
    pub claim_type: String,
}

/// Goes back to the model before the present one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevertModel {
    /// The model that is to go.
    pub model_id: ModelId,
    /// Why.
    pub reason: String,
}

/// The money for what was proved has arrived: the packet is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordPayout {
    /// The request.
    pub request_id: ProofRequestId,
    /// How much arrived; negative for what was taken back, which makes an addendum.
    pub amount: Money,
    /// Units that were given back to stock instead of money; only beside them the amount may be zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u32>,
    /// The payer's reference.
    pub reference: String,
    /// When.
    pub paid_at: DateTime<Utc>,
}

/// Makes a packet on demand: a draft, marked so, as long as the money has not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DraftPacket {
    /// The packet that this makes.
    pub packet_id: PacketId,
    /// The request.
    pub request_id: ProofRequestId,
}

/// Tries once more to seal a packet that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetryPacket {
    /// The packet.
    pub packet_id: PacketId,
}

/// Makes the cost documentation of a request from its matched invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentCosts {
    /// The request.
    pub request_id: ProofRequestId,
}

messages! { Topic::commands(Service::Evidence);
    RegisterEvidence "evidence.register_evidence.v1" evidence_id,
    DeleteDocument "evidence.delete_document.v1" document_id,
    RereadDocument "evidence.reread_document.v1" document_id,
    RequestProof "evidence.request_proof.v1" request_id,
    WithdrawProofRequest "evidence.withdraw_proof_request.v1" request_id,
    AskPerson "evidence.ask_person.v1" prompt_id,
    AnswerPrompt "evidence.answer_prompt.v1" prompt_id,
    RecordOutcome "evidence.record_outcome.v1" request_id,
    ImportLabels "evidence.import_labels.v1" import_id,
    TrainModel "evidence.train_model.v1" model_id,
    RevertModel "evidence.revert_model.v1" model_id,
    RecordPayout "evidence.record_payout.v1" request_id,
    DraftPacket "evidence.draft_packet.v1" request_id,
    RetryPacket "evidence.retry_packet.v1" packet_id,
    DocumentCosts "evidence.document_costs.v1" request_id,
}
