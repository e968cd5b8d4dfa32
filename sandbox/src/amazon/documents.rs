//! Documents behind links that run out, packed, in whole or from a place on.

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use tokio::time::{Duration, sleep};

use super::Amazon;
use super::dispatch::{HANGS, broken};
use crate::faults::Kind;
use crate::world::paper::Habit;

#[derive(Deserialize)]
pub(super) struct Link {
    expires: i64,
}

fn denied(message: &str) -> Response {
    let body = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

/// Gives a document.
pub(super) async fn download(
    State(amazon): State<Amazon>,
    Path(id): Path<String>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Response {
    let now = amazon.now();
    let (found, fault) = {
        let mut state = amazon.state();
        *state.calls.entry("document".to_owned()).or_default() += 1;
        let fault = state.fault(
            "document",
            &[Kind::Error, Kind::Slow, Kind::Truncate, Kind::ExpireLink, Kind::Hang, Kind::Throttle],
        );
        let found = state.reports.get(&id).and_then(|ordered| {
            let region = &state.world.regions[ordered.region];
            Some((ordered.file(region)?, region.habit))
        });
        (found, fault)
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    match kind {
        Some(Kind::ExpireLink) => return denied("Request has expired"),
        Some(Kind::Error) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Kind::Throttle) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Kind::Hang) => sleep(HANGS).await,
        Some(Kind::Slow) => {
            let millis = fault.and_then(|fault| fault.millis).unwrap_or(3_000);
            sleep(Duration::from_millis(millis)).await;
        }
        _ => {}
    }
    if link.expires < now.timestamp_millis() {
        return denied("Request has expired");
    }
    if headers.contains_key(header::RANGE) {
        *amazon.state().calls.entry("document from a place on".to_owned()).or_default() += 1;
    }
    let Some((file, habit)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let packed = packed(&file);
    let content_type = match habit {
        Habit::American => "text/plain; charset=UTF-8",
        Habit::European => "text/plain; charset=cp1252",
    };
    let from =
        headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-'));
    let from = from.and_then(|from| from.parse::<usize>().ok()).filter(|from| *from < packed.len());
    let part = packed.slice(from.unwrap_or(0)..);
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, content_type)
        .header(header::ETAG, format!("\"{id}-{}\"", packed.len()))
        .header(header::CONTENT_LENGTH, part.len());
    if let Some(from) = from {
        let range = format!("bytes {from}-{}/{}", packed.len() - 1, packed.len());
        response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range);
    }
    let half = part.len() / 2;
    let body = if kind == Some(Kind::Truncate) { broken(part, half) } else { Body::from(part) };
    response.body(body).expect("the parts are sound")
}

fn packed(file: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(file).and_then(|()| encoder.finish());
    packed.expect("memory takes everything").into()
}
