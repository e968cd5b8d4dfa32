//! The job that sends one message to one webhook, once; it queues its own next attempt.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use providers::fetch::{FetchError, Fetcher, Posted};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::sealed::SealingKey;
use service_kit::store::Store;
use shared_events::WebhookId;
use shared_events::notify::webhook_purpose;
use uuid::Uuid;

use crate::delivered::{self, Outcome};
use crate::domain::signature;

/// The kind of the job.
pub const KIND: &str = "deliver_webhook";

/// Delivers.
#[derive(Debug, Clone)]
pub struct Deliver {
    /// Sends to addresses that others chose.
    pub fetcher: Fetcher,
    /// Opens addresses and secrets.
    pub key: SealingKey,
    /// For how long a webhook may do nothing but fail.
    pub disable_after: TimeDelta,
}

#[derive(Debug, Deserialize)]
struct Payload {
    delivery_id: Uuid,
    round: i32,
}

/// What is sent, and where.
struct Ready {
    url: String,
    keys: Vec<Vec<u8>>,
    message_id: String,
    payload: String,
}

impl RunsJob for Deliver {
    const KIND: &'static str = KIND;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Payload { delivery_id, round } =
            serde_json::from_value(job.payload.clone()).map_err(anyhow::Error::from)?;
        let Some(ready) = self.ready(store, job, delivery_id, round).await? else { return Ok(()) };
        let begun = Instant::now();
        let answer = self.send(&ready, store.now()).await;
        let outcome = judged(answer, begun.elapsed().as_millis());
        service_kit::faults::point("notify.deliver.answered");
        delivered::record(store, job, delivery_id, round, outcome, self.disable_after).await
    }
}

impl Deliver {
    /// Reads what is to be sent; `None` when nothing is any more.
    async fn ready(&self, store: &Store, job: &Job, delivery: Uuid, round: i32) -> Result<Option<Ready>, Failure> {
        let mut work = store.read(&job.tenant).await?;
        let now = work.now();
        let row = sqlx::query!(
            r#"SELECT d.message_id, d.payload, d.webhook_id, w.url_sealed, w.secret_sealed, w.former_sealed, w.former_until, w.enabled
               FROM deliveries d JOIN webhooks w ON w.tenant = d.tenant AND w.id = d.webhook_id
               WHERE d.tenant = $1 AND d.id = $2 AND d.round = $3 AND d.state = 'waiting'"#,
            job.tenant.as_str(),
            delivery,
            round,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else {
            job.finish(&mut work).await?;
            work.commit().await?;
            return Ok(None);
        };
        if !row.enabled {
            sqlx::query!(
                "UPDATE deliveries SET state = 'cancelled', next_at = NULL, ended_at = $3
                 WHERE tenant = $1 AND id = $2 AND state = 'waiting'",
                job.tenant.as_str(),
                delivery,
                now,
            )
            .execute(work.conn())
            .await?;
            job.finish(&mut work).await?;
            work.commit().await?;
            return Ok(None);
        }
        drop(work);
        let webhook = WebhookId(row.webhook_id);
        let open = |what, sealed: &str| {
            self.key.open(&webhook_purpose(&job.tenant, webhook, what), sealed).map_err(anyhow::Error::from)
        };
        let mut secrets = vec![open("secret", &row.secret_sealed)?];
        if let (Some(former), Some(until)) = (&row.former_sealed, row.former_until)
            && now < until
        {
            secrets.push(open("secret", former)?);
        }
        let keys = secrets.iter().filter_map(|secret| signature::key_of(secret)).collect();
        let url = open("url", &row.url_sealed)?;
        Ok(Some(Ready { url, keys, message_id: row.message_id, payload: row.payload }))
    }

    async fn send(&self, ready: &Ready, now: DateTime<Utc>) -> Result<Posted, FetchError> {
        let timestamp = now.timestamp();
        let signature = signature::header(&ready.keys, &ready.message_id, timestamp, &ready.payload);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            ("webhook-id", ready.message_id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ] {
            let value = HeaderValue::try_from(value).map_err(|_| FetchError::Failed("a header is odd".into()))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        self.fetcher.post(&ready.url, &headers, &Bytes::from(ready.payload.clone())).await
    }
}

fn judged(answer: Result<Posted, FetchError>, millis: u128) -> Outcome {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    match answer {
        Ok(posted) => Outcome {
            status: Some(i32::from(posted.status)),
            error: None,
            answer: Some(posted.excerpt),
            pause: posted.retry_after.and_then(|pause| TimeDelta::from_std(pause).ok()),
            millis,
        },
        Err(error) => Outcome { status: None, error: Some(error.to_string()), answer: None, pause: None, millis },
    }
}
