//! Webhooks of Razorpay: `X-Razorpay-Signature` is an HMAC of the body, `X-Razorpay-Event-Id` names the event. They come in any order.

use serde_json::Value;
use service_kit::config::Secret;

use crate::webhook::{About, Notice, Untrusted, filled, is_signed, text};

/// Reads a webhook that was signed with one of the secrets (parted by commas, while one is replaced).
///
/// # Errors
/// As [`Untrusted`] says.
pub fn read_webhook(secret: &Secret, signature: &str, event_id: &str, body: &[u8]) -> Result<Notice, Untrusted> {
    let fits = |secret: &str| !secret.is_empty() && is_signed(secret, body, signature);
    if !secret.expose().split(',').any(|secret| fits(secret.trim())) {
        return Err(Untrusted::Signature);
    }
    let event: Value = serde_json::from_slice(body).map_err(|error| Untrusted::Malformed(error.to_string()))?;
    let kind = text(&event, "/event");
    let at = |path: &str| text(&event, &format!("/payload{path}"));
    // An uncaptured payment that goes back to the customer was never ours.
    let uncaptured = event.pointer("/payload/payment/entity/captured").and_then(Value::as_bool) == Some(false);
    let about = match kind.as_str() {
        "refund.created" | "refund.processed" if uncaptured => About::Lapsed,
        "refund.failed" => About::RefundFailed,
        "payment.dispute.created" => About::Disputed,
        "payment.dispute.won" => About::DisputeWon,
        "payment.dispute.lost" => About::DisputeLost,
        _ if ["payment.", "refund.", "order."].iter().any(|start| kind.starts_with(start)) => About::Progress,
        _ => About::Other,
    };
    let object = filled([at("/dispute/entity/id"), at("/refund/entity/id"), at("/payment/entity/id")]);
    Ok(Notice {
        // The header is not signed, so it is bound to what is: another id for the same body would be another event.
        id: if event_id.is_empty() { signature.to_owned() } else { event_id.to_owned() },
        references: filled([
            at("/payment/entity/id"),
            at("/refund/entity/payment_id"),
            at("/dispute/entity/payment_id"),
            at("/payment/entity/order_id"),
            at("/order/entity/id"),
        ]),
        object: object.into_iter().next(),
        minor: event.pointer("/payload/dispute/entity/amount").and_then(Value::as_i64),
        kind,
        about,
    })
}
