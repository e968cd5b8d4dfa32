//! What is shown of a document, and to whom: staff and sellers see all of their tenant, a partner what it sent itself.

use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::PartnerId;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A document.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub struct DocumentView {
    /// The document; it follows from the tenant and the bytes.
    pub document_id: Uuid,
    /// What its sender called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invoice-4711.pdf")]
    pub file_name: Option<String>,
    /// What it is, by its content.
    #[schema(example = "application/pdf")]
    pub media_type: String,
    /// Its size.
    pub bytes: i64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// `received`, `parsed`, `kept` when there is no invoice in it, `parse_failed`, `quarantined` or `deleted`.
    #[schema(example = "parsed")]
    pub state: String,
    /// The rule that failed, when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<DateTime<Utc>>,
}

/// Whose documents a caller sees: all of the tenant's, or those of one partner.
///
/// # Errors
/// 403 for callers that are none of staff, sellers and partners.
pub fn seen_by(caller: &Caller) -> Result<Option<PartnerId>, Problem> {
    if caller.is_staff() || caller.has_any(&[Role::Seller]) {
        return Ok(None);
    }
    caller.partner_filter(None)
}

/// Whether a document is there for somebody who sees the documents of `partner`, or all.
///
/// # Errors
/// When the database is away.
pub async fn is_visible(work: &mut Work, id: Uuid, partner: Option<&PartnerId>) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM documents d WHERE d.tenant = $1 AND d.id = $2
               AND ($3::text IS NULL OR EXISTS (SELECT FROM submissions s
                    WHERE s.tenant = d.tenant AND s.document_id = d.id AND s.partner = $3))) AS "visible!""#,
        tenant.as_str(),
        id,
        partner.map(PartnerId::as_str),
    )
    .fetch_one(work.conn())
    .await
}
