//! `GET /api/documents/{id}`: one document, what was read of it, and links to it.

use axum::Json;
use axum::extract::State;
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

/// A document with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WholeDocument {
    /// The document.
    #[serde(flatten)]
    pub document: DocumentView,
    /// What was read of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
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
    Ok(Json(WholeDocument { document, reading, links }))
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
