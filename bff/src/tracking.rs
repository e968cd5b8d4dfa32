//! Events that are sent through the BFF: passed on to tracking as they come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use futures::{StreamExt, TryStreamExt};
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

/// Largest body of events.
const MOST_BYTES: usize = 5 * 1_024 * 1_024;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(record)).routes(routes!(read))
}

/// Records events: one, a list, or one per line. With a token or a tenant's publishable key; tracking tells whether it will do.
#[utoipa::path(post, path = "/api/v1/tracking/events", operation_id = "record_events", tag = "tracking",
    request_body(content((serde_json::Value = "application/json"), (String = "application/x-ndjson")),
        description = "An event, a list of events, or events one per line; at most 10,000 or 5 MB",
        example = json!({"user_id": "user123", "event_type": "purchase", "metadata": {"amount": 100.0, "product_id": "prod456"}})),
    params(("key" = Option<String>, Query, description = "A publishable key, where no header can be sent"),
        ("X-Publishable-Key" = Option<String>, Header, description = "A tenant's publishable key, in place of a token")),
    security(("bearer" = []), ()), responses(
        (status = 200, description = "What became of each event; or the one event was here before", body = serde_json::Value),
        (status = 201, description = "The event is recorded", body = serde_json::Value),
    ))]
async fn record(
    State(app): State<Shared>,
    caller: Option<Caller>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let too_large = || Problem::too_large("at most 5 MB of events at a time");
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES) {
        return Err(too_large());
    }
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let counted = body.into_data_stream().map_err(std::io::Error::other).map(move |chunk| {
        let chunk = chunk?;
        let total = counter.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
        if total > MOST_BYTES { Err(std::io::Error::other("too large")) } else { Ok(chunk) }
    });
    let answer = app
        .upstream(Service::Tracking)
        .post_stream(&uri, caller.as_ref(), &headers, reqwest::Body::wrap_stream(counted))
        .await;
    // A body that grew too large was cut off on the way, which looks like a failure of the connection.
    if seen.load(Ordering::Relaxed) > MOST_BYTES { Err(too_large()) } else { answer }
}

/// What became of one event: its attribution, in words.
///
/// The last revision is what follows from everything that is known by now. Where it came after the commission's hold, commission left it: who is paid is
/// then whom an earlier revision names, and the commission's history says so.
#[utoipa::path(get, path = "/api/v1/tracking/events/{id}", operation_id = "read_event", tag = "tracking",
    params(("id" = String, Path, description = "Our id, or the event_id that it was sent with"), ("source" = Option<String>, Query, description = "The source of an event that is named by the caller's own id")),
    security(("bearer" = [])), responses((status = 200, description = "The event", body = serde_json::Value)))]
async fn read(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Tracking).answer(&caller, &uri).await
}
