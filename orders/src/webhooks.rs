//! Webhooks of payment gateways: proved, kept once, and heeded by a job. Whatever a webhook says, the gateway is asked before money is counted;
//! so one that comes twice, late, early or never changes nothing but how soon something is found out.

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use providers::webhook::{Notice, Untrusted};
use providers::{paypal, payu, razorpay, stripe};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Store};
use uuid::Uuid;

use crate::directory::{self, Owner};
use crate::gateways::Gateways;

/// The kind of the jobs that heed webhooks.
pub const HEED_JOB: &str = "orders.heed_webhook";

/// Why a webhook is not taken.
#[derive(Debug)]
pub enum Refused {
    /// There is no such gateway, or it is not set up for webhooks.
    NotHere,
    /// It is not believed.
    Untrusted(Untrusted),
}

/// Proves a webhook's sender by that gateway's scheme.
///
/// # Errors
/// As [`Refused`] says.
pub async fn prove(
    gateways: &Gateways,
    gateway: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Notice, Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = match gateway {
        "stripe" => {
            let secret = gateways.stripe.as_ref().and_then(|access| access.webhook_secret.as_ref());
            stripe::read_webhook(secret.ok_or(Refused::NotHere)?, header("stripe-signature"), body, now)
        }
        "razorpay" => {
            let secret = gateways.razorpay.as_ref().and_then(|access| access.webhook_secret.as_ref());
            let (signature, event) = (header("x-razorpay-signature"), header("x-razorpay-event-id"));
            razorpay::read_webhook(secret.ok_or(Refused::NotHere)?, signature, event, body)
        }
        "payu" => {
            let access = gateways.payu.as_ref().ok_or(Refused::NotHere)?;
            payu::read_webhook(&access.key, &access.salt, body)
        }
        "paypal" => {
            let access = gateways.paypal.as_ref().ok_or(Refused::NotHere)?;
            let webhook_id = access.webhook_id.as_deref().ok_or(Refused::NotHere)?;
            if !is_recent(header("paypal-transmission-time"), now) {
                return Err(Refused::Untrusted(Untrusted::Signature));
            }
            let text = |name| header(name).to_owned();
            let signed = paypal::Signed {
                transmission_id: text("paypal-transmission-id"),
                transmission_time: text("paypal-transmission-time"),
                transmission_sig: text("paypal-transmission-sig"),
                cert_url: text("paypal-cert-url"),
                auth_algo: text("paypal-auth-algo"),
            };
            access.client.check_webhook(&signed, webhook_id, &access.cert_host, body).await
        }
        _ => return Err(Refused::NotHere),
    };
    match read {
        Ok(notice) if notice.id.is_empty() || notice.id.len() > 255 || notice.kind.len() > 128 => {
            Err(Refused::Untrusted(Untrusted::Malformed("the event has no proper id or kind".into())))
        }
        read => read.map_err(Refused::Untrusted),
    }
}

/// How long PayPal repeats a webhook that was not taken. What is older is somebody's copy.
const REPEATED_FOR: TimeDelta = TimeDelta::days(3);
/// By how much PayPal's clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

fn is_recent(sent: &str, now: DateTime<Utc>) -> bool {
    DateTime::parse_from_rfc3339(sent).is_ok_and(|sent| {
        let age = now.signed_duration_since(sent);
        -AHEAD <= age && age <= REPEATED_FOR + TimeDelta::hours(1)
    })
}

/// Keeps a proved webhook, and has it heeded. False when it was there before, or is not about a payment of ours.
///
/// # Errors
/// When the database is away.
pub async fn keep(store: &Store, gateway: &str, notice: &Notice) -> Result<bool, sqlx::Error> {
    let Some(Owner { tenant, order, payment }) = directory::owner(store, gateway, &notice.references).await? else {
        // An account with a gateway may serve other systems too.
        tracing::info!(gateway, event = notice.kind, "a webhook is about no payment of ours");
        return Ok(false);
    };
    let mut work = store.read(&tenant).await?;
    let now = work.now();
    let written = sqlx::query!(
        "INSERT INTO payment_webhooks (tenant, gateway, event_id, kind, about, order_id, payment_id, object, minor, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        gateway,
        notice.id,
        notice.kind,
        notice.about.name(),
        order.0,
        payment.0,
        notice.object,
        notice.minor,
        now,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    let payload = serde_json::json!({ "order_id": order, "gateway": gateway, "event_id": notice.id });
    let (key, cause) = (format!("{tenant}:{gateway}:{}", notice.id), Cause::root(Uuid::now_v7(), None));
    work.enqueue(NewJob { kind: HEED_JOB, key, due_at: now, payload, cause }).await?;
    work.commit().await?;
    Ok(true)
}
