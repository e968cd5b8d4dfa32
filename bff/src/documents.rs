//! Documents: listed, shown, opened and deleted. The evidence service answers; files pass through as they come.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::{DeleteDocument, RereadDocument};
use shared_events::{DocumentId, Service};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body, Nothing};
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, delete))
        .routes(routes!(view))
        .routes(routes!(download))
        .routes(routes!(submission))
        .routes(routes!(reread))
        .route("/api/v1/documents", get(list))
        .route("/api/v1/documents/{id}", get(read).delete(delete))
        .route("/api/v1/documents/{id}/view", get(view))
        .route("/api/v1/documents/{id}/download", get(download))
}

/// Documents, newest first; a partner sees those that it sent.
#[utoipa::path(get, path = "/api/documents", operation_id = "list_documents", tag = "evidence",
    params(Page, ("state" = Option<String>, Query, description = "received, parsed, kept, parse_failed, quarantined or deleted")),
    security(("bearer" = [])), responses((status = 200, description = "A page of documents", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// A document, what was read of it, and links that open it without a token for a while.
#[utoipa::path(get, path = "/api/documents/{id}", operation_id = "read_document", tag = "evidence",
    params(("id" = Uuid, Path, description = "The document")),
    security(("bearer" = [])), responses((status = 200, description = "The document", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Shows a document in the browser, by a token or by a signed link. With a token and `Accept: application/json` it is such a link:
/// `{"url", "expires_at"}`.
#[utoipa::path(get, path = "/api/documents/{id}/view", operation_id = "view_document", tag = "evidence",
    params(("id" = Uuid, Path, description = "The document"), ("Range" = Option<String>, Header, description = "bytes=0-99")),
    security(("bearer" = []), ()), responses(
        (status = 200, description = "The document, or a link to it",
            content((Vec<u8> = "application/octet-stream"), (serde_json::Value = "application/json"))),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream")))]
async fn view(
    State(app): State<Shared>,
    caller: Option<Caller>,
    Path(_id): Path<Uuid>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).pass_file(caller.as_ref(), &uri, &headers).await
}

/// Gives a document as a file, by a token or by a signed link. With a token and `Accept: application/json` it is such a link:
/// `{"url", "expires_at"}`.
#[utoipa::path(get, path = "/api/documents/{id}/download", operation_id = "download_document", tag = "evidence",
    params(("id" = Uuid, Path, description = "The document"), ("Range" = Option<String>, Header, description = "bytes=0-99")),
    security(("bearer" = []), ()), responses(
        (status = 200, description = "The document, or a link to it",
            content((Vec<u8> = "application/octet-stream"), (serde_json::Value = "application/json"))),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream")))]
async fn download(
    State(app): State<Shared>,
    caller: Option<Caller>,
    Path(_id): Path<Uuid>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).pass_file(caller.as_ref(), &uri, &headers).await
}

/// What became of evidence that was sent.
#[utoipa::path(get, path = "/api/v1/evidence/{id}", operation_id = "read_evidence", tag = "evidence",
    params(("id" = Uuid, Path, description = "The submission")),
    security(("bearer" = [])), responses((status = 200, description = "The submission", body = serde_json::Value)))]
async fn submission(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Why a document is deleted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "uploaded by mistake"}))]
struct Deletion {
    /// In words, up to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Deletion {
    const OPTIONAL: bool = true;
}

/// Deletes a document and its bytes; refused while a sealed proof packet holds it.
#[utoipa::path(delete, path = "/api/documents/{id}", operation_id = "delete_document", tag = "evidence", request_body = Option<Deletion>,
    params(("id" = Uuid, Path, description = "The document"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command"),
        ("Prefer" = Option<String>, Header, description = "wait=N answers with the outcome, after at most N (10) seconds", example = "wait=5")),
    security(("bearer" = [])), responses(Answers))]
async fn delete(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Deletion>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Manager, Role::Admin])?;
    let reason = ask.body.reason.unwrap_or_else(|| "not said".to_owned());
    checks::text("reason", &reason, 500)?;
    let command = DeleteDocument { document_id: DocumentId(id), reason };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("document_id", id.to_string())])).await
}

/// Reads a document once more: after the reader got better, or when it could not be read. What was read before stays until something else was
/// read, and what is sealed stays as it is; `GET /api/documents/{id}` says when it was read again, and why not if so.
#[utoipa::path(post, path = "/api/v1/evidence/documents/{id}/reread", operation_id = "reread_document", tag = "evidence",
    params(("id" = Uuid, Path, description = "The document"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same command"),
        ("Prefer" = Option<String>, Header, description = "wait=N answers with the outcome, after at most N (10) seconds", example = "wait=5")),
    request_body = Option<Nothing>, security(("bearer" = [])), responses(Answers))]
async fn reread(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&[Role::Manager, Role::Admin])?;
    let command = RereadDocument { document_id: DocumentId(id) };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("document_id", id.to_string())])).await
}
