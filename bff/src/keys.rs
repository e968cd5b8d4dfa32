//! Publishable keys: with one, a tenant's pages may send events and do nothing else.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use service_kit::problem::Problem;
use service_kit::sealed::sha256;
use shared_events::tracking::IssuePublishableKey;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::send::{Answer, Ids};

/// Events a second that a key may send when nothing else is said.
const USUAL_RATE: u32 = 100;
/// Most events a second that can be asked for.
const HIGHEST_RATE: u32 = 100_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(issue))
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"label": "shop front", "origins": ["https://shop.example"], "events_per_second": 100}))]
struct NewKey {
    /// What it is for.
    label: String,
    /// Origins of pages that may use it; none = servers only.
    #[serde(default)]
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
    if origins.len() > 20 {
        return Err(Problem::invalid_field("origins", "must have at most 20 entries"));
    }
    for (index, origin) in origins.iter().enumerate() {
        check_origin(&format!("origins[{index}]"), origin)?;
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

fn check_origin(field: &str, origin: &str) -> Result<(), Problem> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let plain = |host: &str| {
        !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    };
    if host.is_some_and(plain) {
        Ok(())
    } else {
        Err(Problem::invalid_field(field, "must be an origin such as https://shop.example"))
    }
}
