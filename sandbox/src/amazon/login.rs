//! Login with Amazon, and the page where a seller consents.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Duration, sleep};

use super::Amazon;
use super::ask::parsed;
use super::dispatch::HANGS;
use crate::faults::Kind;

/// A code is good for five minutes, and once.
const CODE_LIFE: TimeDelta = TimeDelta::minutes(5);
/// An access token is good for an hour.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(1);

#[derive(Deserialize)]
pub(super) struct Consent {
    application_id: String,
    state: String,
    redirect_uri: Option<String>,
}

/// The seller always consents, and is sent back with a code.
pub(super) async fn consent(State(amazon): State<Amazon>, Query(asked): Query<Consent>) -> Response {
    if asked.application_id.is_empty() {
        return (StatusCode::BAD_REQUEST, "MD1000: no such application").into_response();
    }
    let now = amazon.now();
    let redirect_uri = asked.redirect_uri.unwrap_or_else(|| amazon.settings().redirect_uri.clone());
    let mut state = amazon.state();
    let code = format!("SANDBOXCODE{:06}", state.number());
    state.codes.insert(code.clone(), now + CODE_LIFE);
    let query = [("state", asked.state.as_str()), ("selling_partner_id", &state.seller()), ("spapi_oauth_code", &code)];
    match url::Url::parse_with_params(&redirect_uri, query) {
        Ok(back) => Redirect::to(back.as_str()).into_response(),
        Err(_) => (StatusCode::BAD_REQUEST, "the redirect_uri is no address").into_response(),
    }
}

fn refused(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": description}))).into_response()
}

/// Exchanges a code or a refresh token. Any refresh token that looks like one is good until tokens are revoked.
pub(super) async fn token(State(amazon): State<Amazon>, body: Bytes) -> Response {
    let form = parsed(&String::from_utf8_lossy(&body));
    let now = amazon.now();
    let fault = {
        let mut state = amazon.state();
        *state.calls.entry("token".to_owned()).or_default() += 1;
        state.fault("token", &[Kind::Throttle, Kind::Error, Kind::Slow, Kind::Hang])
    };
    match fault.as_ref().map(|fault| fault.kind) {
        Some(Kind::Throttle) => return refused(StatusCode::TOO_MANY_REQUESTS, "slow_down", "Too many requests"),
        Some(Kind::Error) => return refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Try again"),
        Some(Kind::Hang) => sleep(HANGS).await,
        Some(_) => {
            let millis = fault.and_then(|fault| fault.millis).unwrap_or(3_000);
            sleep(Duration::from_millis(millis)).await;
        }
        None => {}
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("client_id").is_empty() || field("client_secret").is_empty() {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed");
    }
    let mut state = amazon.state();
    let bad_grant = |what: &str| {
        let description = format!("The request has an invalid grant parameter : {what}");
        refused(StatusCode::BAD_REQUEST, "invalid_grant", &description)
    };
    let refresh_token = match field("grant_type") {
        "authorization_code" => {
            let until = state.codes.remove(field("code"));
            if until.is_none_or(|until| until < now) {
                return bad_grant("code");
            }
            let token = format!("Atzr|sandbox-{:06}", state.number());
            if let Some(only) = &mut state.only {
                only.insert(token.clone());
            }
            token
        }
        "refresh_token" => {
            let token = field("refresh_token");
            let is_good = state.only.as_ref().is_none_or(|only| only.contains(token));
            if !token.starts_with("Atzr|") || !is_good {
                return bad_grant("refresh_token");
            }
            token.to_owned()
        }
        _ => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "The grant_type is not supported"),
    };
    let access_token = format!("Atza|sandbox-{:06}", state.number());
    state.tokens.insert(access_token.clone(), now + TOKEN_LIFE);
    let answer = json!({
        "access_token": access_token,
        "refresh_token": refresh_token,
        "token_type": "bearer",
        "expires_in": TOKEN_LIFE.num_seconds(),
    });
    Json(answer).into_response()
}
