//! Webhooks of Stripe: signed with a secret of the endpoint's over the time and the body.

use chrono::{DateTime, Utc};
use serde_json::Value;
use service_kit::config::Secret;

use crate::webhook::{About, Notice, Untrusted, filled, is_signed, text};

/// Seconds that a signature may be old, or ahead (Stripe's own libraries allow as many).
const TOLERANCE: i64 = 300;

/// Reads a webhook whose `Stripe-Signature` fits one of the secrets. While a secret is replaced there are two, and Stripe signs with both.
///
/// # Errors
/// As [`Untrusted`] says.
pub fn read_webhook(secret: &Secret, header: &str, body: &[u8], now: DateTime<Utc>) -> Result<Notice, Untrusted> {
    let parts: Vec<(&str, &str)> = header.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let (_, time) = parts.iter().find(|(name, _)| *name == "t").ok_or(Untrusted::Signature)?;
    let signed = [time.as_bytes(), b".", body].concat();
    let fits = parts.iter().filter(|(name, _)| *name == "v1").take(8).any(|(_, tag)| {
        secret.expose().split(',').any(|secret| !secret.is_empty() && is_signed(secret.trim(), &signed, tag))
    });
    if !fits {
        return Err(Untrusted::Signature);
    }
    let seconds: i64 = time.parse().map_err(|_| Untrusted::Signature)?;
    if (now.timestamp() - seconds).abs() > TOLERANCE {
        return Err(Untrusted::Time);
    }
    let event: Value = serde_json::from_slice(body).map_err(|error| Untrusted::Malformed(error.to_string()))?;
    let kind = text(&event, "/type");
    let at = |path: &str| text(&event, &format!("/data/object{path}"));
    let about = match kind.as_str() {
        "payment_intent.canceled" => About::Lapsed,
        "refund.failed" => About::RefundFailed,
        "refund.updated" | "charge.refund.updated" if matches!(at("/status").as_str(), "failed" | "canceled") => {
            About::RefundFailed
        }
        "charge.dispute.created" => About::Disputed,
        "charge.dispute.closed" if at("/status") == "won" => About::DisputeWon,
        "charge.dispute.closed" if at("/status") == "lost" => About::DisputeLost,
        _ if kind.starts_with("payment_intent.") || kind.starts_with("charge.") || kind.starts_with("refund.") => {
            About::Progress
        }
        _ => About::Other,
    };
    let intent = if kind.starts_with("payment_intent.") { at("/id") } else { at("/payment_intent") };
    Ok(Notice {
        id: text(&event, "/id"),
        references: filled([at("/metadata/payment_id"), intent]),
        object: Some(at("/id")),
        minor: event.pointer("/data/object/amount").and_then(Value::as_i64),
        kind,
        about,
    })
}
