//! What a replay found, for programs and for people.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::compare::{RowDifference, Sides};
use super::timeline::LeftOut;
use crate::output;

/// What a replay found.
#[derive(Serialize)]
pub struct Report {
    pub equal: bool,
    pub service: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
    pub key: Option<String>,
    /// Messages applied, by topic.
    pub applied: BTreeMap<&'static str, u64>,
    pub left_out: LeftOut,
    /// Ended holds and written payout files that were reproduced at their times.
    pub sweeps: usize,
    pub payout_files: usize,
    /// Commissions of the live tables whose messages are no longer kept.
    pub older_than_kept: u64,
    /// Messages that the replay could not handle.
    pub parked_in_replay: i64,
    /// Rows compared, by table.
    pub compared: BTreeMap<&'static str, u64>,
    pub differing_rows: u64,
    pub rows: Vec<RowDifference>,
    /// Messages because of which the replay says something else than the service said.
    pub differing_messages: usize,
    /// The first of those.
    pub first_event: Option<Value>,
    /// The database that was kept.
    pub scratch: Option<String>,
    pub seconds: u64,
}

impl Report {
    /// Prints it for people.
    pub fn print(&self) -> anyhow::Result<()> {
        let list = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
        };
        output::line(format_args!(
            "applied   {} ({} sweeps of ended holds, {} payout files) in {} s",
            list(&self.applied),
            self.sweeps,
            self.payout_files,
            self.seconds
        ))?;
        let LeftOut { not_handled_yet, parked, .. } = self.left_out;
        if not_handled_yet + parked > 0 {
            output::line(format_args!(
                "left out  {not_handled_yet} not handled by the service yet, {parked} parked or dropped"
            ))?;
        }
        if self.older_than_kept > 0 {
            output::line(format_args!(
                "note      {} commissions are older than the messages that are kept; of their partners only calculations are compared, and not in the months with them",
                self.older_than_kept
            ))?;
        }
        if self.parked_in_replay > 0 {
            output::line(format_args!(
                "note      {} messages could not be handled in the replay",
                self.parked_in_replay
            ))?;
        }
        output::line(format_args!("compared  {}", list(&self.compared)))?;
        if self.equal {
            output::line("equal     the live tables hold what the messages say")?;
        } else {
            output::line(format_args!("different {} rows, {} messages", self.differing_rows, self.differing_messages))?;
        }
        self.rows.iter().try_for_each(print_row)?;
        let more = self.differing_rows.saturating_sub(self.rows.len() as u64);
        if more > 0 {
            output::line(format_args!("\n... and {more} rows more (--limit)"))?;
        }
        if let Some(event) = &self.first_event {
            output::line("\nthe first event where they part:")?;
            print_event(event, "  ")?;
            for (side, said) in [("the service said", &event["live_said"]), ("the replay says", &event["replay_says"])]
            {
                let said = said.as_array().map(Vec::as_slice).unwrap_or_default();
                output::line(format_args!("  {side}{}", if said.is_empty() { " nothing" } else { ":" }))?;
                said.iter().try_for_each(|one| output::line(format_args!("    {one}")))?;
            }
        }
        if let Some(scratch) = &self.scratch {
            output::line(format_args!("\nthe scratch database {scratch} is kept"))?;
        }
        Ok(())
    }
}

fn print_row(row: &RowDifference) -> anyhow::Result<()> {
    let side = row.only_in.map(|side| format!("  only in {side}")).unwrap_or_default();
    output::line(format_args!("\n{} {}{side}", row.table, row.row))?;
    for (column, Sides { live, replay }) in &row.columns {
        match row.only_in {
            Some("live") => output::line(format_args!("    {column}: {live}"))?,
            Some(_) => output::line(format_args!("    {column}: {replay}"))?,
            None => output::line(format_args!("    {column}: live {live}, replay {replay}"))?,
        }
    }
    match &row.first_event {
        Some(event) => print_event(event, "    first event: "),
        None => output::line("    no event parts them: the row was changed by something else than a message"),
    }
}

fn print_event(event: &Value, lead: &str) -> anyhow::Result<()> {
    let text = |name: &str| event[name].as_str().unwrap_or("-");
    output::line(format_args!(
        "{lead}{} {} id {} key {} recorded {}",
        text("topic"),
        text("type"),
        text("id"),
        text("key"),
        text("recorded")
    ))
}
