//! A webhook is tried with a message that means nothing, or sent one again.

use chrono::SecondsFormat;
use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::WebhookId;
use shared_events::notify::{PingWebhook, RedeliverWebhook};

use crate::audit::{self, Entry};
use crate::fan_out::{self, New};
use crate::told::PING;

/// Pings and sends again.
#[derive(Debug, Clone, Copy)]
pub struct SendAgain;

/// Locks a webhook that is told things.
async fn enabled(work: &mut Work, webhook: WebhookId) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let enabled = sqlx::query_scalar!(
        "SELECT enabled FROM webhooks WHERE tenant = $1 AND id = $2 FOR UPDATE",
        tenant.as_str(),
        webhook.0
    )
    .fetch_optional(work.conn())
    .await?;
    match enabled {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::reject("webhook_not_active", "the webhook is switched off")),
        None => Err(Failure::reject("webhook_not_found", "there is no such webhook")),
    }
}

impl Handles<PingWebhook> for SendAgain {
    async fn handle(&self, work: &mut Work, message: &Delivered<PingWebhook>) -> Result<Outcome, Failure> {
        let PingWebhook { webhook_id, delivery_id, why, by } = &message.data;
        enabled(work, *webhook_id).await?;
        let timestamp = work.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let payload = json!({"type": PING, "timestamp": timestamp, "data": {"webhook_id": webhook_id}}).to_string();
        let message_id = format!("msg_{}", delivery_id.0.simple());
        let new =
            New { id: delivery_id.0, webhook: webhook_id.0, message_id: &message_id, kind: PING, payload: &payload };
        let (subject, after) = (webhook_id.to_string(), json!({"delivery_id": delivery_id}));
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "ping_webhook", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        fan_out::insert(work, &Cause::from(&message.envelope), new).await?;
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id, "delivery_id": delivery_id})))
    }
}

impl Handles<RedeliverWebhook> for SendAgain {
    async fn handle(&self, work: &mut Work, message: &Delivered<RedeliverWebhook>) -> Result<Outcome, Failure> {
        let RedeliverWebhook { webhook_id, delivery_id, why, by } = &message.data;
        enabled(work, *webhook_id).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let round = sqlx::query_scalar!(
            "UPDATE deliveries SET state = 'waiting', attempts = 0, asked_at = $4, next_at = $4, ended_at = NULL, round = round + 1
             WHERE tenant = $1 AND id = $2 AND webhook_id = $3 RETURNING round",
            tenant.as_str(),
            delivery_id.0,
            webhook_id.0,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        let round = round.ok_or_else(|| Failure::reject("delivery_not_found", "there is no such delivery"))?;
        let (subject, after) = (webhook_id.to_string(), json!({"delivery_id": delivery_id}));
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "redeliver_webhook", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        fan_out::enqueue(work, &Cause::from(&message.envelope), delivery_id.0, round, 0, now).await?;
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id, "delivery_id": delivery_id})))
    }
}
