//! Every operation: counted, made to fail, authorised, and answered from the examples or from the world.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::ask::Ask;
use super::published::example_for;
use super::{Amazon, claims, finances, inbound, inventory, orders, reports};
use crate::faults::Kind;

/// What hangs, hangs for longer than anybody waits.
pub(super) const HANGS: Duration = Duration::from_secs(3_600);

/// A status and a body in JSON.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn ok(body: &Value) -> Self {
        Self { status: 200, body: body.to_string() }
    }

    pub(super) fn payload(payload: Value) -> Self {
        Self::ok(&json!({ "payload": payload }))
    }

    pub(super) fn refused(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"errors": [{"code": code, "message": message, "details": ""}]}).to_string();
        Self { status, body }
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::refused(400, "InvalidInput", message)
    }
}

/// Answers an operation.
pub(super) async fn operation(State(amazon): State<Amazon>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 20).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let Some(ask) = Ask::of(&parts, &body) else {
        return finish(&amazon, Answer::refused(404, "NotFound", "The requested resource does not exist."), false);
    };
    let (now, rate) = (amazon.now(), amazon.settings().rate);
    let (too_often, fault) = {
        let mut state = amazon.state();
        let too_often = state.is_too_often(ask.operation, now, rate);
        let kinds = [Kind::Throttle, Kind::Error, Kind::Slow, Kind::Truncate, Kind::AcceptThenHang, Kind::Hang];
        (too_often, state.fault(ask.operation, &kinds))
    };
    let kind = fault.as_ref().map(|fault| fault.kind);
    match kind {
        Some(Kind::Slow) => {
            let millis = fault.and_then(|fault| fault.millis).unwrap_or(3_000);
            sleep(Duration::from_millis(millis)).await;
        }
        Some(Kind::Hang) => sleep(HANGS).await,
        Some(Kind::Error) => {
            let answer = Answer::refused(500, "InternalFailure", "We encountered an internal error. Please try again.");
            return finish(&amazon, answer, false);
        }
        _ => {}
    }
    if too_often || kind == Some(Kind::Throttle) {
        let message = "You exceeded your quota for the requested resource.";
        return finish(&amazon, Answer::refused(429, "QuotaExceeded", message), false);
    }
    let answer = answer(&amazon, &ask);
    if kind == Some(Kind::AcceptThenHang) {
        sleep(HANGS).await;
    }
    finish(&amazon, answer, kind == Some(Kind::Truncate))
}

fn answer(amazon: &Amazon, ask: &Ask) -> Answer {
    let now = amazon.now();
    let mut state = amazon.state();
    let until = ask.access_token.as_ref().and_then(|token| state.tokens.get(token));
    if until.is_none_or(|until| *until <= now) {
        return Answer::refused(403, "Unauthorized", "Access to requested resource is denied.");
    }
    if let Some(example) = example_for(ask) {
        return Answer { status: example.status, body: example.response.get().to_owned() };
    }
    match ask.operation {
        "createReport" => reports::create(&mut state, ask, now),
        "getReport" => reports::get(&mut state, ask, now),
        "getReports" => reports::list(&mut state, ask, now),
        "getReportDocument" => reports::document(&mut state, ask, now),
        "listFinancialEvents" => finances::events(&mut state, ask, now),
        "listTransactions" => finances::transactions(&mut state, ask, now),
        "getShipments" => inbound::shipments(&mut state, ask, now),
        "getShipmentItems" => inbound::items(&mut state, ask, now),
        "getInventorySummaries" => inventory::summaries(&mut state, ask, now),
        "getOrders" => orders::list(&mut state, ask, now),
        "getOrder" => orders::one(&state, ask, now),
        "getMyFeesEstimateForSKU" => orders::fees(&state, ask, now),
        "getMarketplaceParticipations" => orders::participations(&state, ask),
        _ => claims::create(&mut state, ask),
    }
}

fn finish(amazon: &Amazon, answer: Answer, truncated: bool) -> Response {
    let number = amazon.state().number();
    let length = answer.body.len();
    let body = if truncated { broken(answer.body.into(), length / 2) } else { Body::from(answer.body) };
    Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, length)
        .header("x-amzn-RequestId", format!("00000000-0000-4000-8000-{number:012}"))
        .header("x-amzn-RateLimit-Limit", format!("{}.0", amazon.settings().rate))
        .body(body)
        .expect("the parts are sound")
}

/// A body that breaks off.
pub(super) fn broken(whole: Bytes, at: usize) -> Body {
    let first = stream::once(async move { Ok(whole.slice(..at)) });
    // The first half is on its way before the connection breaks.
    let end = stream::once(async {
        sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("broken off on purpose"))
    });
    Body::from_stream(first.chain(end))
}
