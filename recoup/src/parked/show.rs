//! `recoup parked show`.

use serde_json::{Value, json};
use sqlx::Row;

use super::rows::select;
use super::{Place, Selection};
use crate::cli::show_time;
use crate::output::{self, Exit};

pub async fn run(places: &[Place], id: &str, as_json: bool) -> anyhow::Result<Exit> {
    let selection = Selection { ids: vec![id.to_owned()], ..Selection::default() };
    let mut found = 0;
    for place in places {
        for row in select(place, &selection, true).await? {
            found += 1;
            let stored = sqlx::query("SELECT properties, payload FROM parked WHERE id = $1")
                .bind(row.id)
                .fetch_one(&place.pool)
                .await?;
            let (properties, payload): (String, Vec<u8>) = (stored.try_get("properties")?, stored.try_get("payload")?);
            let envelope: Value = serde_json::from_str(&properties).unwrap_or(Value::String(properties));
            let data: Value =
                serde_json::from_slice(&payload).unwrap_or_else(|_| String::from_utf8_lossy(&payload).into());
            if as_json {
                let mut object = serde_json::to_value(&row)?;
                object["envelope"] = envelope;
                object["data"] = data;
                output::json(&object)?;
                continue;
            }
            output::line(format_args!("{} number {}: {} is {}", row.service, row.id, row.kind, row.state))?;
            output::line(format_args!("  {}[{}] key {} tenant {}", row.topic, row.partition, row.key, row.tenant))?;
            output::line(format_args!(
                "  parked {} after {} attempts ({}, group {})",
                show_time(row.parked_at),
                row.attempts,
                row.reason,
                row.fingerprint
            ))?;
            output::line(format_args!("  error: {}", row.error))?;
            if let (Some(note), Some(when)) = (&row.note, row.resolved_at) {
                output::line(format_args!("  {} {}: {note}", row.state, show_time(when)))?;
            }
            output::line(serde_json::to_string_pretty(&json!({ "envelope": envelope, "data": data }))?)?;
        }
    }
    anyhow::ensure!(found > 0, "no message {id} was ever parked");
    Ok(Exit::Done)
}
