//! Requests as Stripe takes them: with a key, in a version, once for each idempotency key.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::objects::{Form, Outcome, complete, create, read, refused};
use super::{Stripe, Used};
use crate::faults::{Fault, Kind, take};

const HANGS: Duration = Duration::from_secs(3_600);

fn parsed(text: &str) -> Form {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// A request under `/v1`.
pub(super) async fn operation(State(stripe): State<Stripe>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let path = parts.uri.path().to_owned();
    let text = |name: &str| header_of(&parts.headers, name);
    let authorised =
        text("authorization").is_some_and(|value| value.starts_with("Bearer sk_") || value.starts_with("Basic "));
    if !authorised {
        return finish(&stripe, refused(401, "invalid_request_error", "", "Invalid API Key provided"), false);
    }
    // Operations are told apart by method and first part of the path: `POST payment_intents`.
    let thing = path.trim_start_matches("/v1/").split('/').next().unwrap_or_default().to_owned();
    let name = format!("{} {thing}", parts.method);
    let fault = {
        let mut state = stripe.state();
        *state.calls.entry(name.clone()).or_default() += 1;
        let kinds = [Kind::Throttle, Kind::Error, Kind::Slow, Kind::AcceptThenHang, Kind::Hang];
        take(&mut state.faults, &name, &kinds)
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    match kind {
        Some(Kind::Throttle) => {
            return finish(&stripe, refused(429, "invalid_request_error", "rate_limit", "Too many requests"), false);
        }
        Some(Kind::Hang) => sleep(HANGS).await,
        Some(Kind::Slow) => sleep(Duration::from_millis(fault.and_then(|fault| fault.millis).unwrap_or(3_000))).await,
        _ => {}
    }
    if parts.method != Method::POST {
        let outcome = read(&stripe.state(), &path, &parsed(parts.uri.query().unwrap_or_default()));
        return finish(&stripe, outcome, false);
    }
    let form = String::from_utf8_lossy(&body).into_owned();
    let key = text("idempotency-key").unwrap_or_default();
    if key.len() > 255 {
        return finish(&stripe, refused(400, "invalid_request_error", "", "The key is too long"), false);
    }
    let host = text(header::HOST.as_str()).unwrap_or_else(|| "127.0.0.1".to_owned());
    let (outcome, replayed) = once(&stripe, &key, (&path, &form), &host, kind == Some(Kind::Error));
    if kind == Some(Kind::AcceptThenHang) {
        sleep(HANGS).await;
    }
    finish(&stripe, outcome, replayed)
}

fn header_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Does it, unless the key was used: then the first result is given again, also when it was an error of the server's.
fn once(stripe: &Stripe, key: &str, (path, form): (&str, &str), host: &str, fails: bool) -> (Outcome, bool) {
    let now = stripe.seconds();
    let mut state = stripe.state();
    let request = format!("{path}?{form}");
    match state.keys.get(key).filter(|_| !key.is_empty()) {
        Some(used) if used.request != request => {
            let message =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            return (refused(400, "idempotency_error", "", message), false);
        }
        Some(Used { outcome: Some((status, body)), .. }) => {
            return ((*status, serde_json::from_str(body).unwrap_or_default()), true);
        }
        Some(_) => {
            let message = "There is currently another in-progress request using this key.";
            return (refused(409, "invalid_request_error", "idempotency_key_in_use", message), false);
        }
        None => {}
    }
    let outcome = match fails {
        // It went wrong on the way: nothing is charged, and this is what the key gives from now on.
        true => refused(500, "api_error", "", "An unknown error occurred"),
        false => create(&mut state, path, &parsed(form), host, now),
    };
    // What was refused before anything was done is not kept.
    if !key.is_empty() && !matches!(outcome.0, 400 | 404) {
        let kept = Some((outcome.0, outcome.1.to_string()));
        state.keys.insert(key.to_owned(), Used { request, outcome: kept });
    }
    (outcome, false)
}

fn finish(stripe: &Stripe, (status, body): Outcome, replayed: bool) -> Response {
    let number = {
        let mut state = stripe.state();
        state.number += 1;
        state.number
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("request-id", format!("req_{number:012}"));
    if replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Body::from(body.to_string())).expect("the parts are sound")
}

/// The page where a customer saves a card: it does so at once. `?card=pm_card_chargeDeclined` saves that one.
pub(super) async fn page(
    State(stripe): State<Stripe>,
    Path(session): Path<String>,
    Query(form): Query<Form>,
) -> Response {
    let back = complete(&mut stripe.state(), &session, form.get("card"));
    back.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |back| Redirect::to(&back).into_response())
}

/// What will go wrong.
pub(super) async fn faults(State(stripe): State<Stripe>) -> Json<Vec<Fault>> {
    Json(stripe.state().faults.clone())
}

/// Lets something go wrong; operations are called `POST payment_intents`, `GET refunds`, and so on.
pub(super) async fn add_fault(State(stripe): State<Stripe>, Json(fault): Json<Fault>) -> StatusCode {
    stripe.state().faults.push(fault);
    StatusCode::NO_CONTENT
}

/// Lets nothing go wrong any more.
pub(super) async fn clear_faults(State(stripe): State<Stripe>) -> StatusCode {
    stripe.state().faults.clear();
    StatusCode::NO_CONTENT
}

/// How often each operation was asked.
pub(super) async fn calls(State(stripe): State<Stripe>) -> Json<Value> {
    Json(json!(stripe.state().calls))
}

/// Everything there is, to check books against.
pub(super) async fn objects(State(stripe): State<Stripe>) -> Json<Vec<Value>> {
    Json(stripe.state().objects.values().cloned().collect())
}
