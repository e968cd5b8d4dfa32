//! What the carrier of texts calls back. Public: its signature is the proof, which covers the address with the tenant in it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use providers::sms::{Progress, SIGNATURE, read_status};
use service_kit::http::{Path, context};
use service_kit::problem::Problem;
use service_kit::store::{Cause, new_id};
use shared_events::TenantId;
use uuid::Uuid;

use super::Api;
use crate::heed_text::{Said, keep};

/// No call is near it.
const LARGEST: usize = 64 * 1024;

/// Twilio tells how a text fares. Signed by Twilio; what was not is refused.
#[utoipa::path(post, path = "/callbacks/twilio/{tenant}", operation_id = "twilio_tells", tag = "notifications",
    params(("tenant" = String, Path, description = "Whose text it is")), security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "As Twilio sends it"), responses(
        (status = 204, description = "Heard, or of no interest"),
        (status = 401, description = "Its sender is not proved", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn twilio(
    State(api): State<Api>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<StatusCode, Problem> {
    let body = body.map_err(service_kit::http::unread_body)?;
    if body.len() > LARGEST {
        return Err(Problem::too_large("no call is as large"));
    }
    let (Some(sms), Some(public)) = (&api.config.sms, &api.config.public) else { return Err(Problem::not_found()) };
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = status_address(public, &tenant);
    let status = read_status(&sms.token, &address, signature, &body).ok_or_else(Problem::unauthorized)?;
    let tenant = TenantId::try_new(tenant).map_err(|_| Problem::not_found())?;
    let arrived = match status.progress {
        Progress::Underway => return Ok(StatusCode::NO_CONTENT),
        Progress::Arrived => true,
        Progress::Lost => false,
    };
    let names = context::current();
    let correlation = names.as_ref().map_or_else(|| new_id(api.store.now()), |names| Uuid::from_u128(names.trace_id.0));
    let traceparent = names.map(|names| names.traceparent());
    let cause = Cause { traceparent, ..Cause::root(correlation, Some("twilio".to_owned())) };
    keep(&api.store, &tenant, cause, &Said { reference: status.reference, arrived, code: status.code }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where the carrier is to call about a tenant's texts.
pub fn status_address(public: &str, tenant: &str) -> String {
    format!("{public}/callbacks/twilio/{tenant}")
}
