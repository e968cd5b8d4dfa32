//! What an attempt to reach a webhook came to: the log, the next attempt, and whether the webhook is switched off.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::notify::{Channel, STAFF, WebhookDisabled};
use shared_events::{NotificationId, WebhookId, ids};
use uuid::Uuid;

use crate::create::{Wanted, create};
use crate::domain::schedule;
use crate::fan_out;

/// The receiver says that it will never want anything again.
const GONE: i32 = 410;

/// What an attempt came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The HTTP status, if there was an answer.
    pub status: Option<i32>,
    /// Why there was none.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// When the receiver wants to be asked again.
    pub pause: Option<TimeDelta>,
    /// How long it took.
    pub millis: i64,
}

impl Outcome {
    fn is_success(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    fn why(&self) -> String {
        match (self.status, &self.error) {
            (Some(status), _) => format!("it answered {status}"),
            (None, Some(error)) => error.clone(),
            (None, None) => "it did not answer".into(),
        }
    }
}

/// Writes an attempt down, with what follows from it.
///
/// # Errors
/// When the database is away, or another worker took the job over.
pub async fn record(
    store: &Store,
    job: &Job,
    delivery: Uuid,
    round: i32,
    outcome: Outcome,
    disable_after: TimeDelta,
) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let (tenant, now) = (job.tenant.clone(), work.now());
    let row = sqlx::query!(
        "SELECT d.webhook_id, d.attempts, d.asked_at, w.failing_since, w.enabled
         FROM deliveries d JOIN webhooks w ON w.tenant = d.tenant AND w.id = d.webhook_id
         WHERE d.tenant = $1 AND d.id = $2 AND d.round = $3 AND d.state = 'waiting' FOR UPDATE OF w, d",
        tenant.as_str(),
        delivery,
        round,
    )
    .fetch_optional(work.conn())
    .await?;
    // Removed or asked for anew meanwhile: nobody wants to know.
    let Some(row) = row else {
        job.finish(&mut work).await?;
        work.commit().await?;
        return Ok(());
    };
    write_attempt(&mut work, delivery, &outcome).await?;
    let attempts = row.attempts + 1;
    let mut next_at = None;
    let state = if outcome.is_success() {
        "delivered"
    } else {
        let tried = u32::try_from(attempts).unwrap_or(u32::MAX);
        let is_over = outcome.status == Some(GONE);
        next_at = schedule::next(row.asked_at, now, tried, chance(delivery, attempts), outcome.pause);
        next_at = next_at.filter(|_| !is_over);
        if next_at.is_some() { "waiting" } else { "failed" }
    };
    sqlx::query!(
        "UPDATE deliveries SET state = $3::text::delivery_state, attempts = $4, next_at = $5, ended_at = $6 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        delivery,
        state,
        attempts,
        next_at,
        next_at.is_none().then_some(now),
    )
    .execute(work.conn())
    .await?;
    metrics::counter!("recoup_webhook_attempts_total", "outcome" => if outcome.is_success() { "done" } else { "failed" })
        .increment(1);
    let webhook = WebhookId(row.webhook_id);
    if outcome.is_success() {
        if row.failing_since.is_some() {
            set_failing(&mut work, webhook, None).await?;
        }
    } else if row.enabled {
        let since = row.failing_since.unwrap_or(now);
        set_failing(&mut work, webhook, Some(since)).await?;
        if outcome.status == Some(GONE) {
            disable(&mut work, job, webhook, "it said that it is gone for good (410)".into()).await?;
        } else if now - since >= disable_after {
            let hours = disable_after.num_hours();
            disable(&mut work, job, webhook, format!("every attempt of {hours} hours failed; {}", outcome.why()))
                .await?;
        }
    }
    job.finish(&mut work).await?;
    if let Some(at) = next_at {
        fan_out::enqueue(&mut work, &job.cause, delivery, round, attempts, at).await?;
    }
    work.commit().await?;
    Ok(())
}

/// The same for the same attempt, and different for others.
fn chance(delivery: Uuid, attempts: i32) -> u32 {
    let derived = ids::derive(&["chance", &delivery.to_string(), &attempts.to_string()]);
    u32::try_from(derived.as_u128() % 1_000).unwrap_or_default()
}

async fn write_attempt(work: &mut Work, delivery: Uuid, outcome: &Outcome) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO delivery_attempts (tenant, delivery_id, at, status, error, answer, millis) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tenant.as_str(),
        delivery,
        now,
        outcome.status,
        outcome.error,
        outcome.answer,
        outcome.millis,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn set_failing(work: &mut Work, webhook: WebhookId, since: Option<DateTime<Utc>>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE webhooks SET failing_since = $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        webhook.0,
        since
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Switches a webhook off, and tells those who work for the tenant.
async fn disable(work: &mut Work, job: &Job, webhook: WebhookId, reason: String) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE webhooks SET enabled = false, disabled_why = $3, changed_at = $4, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        webhook.0,
        reason,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    let event = WebhookDisabled { webhook_id: webhook, reason: reason.clone() };
    work.emit(&job.cause, u64::try_from(version).unwrap_or_default(), &event);
    let dedupe_key = format!("webhook_disabled/{webhook}/{version}");
    let variables = [("webhook".to_owned(), webhook.to_string()), ("reason".to_owned(), reason)];
    let wanted = Wanted {
        id: NotificationId(ids::derive(&["notification", tenant.as_str(), &dedupe_key])),
        recipient: STAFF.to_owned(),
        template: "webhook_disabled".into(),
        variables: variables.into(),
        dedupe_key,
        language: None,
        channels: None,
        sent_by: "notify".into(),
    };
    // Channels that are not configured are told apart when it is carried.
    let all: BTreeSet<Channel> = Channel::ALL.into();
    create(work, &job.cause, &wanted, &all).await?;
    Ok(())
}
