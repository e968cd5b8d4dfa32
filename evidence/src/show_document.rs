//! `GET /api/documents/{id}`: one document, what was read of it, and links to it.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::DocumentId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;
use crate::document_view::{DocumentView, is_visible, seen_by};
use crate::links::Links;

/// What was read of a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reading {
    /// What it was read from: `ubl`, `cii`, `pdf_text` or `ocr`.
    #[schema(example = "pdf_text")]
    pub parser: String,
    /// The invoice: each field with its confidence and where it stood.
    pub invoice: serde_json::Value,
}

/// A reading once more. What was read before stays when it failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reread {
    /// When.
    pub at: DateTime<Utc>,
    /// The rule that failed; absent when it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why it was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A document that came in a mail.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attachment {
    /// The document.
    pub document_id: Uuid,
    /// What it was called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invoice-4711.pdf")]
    pub file_name: Option<String>,
}

/// A document with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WholeDocument {
    /// The document.
    #[serde(flatten)]
    pub document: DocumentView,
    /// What was read of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The last time that it was read once more, if it ever was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reread: Option<Reread>,
    /// The documents that came in it, when it is a mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The mails that it came in; callers who see only their own documents are not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attached_to: Vec<Uuid>,
    /// Links that work without a token for a while; none for what is deleted or quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// One document.
#[utoipa::path(get, path = "/api/documents/{id}", tag = "documents", operation_id = "read_document",
    params(("id" = Uuid, Path, description = "The document")), security(("bearer" = [])),
    responses((status = 200, description = "The document", body = WholeDocument)))]
pub async fn show_document(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<WholeDocument>, Problem> {
    let partner = seen_by(&caller)?;
    let mut work = app.store.read(&caller.tenant).await?;
    if !is_visible(&mut work, id, partner.as_ref()).await? {
        return Err(Problem::not_found());
    }
    let document = document(&mut work, id).await?.ok_or_else(Problem::not_found)?;
    let reading = reading(&mut work, id).await?;
    let open = !["deleted", "quarantined"].contains(&document.state.as_str());
    let links = open.then(|| app.config.link_key.links(&caller.tenant, DocumentId(id), work.now()));
    let reread = reread(&mut work, id).await?;
    let attachments = attachments(&mut work, id).await?;
    let attached_to = if partner.is_none() { mails(&mut work, id).await? } else { Vec::new() };
    Ok(Json(WholeDocument { document, reading, reread, attachments, attached_to, links }))
}

async fn reread(work: &mut Work, id: Uuid) -> Result<Option<Reread>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT reread_at, reread_rule, reread_reason FROM documents WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.and_then(|row| Some(Reread { at: row.reread_at?, rule: row.reread_rule, reason: row.reread_reason })))
}

async fn attachments(work: &mut Work, mail: Uuid) -> Result<Vec<Attachment>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Attachment,
        "SELECT document_id, file_name FROM document_attachments WHERE tenant = $1 AND mail_id = $2 ORDER BY position",
        tenant.as_str(),
        mail,
    )
    .fetch_all(work.conn())
    .await
}

/// At most a hundred.
async fn mails(work: &mut Work, id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT DISTINCT mail_id AS "mail_id!" FROM document_attachments WHERE tenant = $1 AND document_id = $2 ORDER BY 1 DESC LIMIT 100"#,
        tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await
}

async fn document(work: &mut Work, id: Uuid) -> Result<Option<DocumentView>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        DocumentView,
        r#"SELECT id AS document_id, file_name, media_type, bytes, sha256, state::text AS "state!", rule, reason, received_at, read_at
           FROM documents WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await
}

async fn reading(work: &mut Work, id: Uuid) -> Result<Option<Reading>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Reading,
        "SELECT parser, invoice FROM readings WHERE tenant = $1 AND document_id = $2",
        tenant.as_str(),
        id
    )
    .fetch_optional(work.conn())
    .await
}
