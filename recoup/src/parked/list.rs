//! `recoup parked list`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::rows::{Parked, select};
use super::{Place, Selection};
use crate::cli::show_time;
use crate::output::{self, Exit};

/// Messages that failed in the same way.
#[derive(Serialize)]
struct Group {
    fingerprint: String,
    service: &'static str,
    #[serde(rename = "type")]
    kind: String,
    reason: String,
    /// The newest error of the group.
    error: String,
    count: usize,
    keys: usize,
    redriving: usize,
    oldest: DateTime<Utc>,
    newest: DateTime<Utc>,
}

pub async fn run(
    places: &[Place],
    selection: &Selection,
    each: bool,
    resolved: bool,
    json: bool,
) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    for place in places {
        rows.extend(select(place, selection, resolved).await?);
    }
    match (each, json) {
        (true, true) => output::json(&rows)?,
        (true, false) => print_rows(&rows)?,
        (false, true) => output::json(&groups(rows))?,
        (false, false) => print_groups(&groups(rows))?,
    }
    Ok(Exit::Done)
}

fn groups(rows: Vec<Parked>) -> Vec<Group> {
    let mut groups: BTreeMap<(&'static str, String), Vec<Parked>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.service, row.fingerprint.clone())).or_default().push(row);
    }
    let group = |((service, fingerprint), rows): (_, Vec<Parked>)| {
        let (first, last) = (rows.first()?, rows.last()?);
        Some(Group {
            fingerprint,
            service,
            kind: last.kind.clone(),
            reason: last.reason.clone(),
            error: last.error.clone(),
            count: rows.len(),
            keys: rows.iter().map(|row| (&row.topic, &row.key)).collect::<BTreeSet<_>>().len(),
            redriving: rows.iter().filter(|row| row.state == "redrive").count(),
            oldest: first.parked_at,
            newest: last.parked_at,
        })
    };
    let mut groups: Vec<Group> = groups.into_iter().filter_map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

fn print_groups(groups: &[Group]) -> anyhow::Result<()> {
    if groups.is_empty() {
        return output::line("nothing is parked");
    }
    let row = |group: &Group| {
        vec![
            group.fingerprint.clone(),
            group.count.to_string(),
            group.keys.to_string(),
            group.service.to_owned(),
            group.kind.clone(),
            group.reason.clone(),
            show_time(group.newest),
            shorten(&group.error),
        ]
    };
    output::table(
        &["group", "#messages", "#keys", "service", "type", "reason", "newest", "error"],
        &groups.iter().map(row).collect::<Vec<_>>(),
    )
}

fn print_rows(rows: &[Parked]) -> anyhow::Result<()> {
    if rows.is_empty() {
        return output::line("nothing is parked");
    }
    let row = |row: &Parked| {
        vec![
            row.service.to_owned(),
            row.id.to_string(),
            row.fingerprint.clone(),
            row.state.clone(),
            row.message_id.to_string(),
            row.kind.clone(),
            row.key.clone(),
            row.reason.clone(),
            show_time(row.parked_at),
            shorten(&row.error),
        ]
    };
    let head = ["service", "#id", "group", "state", "message", "type", "key", "reason", "parked", "error"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

fn shorten(error: &str) -> String {
    let line: String = error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= 100 { line } else { format!("{}…", line.chars().take(99).collect::<String>()) }
}
