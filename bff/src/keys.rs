//! Publishable keys: with one, a tenant's pages may send events and do nothing else.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::sealed::sha256;
use shared_events::Service;
use shared_events::tracking::{IssuePublishableKey, MOST_ORIGINS, WithdrawPublishableKey, is_origin};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::{Ask, Body, Nothing};
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answer, Ids};

/// Events a second that a key may send when nothing else is said.
const USUAL_RATE: u32 = 100;
/// Most events a second that can be asked for.
const HIGHEST_RATE: u32 = 100_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(issue, list)).routes(routes!(withdraw))
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "shop front", "origins": ["https://shop.example"], "events_per_second": 100}))]
struct NewKey {
    /// What it is for.
    label: String,
    /// Origins of pages that may use it, as browsers write them; none = servers only.
    #[serde(default)]
    #[schema(max_items = 50)]
    origins: Vec<String>,
    /// Events a second that it may send.
    #[serde(default = "usual_rate")]
    #[schema(minimum = 1, maximum = 100_000)]
    events_per_second: u32,
}

fn usual_rate() -> u32 {
    USUAL_RATE
}

impl Body for NewKey {}

/// Issues a publishable key. The answer holds the key; it is shown this once and kept only as a digest.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "issue_key", tag = "tracking", request_body = NewKey,
    security(("bearer" = [])), responses(
        (status = 202, description = "Accepted; holds the key", body = Answer), (status = 200, description = "Done (with Prefer: wait); holds the key", body = Answer),
        (status = 409, description = "The key exists already", body = service_kit::problem::Body, content_type = "application/problem+json"),
    ))]
async fn issue(State(app): State<Shared>, ask: Ask<NewKey>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let NewKey { label, origins, events_per_second } = ask.body;
    checks::text("label", &label, 200)?;
    if origins.len() > MOST_ORIGINS {
        return Err(Problem::invalid_field("origins", format!("must have at most {MOST_ORIGINS} entries")));
    }
    if let Some(index) = origins.iter().position(|origin| !is_origin(origin)) {
        let detail = "must be an origin as browsers write it, such as https://shop.example";
        return Err(Problem::invalid_field(&format!("origins[{index}]"), detail));
    }
    if !(1..=HIGHEST_RATE).contains(&events_per_second) {
        return Err(Problem::invalid_field("events_per_second", format!("must be between 1 and {HIGHEST_RATE}")));
    }
    // Made from the command's id and our secret, so that a repeated request gets the same key again.
    let key = format!("pk_{}", &app.account_key.digest(format!("publishable key {}", ask.ticket.id).as_bytes())[..48]);
    let key_digest = sha256(key.as_bytes());
    let ids = Ids::from([("key", key), ("key_digest", key_digest.clone())]);
    let command = IssuePublishableKey { key_digest, label, origins, events_per_second };
    let mut response = app.send(&ask.caller, ask.ticket, &command, ids).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Withdraws a publishable key for good: within five seconds no event is taken from it any more.
#[utoipa::path(post, path = "/api/v1/keys/{digest}/withdraw", operation_id = "withdraw_key", tag = "tracking",
    params(("digest" = String, Path, description = "The key's `key_digest`", min_length = 64, max_length = 64)), request_body = Option<Nothing>,
    security(("bearer" = [])), responses(
        (status = 202, description = "Accepted", body = Answer), (status = 200, description = "Done (with Prefer: wait)", body = Answer),
    ))]
async fn withdraw(
    State(app): State<Shared>,
    Path(key_digest): Path<String>,
    ask: Ask<Nothing>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    if key_digest.len() != 64 || !key_digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::not_found());
    }
    let ids = Ids::from([("key_digest", key_digest.clone())]);
    app.send(&ask.caller, ask.ticket, &WithdrawPublishableKey { key_digest }, ids).await
}

/// Publishable keys, newest first, by their digests: the keys themselves are stored nowhere.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "list_keys", tag = "tracking",
    params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Tracking).answer(&caller, &uri).await
}
