//! Rows of the parked table.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::fingerprint::fingerprint;
use super::{Place, Selection};
use crate::output::BadUsage;

/// A parked message, without its data.
#[derive(Debug, Clone, Serialize)]
pub struct Parked {
    pub service: &'static str,
    pub id: i64,
    pub message_id: Uuid,
    pub topic: String,
    pub partition: i32,
    pub key: String,
    pub tenant: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub reason: String,
    pub error: String,
    /// Its group.
    pub fingerprint: String,
    pub attempts: i32,
    pub parked_at: DateTime<Utc>,
    pub state: String,
    pub note: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
}

/// Rows shown or changed at once.
const MOST: i64 = 100_000;

/// The rows of a service that are meant, oldest first.
pub async fn select(place: &Place, selection: &Selection, resolved: bool) -> anyhow::Result<Vec<Parked>> {
    let (numbers, messages) = split(&selection.ids)?;
    let rows = sqlx::query(
        "SELECT id, message_id, topic, partition, key, tenant, type, reason, error, attempts, parked_at, state, note, resolved_at
         FROM parked
         WHERE ($1 OR state IN ('parked', 'redrive')) AND ($2 OR id = ANY($3) OR message_id = ANY($4))
           AND ($5::text IS NULL OR type = $5) AND ($6::text IS NULL OR key = $6)
         ORDER BY id LIMIT $7",
    )
    .bind(resolved)
    .bind(selection.ids.is_empty())
    .bind(&numbers)
    .bind(&messages)
    .bind(&selection.kind)
    .bind(&selection.key)
    .bind(MOST)
    .fetch_all(&place.pool)
    .await?;
    let parked: Vec<Parked> = rows.iter().map(|row| read(place, row)).collect::<Result<_, _>>()?;
    Ok(parked
        .into_iter()
        .filter(|row| selection.error.as_ref().is_none_or(|group| *group == row.fingerprint))
        .collect())
}

/// Numbers and message ids. A number alone names a row in every service's table, which is fine for looking and refused where it could be meant for one.
fn split(ids: &[String]) -> Result<(Vec<i64>, Vec<Uuid>), BadUsage> {
    let (mut numbers, mut messages) = (Vec::new(), Vec::new());
    for id in ids {
        match (id.parse(), Uuid::try_parse(id)) {
            (Ok(number), _) => numbers.push(number),
            (_, Ok(message)) => messages.push(message),
            _ => return Err(BadUsage(format!("{id} is neither a number nor a message id"))),
        }
    }
    Ok((numbers, messages))
}

/// Whether a row is named by its number, which is unique in one service only.
pub fn names_numbers(ids: &[String]) -> bool {
    ids.iter().any(|id| id.parse::<i64>().is_ok())
}

fn read(place: &Place, row: &PgRow) -> Result<Parked, sqlx::Error> {
    let (kind, reason, error): (String, String, String) =
        (row.try_get("type")?, row.try_get("reason")?, row.try_get("error")?);
    Ok(Parked {
        service: place.service.name(),
        id: row.try_get("id")?,
        message_id: row.try_get("message_id")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        key: row.try_get("key")?,
        tenant: row.try_get("tenant")?,
        fingerprint: fingerprint(&kind, &reason, &error),
        kind,
        reason,
        error,
        attempts: row.try_get("attempts")?,
        parked_at: row.try_get("parked_at")?,
        state: row.try_get("state")?,
        note: row.try_get("note")?,
        resolved_at: row.try_get("resolved_at")?,
    })
}
