//! What evidence is asked and what it tells: documents, what has to be proved, matches, prompts, models and proof packets.

mod commands;
mod document_events;
mod events;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use commands::*;
pub use document_events::*;
pub use events::*;

use crate::ids::TenantId;

/// What a document is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum MediaType {
    /// A PDF.
    #[serde(rename = "application/pdf")]
    Pdf,
    /// A PNG image.
    #[serde(rename = "image/png")]
    Png,
    /// A JPEG image.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// A TIFF image.
    #[serde(rename = "image/tiff")]
    Tiff,
    /// XML: an invoice in UBL or CII, if anything that can be read.
    #[serde(rename = "application/xml")]
    Xml,
    /// A table.
    #[serde(rename = "text/csv")]
    Csv,
    /// A mail.
    #[serde(rename = "message/rfc822")]
    Eml,
}

impl MediaType {
    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Xml => "application/xml",
            Self::Csv => "text/csv",
            Self::Eml => "message/rfc822",
        }
    }
}

/// The key that a document's bytes are encrypted with, itself encrypted: only a holder of the master key can use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrappedKey {
    /// Which master key wrapped it.
    pub master: String,
    /// Nonce and ciphertext, base64.
    pub wrapped: String,
}

/// A file in the object store, encrypted. Files never travel in messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredFile {
    /// Where it is in the object store.
    pub object: String,
    /// SHA-256 of the plain bytes, in hexadecimal.
    pub sha256: String,
    /// How many plain bytes.
    pub bytes: u64,
    /// What it is, by its content.
    pub media_type: MediaType,
    /// What its sender called it, without folders.
    pub file_name: Option<String>,
    /// What it is encrypted with.
    pub key: WrappedKey,
}

impl StoredFile {
    /// What the bytes of an object are encrypted for: they open for this tenant and under this name only.
    pub fn purpose(tenant: &TenantId, object: &str) -> String {
        format!("{tenant}\u{1f}{object}")
    }
}

/// Where evidence comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// It was uploaded and lies in the object store.
    File(StoredFile),
    /// It is to be fetched from this address.
    Url(String),
}

/// What a person can be asked to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptOption {
    /// What an answer names: `yes`.
    pub id: String,
    /// What is shown: `Yes, this invoice`.
    pub label: String,
}

/// How a match came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// A calibrated probability of 0.85 or more behind an open gate.
    Model,
    /// A person, by answering a prompt.
    Person,
}
