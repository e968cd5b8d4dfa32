//! Parked messages: what could not be handled waits here, and later messages of the same key wait behind it, in order.
//!
//! Redriving happens in the service itself: its [`Redriver`] takes marked rows in order and runs the ordinary handlers, so nothing is published
//! a second time and nothing overtakes.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use shared_events::{Envelope, Topic};
use tokio_util::sync::CancellationToken;

use crate::handler::{Failure, Raw, Routes};
use crate::inbox::{Incoming, dispatch};
use crate::outbox::Outgoing;
use crate::store::{Store, Work};

/// Above so many open keys, only the keys of the run are asked for.
const KEYS_AT_ONCE: i64 = 1_000;

/// Why and how a message is parked.
pub(crate) struct Parking<'a> {
    pub(crate) reason: &'a str,
    pub(crate) error: &'a str,
    pub(crate) attempts: i32,
    pub(crate) state: &'a str,
}

/// The keys of this topic that have open parked messages, with the state in which a follower joins them.
pub(crate) async fn open_keys<'a>(
    work: &mut Work,
    topic: Topic,
    keys: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, String>, sqlx::Error> {
    let few = sqlx::query!(
        r#"SELECT key, CASE WHEN bool_and(state = 'redrive') THEN 'redrive' ELSE 'parked' END AS "state!"
           FROM (SELECT key, state FROM parked WHERE state IN ('parked', 'redrive') AND topic = $1 LIMIT $2) AS open GROUP BY key"#,
        topic.name(),
        KEYS_AT_ONCE,
    )
    .fetch_all(work.conn())
    .await?;
    if (few.len() as i64) < KEYS_AT_ONCE / 10 {
        return Ok(few.into_iter().map(|row| (row.key, row.state)).collect());
    }
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let ours = sqlx::query!(
        r#"SELECT key, CASE WHEN bool_and(state = 'redrive') THEN 'redrive' ELSE 'parked' END AS "state!"
           FROM parked WHERE state IN ('parked', 'redrive') AND topic = $1 AND key = ANY($2) GROUP BY key"#,
        topic.name(),
        &keys,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(ours.into_iter().map(|row| (row.key, row.state)).collect())
}

/// What the parked topic shows of a message: where it is and why, not its data, which stays in the database.
#[derive(Serialize)]
struct ParkedNotice<'a> {
    message_id: String,
    message_type: &'a str,
    topic: &'a str,
    key: &'a str,
    reason: &'a str,
    error: &'a str,
}

/// Parks a message, and says so on the parked topic when the transaction commits.
pub(crate) async fn park(
    work: &mut Work,
    topic: Topic,
    message: &Incoming,
    parking: &Parking<'_>,
) -> Result<(), sqlx::Error> {
    let (properties, now) = (message.properties_json(), work.now());
    sqlx::query!(
        "INSERT INTO parked (message_id, topic, partition, key, tenant, type, properties, payload, reason, error, attempts, parked_at, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (message_id) DO NOTHING",
        message.id,
        topic.name(),
        message.partition as i32,
        message.key,
        message.tenant,
        message.kind,
        properties,
        message.payload,
        parking.reason,
        parking.error,
        parking.attempts,
        now,
        parking.state,
    )
    .execute(work.conn())
    .await?;
    metrics::counter!("recoup_parked_total", "topic" => topic.name(), "reason" => parking.reason.to_owned())
        .increment(1);
    tracing::error!(message.id = %message.id, message.kind = message.kind, message.key = message.key, reason = parking.reason, error = parking.error, "message parked");
    if let Ok(envelope) = &message.envelope {
        let notice = ParkedNotice {
            message_id: message.id.to_string(),
            message_type: &message.kind,
            topic: topic.name(),
            key: &message.key,
            reason: parking.reason,
            error: parking.error,
        };
        let envelope = Envelope {
            kind: "message.parked.v1".into(),
            id: shared_events::MessageId(crate::store::new_id(now)),
            causation: Some(envelope.id),
            ..envelope.clone()
        };
        let row = Outgoing::new(Topic::parked(work.service()), &envelope, &notice);
        crate::outbox::insert(work.conn(), &[row]).await?;
    }
    Ok(())
}

/// Handles parked messages that were marked for redrive, oldest first.
pub struct Redriver {
    store: Store,
    routes: Routes,
}

impl Redriver {
    /// A redriver with the service's own handlers.
    pub fn new(store: Store, routes: Routes) -> Self {
        Self { store, routes }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            match self.turn().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(failure) => tracing::warn!(?failure, "redriving failed"),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes the oldest marked message. True when there was one.
    async fn turn(&self) -> Result<bool, Failure> {
        let mut work = self.store.begin().await?;
        let types: Vec<String> = self.routes.types().map(str::to_owned).collect();
        // A marked message goes only when nothing of its key stands before it.
        let row = sqlx::query!(
            "SELECT id, properties, payload FROM parked AS candidate WHERE state = 'redrive' AND type = ANY($1) AND NOT EXISTS
                (SELECT 1 FROM parked AS earlier WHERE earlier.topic = candidate.topic AND earlier.key = candidate.key
                 AND earlier.id < candidate.id AND earlier.state IN ('parked', 'redrive'))
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
            &types
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(false) };
        let properties: HashMap<String, String> = serde_json::from_str(&row.properties).map_err(anyhow::Error::from)?;
        let read = Envelope::from_properties(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let result = match read {
            Ok(envelope) => {
                let raw = Raw { envelope: &envelope, payload: &row.payload };
                dispatch(&self.routes, &mut work, std::iter::once(raw)).await
            }
            Err(error) => Err(Failure::Retry(error.into())),
        };
        match result {
            Ok(()) => {
                let now = work.now();
                sqlx::query!("UPDATE parked SET state = 'redriven', resolved_at = $2 WHERE id = $1", row.id, now)
                    .execute(work.conn())
                    .await?;
                work.commit().await?;
                self.store.signals().commands.notify_waiters();
            }
            Err(failure) if failure.is_infrastructure() => return Err(failure),
            Err(failure) => {
                drop(work);
                let error = format!("{failure:?}");
                tracing::warn!(parked.id = row.id, error, "a redriven message failed again");
                sqlx::query!(
                    "UPDATE parked SET state = 'parked', error = $2, attempts = attempts + 1 WHERE id = $1",
                    row.id,
                    error
                )
                .execute(self.store.pool())
                .await?;
            }
        }
        Ok(true)
    }
}
