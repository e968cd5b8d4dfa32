//! `recoup parked redrive` and `drop`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::rows::{Parked, names_numbers, select};
use super::{Place, Selection};
use crate::output::{self, BadUsage, Exit};

/// What became of the messages of one service.
#[derive(Debug, Serialize)]
struct Redriven {
    service: &'static str,
    marked: usize,
    handled: Option<usize>,
    parked_again: Option<Vec<Parked>>,
    still_waiting: Option<usize>,
}

fn one_place(places: &[Place], selection: &Selection) -> Result<(), BadUsage> {
    if places.len() > 1 && names_numbers(&selection.ids) {
        return Err(BadUsage("numbers are unique in one service only: add --service".into()));
    }
    Ok(())
}

/// Marks messages, and everything else that is parked of their keys, for the service to handle again in order.
pub async fn redrive(
    places: &[Place],
    selection: &Selection,
    wait: Option<Duration>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    one_place(places, selection)?;
    let (mut marked, mut reports) = (0, Vec::new());
    for place in places {
        let meant: Vec<i64> = select(place, selection, false).await?.iter().map(|row| row.id).collect();
        let ids: Vec<i64> = sqlx::query_scalar(
            "UPDATE parked SET state = 'redrive', note = 'redriven by recoup parked'
             WHERE state IN ('parked', 'redrive') AND (topic, key) IN (SELECT topic, key FROM parked WHERE id = ANY($1)) RETURNING id",
        )
        .bind(&meant)
        .fetch_all(&place.pool)
        .await?;
        marked += ids.len();
        let mut report = Redriven {
            service: place.service.name(),
            marked: ids.len(),
            handled: None,
            parked_again: None,
            still_waiting: None,
        };
        if let Some(longest) = wait {
            settle(place, &ids, longest, &mut report).await?;
        }
        reports.push(report);
    }
    anyhow::ensure!(marked > 0, "nothing that is parked is meant");
    if as_json {
        output::json(&reports)?;
    } else {
        reports.iter().filter(|report| report.marked > 0).try_for_each(print)?;
    }
    let unfinished = |report: &Redriven| {
        report.parked_again.as_ref().is_some_and(|rows| !rows.is_empty())
            || report.still_waiting.is_some_and(|rows| rows > 0)
    };
    Ok(if reports.iter().any(unfinished) { Exit::Failed } else { Exit::Done })
}

async fn settle(place: &Place, ids: &[i64], longest: Duration, report: &mut Redriven) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let states: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, count(*) FROM parked WHERE id = ANY($1) GROUP BY state")
                .bind(ids)
                .fetch_all(&place.pool)
                .await?;
        let states: BTreeMap<String, i64> = states.into_iter().collect();
        let count = |state: &str| states.get(state).map_or(0, |count| usize::try_from(*count).unwrap_or_default());
        // What stands behind a message that was parked again waits for a person.
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM parked AS waiting WHERE id = ANY($1) AND state = 'redrive' AND EXISTS
                (SELECT 1 FROM parked AS earlier WHERE earlier.topic = waiting.topic AND earlier.key = waiting.key
                 AND earlier.id < waiting.id AND earlier.state = 'parked')",
        )
        .bind(ids)
        .fetch_one(&place.pool)
        .await?;
        let waiting = count("redrive");
        if usize::try_from(held) == Ok(waiting) || began.elapsed() >= longest {
            let selection = Selection { ids: ids.iter().map(i64::to_string).collect(), ..Selection::default() };
            let again =
                select(place, &selection, false).await?.into_iter().filter(|row| row.state == "parked").collect();
            (report.handled, report.parked_again, report.still_waiting) =
                (Some(count("redriven")), Some(again), Some(waiting));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn print(report: &Redriven) -> anyhow::Result<()> {
    output::line(format_args!("{}: {} marked for redrive", report.service, report.marked))?;
    if let Some(handled) = report.handled {
        output::line(format_args!("  {handled} handled, {} still wait", report.still_waiting.unwrap_or_default()))?;
    }
    for row in report.parked_again.iter().flatten() {
        output::line(format_args!("  parked again: {} {} key {}: {}", row.id, row.kind, row.key, row.error))?;
    }
    Ok(())
}

/// Gives messages up.
pub async fn drop(places: &[Place], selection: &Selection, reason: &str, as_json: bool) -> anyhow::Result<Exit> {
    one_place(places, selection)?;
    let mut dropped = Vec::new();
    let mut followers = 0;
    for place in places {
        let meant: Vec<i64> = select(place, selection, false).await?.iter().map(|row| row.id).collect();
        let ids: Vec<i64> = sqlx::query_scalar(
            "UPDATE parked SET state = 'dropped', note = $2, resolved_at = now() WHERE id = ANY($1) AND state IN ('parked', 'redrive') RETURNING id",
        )
        .bind(&meant)
        .bind(reason)
        .fetch_all(&place.pool)
        .await?;
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM parked WHERE state = 'parked' AND (topic, key) IN (SELECT topic, key FROM parked WHERE id = ANY($1))",
        )
        .bind(&ids)
        .fetch_one(&place.pool)
        .await?;
        followers += left;
        dropped.extend(ids.into_iter().map(|id| json!({ "service": place.service.name(), "id": id })));
    }
    anyhow::ensure!(!dropped.is_empty(), "nothing that is parked is meant");
    if as_json {
        output::json(&json!({ "dropped": dropped, "followers_left": followers, "reason": reason }))?;
    } else {
        output::line(format_args!("{} dropped", dropped.len()))?;
        if followers > 0 {
            output::line(format_args!("{followers} later messages of the same keys still wait: redrive or drop them"))?;
        }
    }
    Ok(Exit::Done)
}
