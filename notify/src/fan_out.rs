//! A delivery for each webhook that is told of an event.

use chrono::SecondsFormat;
use serde_json::{Value, json};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::{Envelope, ids};
use uuid::Uuid;

use crate::deliver;

/// Makes the deliveries of an event, once for each webhook.
///
/// # Errors
/// When the database is away.
pub async fn tell(
    work: &mut Work,
    cause: &Cause,
    envelope: &Envelope,
    kind: &str,
    data: &Value,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let webhooks = sqlx::query_scalar!(
        "SELECT id FROM webhooks WHERE tenant = $1 AND enabled AND (types = '{}' OR $2 = ANY(types)) ORDER BY seq",
        tenant.as_str(),
        kind,
    )
    .fetch_all(work.conn())
    .await?;
    let message_id = format!("msg_{}", envelope.id.0.simple());
    let timestamp = envelope.time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let payload = json!({"type": kind, "timestamp": timestamp, "data": data}).to_string();
    for webhook in webhooks {
        let id = ids::derive(&["delivery", &webhook.to_string(), &message_id]);
        insert(work, cause, New { id, webhook, message_id: &message_id, kind, payload: &payload }).await?;
    }
    Ok(())
}

/// A delivery that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// To which webhook.
    pub webhook: Uuid,
    /// What the receiver tells repeats by.
    pub message_id: &'a str,
    /// Of which type it is.
    pub kind: &'a str,
    /// What is sent.
    pub payload: &'a str,
}

/// Makes one delivery, unless it is there.
///
/// # Errors
/// When the database is away.
pub async fn insert(work: &mut Work, cause: &Cause, new: New<'_>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO deliveries (tenant, id, webhook_id, message_id, type, payload, state, asked_at, next_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $7, $7) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        new.id,
        new.webhook,
        new.message_id,
        new.kind,
        new.payload,
        now,
    )
    .execute(work.conn())
    .await?;
    if inserted.rows_affected() > 0 {
        enqueue(work, cause, new.id, 1, 0, now).await?;
    }
    Ok(())
}

/// Queues the next attempt of a delivery.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(
    work: &mut Work,
    cause: &Cause,
    delivery: Uuid,
    round: i32,
    attempts: i32,
    due_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    let key = format!("{}/{delivery}/{round}/{attempts}", work.tenant());
    let payload = json!({"delivery_id": delivery, "round": round});
    work.enqueue(NewJob { kind: deliver::KIND, key, due_at, payload, cause: cause.clone() }).await
}
