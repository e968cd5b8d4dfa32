//! The chapter on what is owed: what was found beside what is true, which only the stand-in knows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::output::table;

use super::books::dollars;
use super::edge::{Edge, Who};
use super::outside::Outside;
use super::report::{Chapter, say};
use super::seller::{PLACE, cents, text};

/// Detections that stand for money that can be claimed or was.
const OWED: [&str; 2] = ["claimable", "claimed"];

/// What was owed by the truth, and what of it was found, when both were compared: for the books in the end.
pub struct Compared {
    /// Truly owed, in cents.
    pub owed: i64,
    /// Found, in cents, by detection.
    pub found: BTreeMap<String, i64>,
}

/// Compares by kind of claim; every difference is explained, or the demo fails.
pub async fn compare(edge: &Edge, outside: &Outside) -> anyhow::Result<Compared> {
    let chapter = Chapter::begin(15, "What is owed")?;
    let detections = edge.list(Who::Seller, "/api/detections", "detections").await?;
    let found: Vec<&Value> =
        detections.iter().filter(|one| OWED.iter().any(|status| one["status"] == *status)).collect();
    let truth = outside.ask("truth").await?;
    let owed = truth["owed"].as_array().cloned().unwrap_or_default();
    let owed: Vec<Value> = owed.into_iter().filter(|one| one["marketplace"] == PLACE).collect();
    let mut kinds: BTreeMap<&str, [i64; 3]> = BTreeMap::new();
    for one in &found {
        let sums = kinds.entry(text(&one["claim_type"])).or_default();
        (sums[0], sums[1]) = (sums[0] + 1, sums[1] + cents(&one["expected_value"]));
    }
    for one in &owed {
        kinds.entry(text(&one["claim_type"])).or_default()[2] += one["minor"].as_i64().unwrap_or_default();
    }
    let sum = |at: usize| kinds.values().map(|sums| sums[at]).sum::<i64>();
    let mut rows: Vec<Vec<String>> = kinds.iter().map(|(kind, sums)| row(kind, *sums)).collect();
    rows.push(row("all", [sum(0), sum(1), sum(2)]));
    table(&["   what for", "#claims", "#found", "#truly owed", ""], &rows)?;
    for one in owed.iter().filter(|one| !found.iter().any(|found| is_same(found, one))) {
        explain(one)?;
    }
    let extra = found.iter().find(|found| !owed.iter().any(|one| is_same(found, one)));
    anyhow::ensure!(extra.is_none(), "something was found that is not owed: {extra:?}");
    let waiting = detections.iter().filter(|one| one["status"] == "not_yet_open").count();
    let review = detections.iter().filter(|one| one["status"] == "review").count();
    say(format!("{waiting} more are found but cannot be claimed yet, {review} are for a person to look at"))?;
    if let Some(one) = found.iter().max_by_key(|one| cents(&one["expected_value"])) {
        say(format!("Why, for the largest ({}, policy {}):", text(&one["claim_type"]), text(&one["policy_version"])))?;
        for step in one["arithmetic"].as_array().into_iter().flatten() {
            say(format!("   {}", text(step)))?;
        }
    }
    let by_id = |one: &&Value| (text(&one["detection_id"]).to_owned(), cents(&one["expected_value"]));
    let compared = Compared { owed: sum(2), found: found.iter().map(by_id).collect() };
    chapter.end()?;
    Ok(compared)
}

fn row(kind: &str, [count, found, owed]: [i64; 3]) -> Vec<String> {
    let verdict = if found == owed { "=" } else { "see below" };
    vec![format!("   {kind}"), count.to_string(), dollars(found), dollars(owed), verdict.to_owned()]
}

fn is_same(found: &Value, owed: &Value) -> bool {
    found["claim_type"] == owed["claim_type"]
        && found["subject"]["text"] == owed["subject"]
        && found["clock_start"] == owed["clock"]
        && cents(&found["expected_value"]) == owed["minor"].as_i64().unwrap_or_default()
}

/// The one kind of difference there is: that money did not come shows only once the settlement it should be in is there.
fn explain(owed: &Value) -> anyhow::Result<()> {
    anyhow::ensure!(owed["claim_type"] == "approved_not_paid", "something owed was not found: {owed}");
    say(format!(
        "   not yet found: ${} for {}: approved on {}, and the settlement that should hold it is not out yet",
        dollars(owed["minor"].as_i64().unwrap_or_default()),
        text(&owed["subject"]),
        text(&owed["clock"]),
    ))
}
