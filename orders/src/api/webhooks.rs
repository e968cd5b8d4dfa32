//! Where payment gateways tell us what happened. Public: the signature is the proof.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use providers::webhook::Untrusted;
use service_kit::http::Path;
use service_kit::problem::Problem;

use super::Api;
use crate::webhooks::{Refused, keep, prove};

/// No event of any gateway comes near it.
const LARGEST: usize = 256 * 1024;

/// Takes a webhook of a payment gateway: `stripe`, `paypal`, `razorpay` or `payu`. Each is proved by that gateway's own scheme, kept once by its
/// event id, and answered at once; what follows from it is done afterwards. One that comes again is answered alike.
#[utoipa::path(post, path = "/webhooks/payments/{provider}", operation_id = "take_payment_webhook", tag = "payments",
    params(("provider" = String, Path, description = "`stripe`, `paypal`, `razorpay` or `payu`")),
    request_body(content = String, content_type = "*/*", description = "As the gateway sends it; at most 256 kB"), responses(
        (status = 204, description = "Taken, now or before, or of no interest"),
        (status = 401, description = "Its sender is not proved", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 404, description = "No such gateway takes webhooks here", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Send it again later", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn take(
    State(api): State<Api>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<StatusCode, Problem> {
    let body = body.map_err(service_kit::http::unread_body)?;
    if body.len() > LARGEST {
        return Err(Problem::too_large("no webhook is as large"));
    }
    let proved = prove(&api.config.gateways, &provider, &headers, &body, api.store.now()).await;
    let notice = proved.map_err(|refused| match refused {
        Refused::NotHere => Problem::not_found(),
        Refused::Untrusted(Untrusted::Malformed(_)) => Problem::bad_request("the event cannot be read"),
        Refused::Untrusted(Untrusted::Unavailable(why)) => {
            tracing::warn!(provider, why, "a webhook cannot be proved now");
            Problem::unavailable("the webhook cannot be proved now")
        }
        Refused::Untrusted(untrusted) => {
            tracing::warn!(provider, %untrusted, "a webhook is not believed");
            Problem::unauthorized()
        }
    })?;
    keep(&api.store, &provider, &notice).await?;
    Ok(StatusCode::NO_CONTENT)
}
