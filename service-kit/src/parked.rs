//! Parked messages: what could not be handled waits here, and later messages of the same key wait behind it, in order.
//!
//! Redriving happens in the service itself: its [`Redriver`] takes marked rows in order and runs the ordinary handlers, so nothing is published
//! a second time and nothing overtakes.

mod redrive;

use std::collections::HashMap;

use serde::Serialize;
use shared_events::{Envelope, Topic};

use crate::incoming::Incoming;
use crate::outbox::Outgoing;
use crate::store::Work;

pub use redrive::Redriver;

/// With so many open messages, only the keys of the run are asked for.
const ROWS_AT_ONCE: i64 = 1_000;

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
        r#"SELECT key, CASE WHEN bool_and(state = 'redrive') THEN 'redrive' ELSE 'parked' END AS "state!", count(*) AS "rows!"
           FROM (SELECT key, state FROM parked WHERE state IN ('parked', 'redrive') AND topic = $1 LIMIT $2) AS open GROUP BY key"#,
        topic.name(),
        ROWS_AT_ONCE,
    )
    .fetch_all(work.conn())
    .await?;
    // Fewer than asked for: these are all. One key alone may have more, and hide the others.
    if few.iter().map(|row| row.rows).sum::<i64>() < ROWS_AT_ONCE {
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
