//! `GET /api/v1/evidence/packets/{id}` and `/download`: one proof packet, and its file.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use providers::files::Place;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::WrappedKey;
use uuid::Uuid;

use crate::State as App;
use crate::byte_range::{Asked, asked};
use crate::list_packets::PacketView;
use crate::read_request::READERS;
use crate::{packet_asks, packet_store};

/// One proof packet.
#[utoipa::path(get, path = "/api/v1/evidence/packets/{id}", tag = "packets", operation_id = "read_packet",
    params(("id" = Uuid, Path, description = "The packet")), security(("bearer" = [])),
    responses((status = 200, description = "The packet", body = PacketView),
        (status = 404, description = "None of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn read_packet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<PacketView>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let id = packet_asks::led_to(&mut work, id).await?;
    let packet = sqlx::query_as!(
        PacketView,
        r#"SELECT packet_id AS "packet_id!", request_id AS "request_id!", claim AS "claim!", state AS "state!", draft AS "draft!", addendum_to,
                  position, manifest_sha256, merkle_root, key_id, sha256, bytes, created_at AS "created_at!", retained_until, failure_code,
                  failure_reason, failed_at, seq AS "seq!"
           FROM packets_shown WHERE tenant = $1 AND packet_id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    packet.map(Json).ok_or_else(Problem::not_found)
}

/// The file of a packet: a ZIP that `recoup verify` checks. Parts of it can be asked for.
#[utoipa::path(get, path = "/api/v1/evidence/packets/{id}/download", tag = "packets", operation_id = "download_packet",
    params(("id" = Uuid, Path, description = "The packet"), ("range" = Option<String>, Header, description = "A part: `bytes=0-1023`")),
    security(("bearer" = [])), responses(
        (status = 200, description = "The file", content_type = "application/zip"),
        (status = 206, description = "The part that was asked for", content_type = "application/zip"),
        (status = 404, description = "None of yours", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "It is still being sealed, or could not be", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 416, description = "The file has no such part")))]
pub async fn download_packet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let id = packet_asks::led_to(&mut work, id).await?;
    // What could not be fixed has no row among the packets, and is one all the same.
    let row = sqlx::query!(
        r#"SELECT s.failure_reason, p.draft AS "draft?", p.object AS "object?", p.key_master AS "key_master?", p.key_wrapped AS "key_wrapped?",
                  p.sha256, p.bytes
           FROM packets_shown s LEFT JOIN packets p ON p.tenant = $1 AND p.id = s.packet_id WHERE s.tenant = $1 AND s.packet_id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    drop(work);
    if let Some(reason) = row.failure_reason {
        return Err(Problem::conflict(format!("the packet could not be sealed: {reason}")));
    }
    let (Some(bytes), Some(sha256), Some(object), Some(master), Some(wrapped)) =
        (row.bytes, row.sha256, row.object, row.key_master, row.key_wrapped)
    else {
        return Err(Problem::conflict("the packet is still being sealed"));
    };
    let length = bytes.unsigned_abs();
    let tag = format!("\"{sha256}\"");
    // A part of another file than the one that was begun would be of no use; a packet never changes, so this is for other tags only.
    let same = headers.get(header::IF_RANGE).is_none_or(|wanted| wanted.as_bytes() == tag.as_bytes());
    let range = headers.get(header::RANGE).filter(|_| same).and_then(|range| range.to_str().ok());
    let (status, range) = match asked(range, length) {
        Asked::Whole => (StatusCode::OK, 0..length),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Nothing => {
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{length}"))])
                .into_response());
        }
    };
    let place = Place { object, bytes: length, key: WrappedKey { master, wrapped } };
    let content = packet_store::read(&app.files, &caller.tenant, &place, range.clone()).await;
    let content =
        content.map_err(|error| Problem::unavailable("the packet cannot be read for the moment").caused_by(error))?;
    let name = if row.draft == Some(true) { format!("{id}-draft.zip") } else { format!("{id}.zip") };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/zip")
        .header(header::CONTENT_LENGTH, range.end - range.start)
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, tag);
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{length}", range.start, range.end - 1));
    }
    response.body(Body::from_stream(content)).map_err(Problem::internal)
}
