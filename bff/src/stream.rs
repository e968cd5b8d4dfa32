//! `GET /api/v1/stream`: what happens to the caller's own things, as server-sent events that resume where they were cut off.

mod happening;
mod hub;
mod lane;
mod position;
mod session;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use hub::Hub;

use crate::app::Shared;
use position::Vector;

/// A comment is sent after this time without events, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// What happens from now on, or after `Last-Event-ID`: a partner sees what concerns it and what it caused, whoever is asked something the
/// question and what becomes of it, managers the whole tenant.
#[utoipa::path(get, path = "/api/v1/stream", operation_id = "stream_events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen; what came after it follows")),
    security(("bearer" = [])), responses((status = 200, description = "Events by their wire name, those of evidence without service and version (`prompt_created`); `data` is JSON with id, type, subject, time and data", body = String, content_type = "text/event-stream")))]
async fn stream(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seen = match headers.get("last-event-id") {
        Some(value) => {
            let vector = value.to_str().ok().and_then(Vector::parse);
            let unreadable =
                || Problem::bad_request("Last-Event-ID is none of ours").field("Last-Event-ID", "is none of ours");
            Some(vector.ok_or_else(unreadable)?)
        }
        None => None,
    };
    let events = session::open(&app.hub, caller, seen).await?;
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}
