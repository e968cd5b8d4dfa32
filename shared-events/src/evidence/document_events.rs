//! What evidence tells of documents and of who sent them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MediaType;
use crate::envelope::Message;
use crate::ids::{CampaignId, DocumentId, EvidenceId, PartnerId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// A submission came in. Its bytes are here, or will be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceRegistered {
    /// The submission.
    pub evidence_id: EvidenceId,
    /// The document, once its bytes are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_id: Option<DocumentId>,
    /// The campaign that it is evidence for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    /// Whose it is, when a partner sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerId>,
    /// What the sender says it is.
    pub evidence_type: String,
}

/// A submission was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceRejected {
    /// The submission.
    pub evidence_id: EvidenceId,
    /// A stable word for the reason: `private_address`, `too_large`, ...
    pub code: String,
    /// Why, in words.
    pub reason: String,
}

/// A document that was not known before is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentReceived {
    /// The document.
    pub document_id: DocumentId,
    /// The submission that brought it.
    pub evidence_id: EvidenceId,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// What it is, by its content.
    pub media_type: MediaType,
}

/// A document was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentParsed {
    /// The document.
    pub document_id: DocumentId,
    /// What it was read from: `ubl`, `cii`, `pdf_text`, `ocr`.
    pub parser: String,
    /// How many lines were found.
    pub lines: u32,
    /// Rules of the money checks that it breaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// An invoice says what articles cost to source: its lines of goods with their part of discounts, without freight, duty and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitCostsDocumented {
    /// The invoice.
    pub document_id: DocumentId,
    /// Its date: the costs hold from then on.
    pub issued_on: NaiveDate,
    /// Its articles, each once: all of them, what was told of the invoice before no longer counts. None when it was read again and says nothing
    /// of any.
    pub costs: Vec<UnitCost>,
}

/// What one unit of an article cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitCost {
    /// Numbers of the article on the invoice, whoever's they are: the seller's own SKU, a GTIN, the supplier's.
    pub codes: Vec<String>,
    /// Of one unit, rounded to the minor unit.
    pub unit: Money,
}

/// A document could not be read, or must not be: it stays, and counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentUnreadable {
    /// The document.
    pub document_id: DocumentId,
    /// `parse_failed`, or `quarantined` when it looks hostile.
    pub state: String,
    /// The rule that failed.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
}

/// A document and its bytes are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentDeleted {
    /// The document.
    pub document_id: DocumentId,
    /// Why.
    pub reason: String,
}

messages! { Topic::events(Service::Evidence);
    EvidenceRegistered "evidence.evidence_registered.v1" evidence_id,
    EvidenceRejected "evidence.evidence_rejected.v1" evidence_id,
    DocumentReceived "evidence.document_received.v1" document_id,
    DocumentParsed "evidence.document_parsed.v1" document_id,
    UnitCostsDocumented "evidence.unit_costs_documented.v1" document_id,
    DocumentUnreadable "evidence.document_unreadable.v1" document_id,
    DocumentDeleted "evidence.document_deleted.v1" document_id,
}
