//! `GET /api/documents/{id}/view` and `/download`: the bytes of a document, decrypted as they are sent.

use std::ops::Range;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use providers::files::{Place, Unreadable};
use providers::objects::ObjectError;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::evidence::WrappedKey;
use shared_events::{DocumentId, TenantId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::byte_range::{Asked, asked};
use crate::content_headers::disposition;
use crate::document_view::{is_visible, seen_by};
use crate::links::Showing;

/// What a signed link carries; nothing for callers with a token.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Link {
    /// Whose document it is
    tenant: Option<String>,
    /// Until when the link works, in seconds since 1970
    expires: Option<i64>,
    /// Proof that the link is ours
    signature: Option<String>,
}

/// A link to a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Signed {
    /// Opens the document without a token; a path of this service.
    pub url: String,
    /// Until then.
    pub expires_at: DateTime<Utc>,
}

struct Row {
    sha256: String,
    bytes: i64,
    media_type: String,
    file_name: Option<String>,
    object: String,
    key_master: String,
    key_wrapped: String,
    state: String,
}

/// Shows a document in the browser. Works with a token, or by a signed link without one. Who sends a token and `Accept: application/json`
/// gets such a link instead.
#[utoipa::path(get, path = "/api/documents/{id}/view", tag = "documents", operation_id = "view_document",
    params(("id" = Uuid, Path, description = "The document"), Link, ("Range" = Option<String>, Header, description = "bytes=0-99")),
    security(("bearer" = []), ()), responses(
        (status = 200, description = "The document, or a link to it", content((Vec<u8> = "application/octet-stream"), (Signed = "application/json"))),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream"),
        (status = 416, description = "The document has no such part", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn view_document(
    state: State<App>,
    caller: Option<Caller>,
    path: Path<Uuid>,
    link: Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(state.0, caller, DocumentId(path.0), link.0, &headers, Showing::View).await
}

/// Gives a document as a file. Works with a token, or by a signed link without one. Who sends a token and `Accept: application/json`
/// gets such a link instead.
#[utoipa::path(get, path = "/api/documents/{id}/download", tag = "documents", operation_id = "download_document",
    params(("id" = Uuid, Path, description = "The document"), Link, ("Range" = Option<String>, Header, description = "bytes=0-99")),
    security(("bearer" = []), ()), responses(
        (status = 200, description = "The document, or a link to it", content((Vec<u8> = "application/octet-stream"), (Signed = "application/json"))),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream"),
        (status = 416, description = "The document has no such part", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn download_document(
    state: State<App>,
    caller: Option<Caller>,
    path: Path<Uuid>,
    link: Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(state.0, caller, DocumentId(path.0), link.0, &headers, Showing::Download).await
}

async fn show(
    app: App,
    caller: Option<Caller>,
    id: DocumentId,
    link: Link,
    headers: &HeaderMap,
    showing: Showing,
) -> Result<Response, Problem> {
    let (tenant, mut work) = match &caller {
        Some(caller) => {
            let partner = seen_by(caller)?;
            let mut work = app.store.read(&caller.tenant).await?;
            if !is_visible(&mut work, id.0, partner.as_ref()).await? {
                return Err(Problem::not_found());
            }
            (caller.tenant.clone(), work)
        }
        None => {
            let tenant = linked(&app, id, &link, showing)?;
            let work = app.store.read(&tenant).await?;
            (tenant, work)
        }
    };
    let row = row(&mut work, id).await?.ok_or_else(Problem::not_found)?;
    drop(work);
    let trusted = caller.as_ref().is_some_and(|caller| caller.has_any(&[Role::Admin, Role::Manager]));
    if row.state == "quarantined" && !(trusted && showing == Showing::Download) {
        return Err(Problem::conflict("the document looks hostile; only a manager may download it")
            .code("document_quarantined"));
    }
    if caller.is_some() && wants_link(headers) {
        let links = app.config.link_key.links(&tenant, id, app.store.now());
        let url = if showing == Showing::View { links.view } else { links.download };
        return Ok(Json(Signed { url, expires_at: links.expires_at }).into_response());
    }
    respond(&app, &tenant, row, headers, showing).await
}

/// Whether a caller asks for a link instead of the bytes: it takes JSON, and not just anything.
fn wants_link(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds: Vec<&str> = accepted
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .collect();
    kinds.iter().any(|kind| kind.eq_ignore_ascii_case("application/json")) && !kinds.contains(&"*/*")
}

/// The tenant that a signed link is for.
fn linked(app: &App, id: DocumentId, link: &Link, showing: Showing) -> Result<TenantId, Problem> {
    let (Some(tenant), Some(expires), Some(signature)) = (&link.tenant, link.expires, &link.signature) else {
        return Err(Problem::unauthorized());
    };
    let tenant = TenantId::try_new(tenant).map_err(|_| Problem::not_found())?;
    if app.config.link_key.holds(&tenant, id, showing, expires, signature, app.store.now()) {
        return Ok(tenant);
    }
    Err(Problem::forbidden("the link is not valid, or not any more").code("link_not_valid"))
}

async fn row(work: &mut Work, id: DocumentId) -> Result<Option<Row>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Row,
        r#"SELECT sha256, bytes, media_type, file_name, object, key_master, key_wrapped, state::text AS "state!"
           FROM documents WHERE tenant = $1 AND id = $2 AND state <> 'deleted'"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

async fn respond(
    app: &App,
    tenant: &TenantId,
    row: Row,
    headers: &HeaderMap,
    showing: Showing,
) -> Result<Response, Problem> {
    let size = row.bytes.unsigned_abs();
    let etag = format!("\"{}\"", row.sha256);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    // A part of another document than the one that was begun would be of no use.
    let same = headers.get(header::IF_RANGE).is_none_or(|wanted| wanted.as_bytes() == etag.as_bytes());
    let range = headers.get(header::RANGE).filter(|_| same).and_then(|value| value.to_str().ok());
    let (status, part) = match asked(range, size) {
        Asked::Whole => (StatusCode::OK, 0..size),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Nothing => return Err(beyond(size)),
    };
    let place =
        Place { object: row.object, bytes: size, key: WrappedKey { master: row.key_master, wrapped: row.key_wrapped } };
    let content = app.files.read(tenant, &place, part.clone()).await.map_err(unreadable)?;
    let mut response = Response::new(Body::from_stream(content));
    *response.status_mut() = status;
    let name = row.file_name.as_deref();
    describe(response.headers_mut(), &row.media_type, &etag, &disposition(showing, name), &part)?;
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        response.headers_mut().insert(header::CONTENT_RANGE, value(&range)?);
    }
    Ok(response)
}

fn describe(
    headers: &mut HeaderMap,
    media_type: &str,
    etag: &str,
    disposition: &str,
    part: &Range<u64>,
) -> Result<(), Problem> {
    // What is text may hold scripts (XHTML is XML): a browser is to show it as it is, and to run nothing.
    let text = ["application/xml", "text/csv", "message/rfc822"].contains(&media_type);
    let shown = if text && disposition.starts_with("inline") { "text/plain; charset=utf-8" } else { media_type };
    let fixed = [
        (header::ACCEPT_RANGES, "bytes"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::CONTENT_SECURITY_POLICY, if text { "default-src 'none'; sandbox" } else { "default-src 'none'" }),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, fixed) in fixed {
        headers.insert(name, HeaderValue::from_static(fixed));
    }
    headers.insert(header::CONTENT_TYPE, value(shown)?);
    headers.insert(header::ETAG, value(etag)?);
    headers.insert(header::CONTENT_DISPOSITION, value(disposition)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::internal)
}

/// 416, with how much there is.
fn beyond(size: u64) -> Problem {
    let mut problem = Problem::from_status(StatusCode::RANGE_NOT_SATISFIABLE);
    if let Ok(size) = HeaderValue::from_str(&format!("bytes */{size}")) {
        problem = problem.header(header::CONTENT_RANGE, size);
    }
    problem
}

/// What a caller is told when stored bytes cannot be read.
pub(crate) fn unreadable(error: Unreadable) -> Problem {
    match error {
        Unreadable::Store(ObjectError::NotFound) | Unreadable::Vault(_) => Problem::internal(error),
        away => Problem::unavailable("the document store is away for the moment").caused_by(away),
    }
}
