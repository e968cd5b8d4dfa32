//! `GET /api/v1/evidence/requests/{id}/cost-documents` and `/cost-documents/{id}/download`: what goods cost, on paper.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use providers::files::Place;
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::WrappedKey;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;
use crate::document_content::unreadable;
use crate::read_request::READERS;

/// A cost documentation.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostDocumentView {
    /// Follows from the request, the evidence and the template.
    pub cost_document_id: Uuid,
    /// The request.
    pub request_id: Uuid,
    /// SHA-256 of the evidence.
    pub inputs_sha256: String,
    /// The form of the paper.
    #[schema(example = 1)]
    pub template: i32,
    /// SHA-256 of the PDF.
    pub sha256: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The cost documentation of a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostDocuments {
    /// Newest first; at most the last 50.
    pub cost_documents: Vec<CostDocumentView>,
}

/// Cost documentation of a request. There is more than one when evidence came later.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}/cost-documents", tag = "packets", operation_id = "list_cost_documents",
    params(("id" = Uuid, Path, description = "The request")), security(("bearer" = [])),
    responses((status = 200, description = "What there is", body = CostDocuments),
        (status = 404, description = "None of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn list_costs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<CostDocuments>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM proof_requests WHERE tenant = $1 AND id = $2) AS "known!""#,
        caller.tenant.as_str(),
        id,
    );
    if !known.fetch_one(work.conn()).await? {
        return Err(Problem::not_found());
    }
    let cost_documents = sqlx::query_as!(
        CostDocumentView,
        "SELECT id AS cost_document_id, request_id, inputs AS inputs_sha256, template, sha256, created_at FROM cost_documents
         WHERE tenant = $1 AND request_id = $2 ORDER BY seq DESC LIMIT 50",
        caller.tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(CostDocuments { cost_documents }))
}

/// A cost documentation as PDF.
#[utoipa::path(get, path = "/api/v1/evidence/cost-documents/{id}/download", tag = "packets", operation_id = "download_cost_document",
    params(("id" = Uuid, Path, description = "The cost documentation")), security(("bearer" = [])), responses(
        (status = 200, description = "The PDF", content_type = "application/pdf"),
        (status = 404, description = "None of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn download_costs(State(app): State<App>, caller: Caller, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        "SELECT sha256, bytes, content, object, key_master, key_wrapped FROM cost_documents WHERE tenant = $1 AND id = $2",
        caller.tenant.as_str(),
        id
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    drop(work);
    let content = match (row.content, row.object, row.key_master, row.key_wrapped) {
        // It was made a moment ago, and is not in the store yet.
        (Some(content), ..) => content,
        (None, Some(object), Some(master), Some(wrapped)) => {
            let place = Place { object, bytes: row.bytes.unsigned_abs(), key: WrappedKey { master, wrapped } };
            app.files.read_whole(&caller.tenant, &place).await.map_err(unreadable)?
        }
        _ => return Err(Problem::internal(anyhow::anyhow!("the cost documentation {id} is nowhere"))),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"costs-{id}.pdf\"")),
        (header::ETAG, format!("\"{}\"", row.sha256)),
    ];
    Ok((headers, content).into_response())
}
