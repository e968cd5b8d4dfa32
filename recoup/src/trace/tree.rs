//! Messages as a tree of causes.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use service_kit::reader::Record;
use shared_events::Kind;
use shared_events::money::Money;
use uuid::Uuid;

use crate::cli::show_time;
use crate::output;

/// A message and what it caused.
#[derive(Serialize)]
pub struct Node {
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    is: &'static str,
    source: String,
    topic: &'static str,
    partition: u32,
    key: String,
    tenant: String,
    actor: Option<String>,
    correlation: Option<Uuid>,
    /// The message that caused it, also where that one is no longer kept.
    causation: Option<Uuid>,
    /// Whether a timer said it, after what stands above it.
    by_timer: bool,
    recorded: String,
    /// From the writing of its cause to its own, or, at a root, nothing.
    hop_ms: Option<f64>,
    /// From its writing until the broker had it.
    publish_ms: f64,
    data: Value,
    caused: Vec<Node>,
}

/// The trees of these messages; roots first whose cause is not among them.
pub fn grow(messages: Vec<Record>) -> Vec<Node> {
    let known: HashMap<Uuid, usize> = messages.iter().enumerate().map(|(index, record)| (record.id, index)).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    let mut latest: HashMap<&str, usize> = HashMap::new();
    for (index, record) in messages.iter().enumerate() {
        let cause = cause_of(record).map(|cause| known.get(&cause).copied());
        // What nothing caused, a timer did: it goes below what was said of the same thing before.
        match cause.unwrap_or_else(|| latest.get(record.key.as_str()).copied()).filter(|parent| *parent < index) {
            Some(parent) => children.entry(parent).or_default().push(index),
            None => roots.push(index),
        }
        latest.insert(&record.key, index);
    }
    roots.into_iter().map(|root| node(root, None, &messages, &children)).collect()
}

/// The message that directly caused this one.
pub fn cause_of(record: &Record) -> Option<Uuid> {
    record.envelope.as_ref().ok()?.causation.map(|id| id.0)
}

fn node(index: usize, parent: Option<&Record>, messages: &[Record], children: &HashMap<usize, Vec<usize>>) -> Node {
    let record = &messages[index];
    // Children come after their parents, so this ends.
    let caused = children
        .get(&index)
        .into_iter()
        .flatten()
        .map(|child| node(*child, Some(record), messages, children))
        .collect();
    let envelope = record.envelope.as_ref().ok();
    Node {
        id: record.id,
        kind: record.kind().to_owned(),
        is: if record.topic.kind == Kind::Command { "command" } else { "event" },
        source: envelope
            .map(|envelope| envelope.source.trim_start_matches("/services/").to_owned())
            .unwrap_or_default(),
        topic: record.topic.name(),
        partition: record.partition,
        key: record.key.clone(),
        tenant: envelope.map(|envelope| envelope.tenant.to_string()).unwrap_or_default(),
        actor: envelope.and_then(|envelope| envelope.actor.clone()),
        correlation: envelope.map(|envelope| envelope.correlation),
        causation: cause_of(record),
        by_timer: parent.is_some() && cause_of(record).is_none(),
        recorded: show_time(record.recorded()),
        hop_ms: parent.map(|parent| millis(record.recorded() - parent.recorded())),
        publish_ms: millis(record.published - record.recorded()),
        data: serde_json::from_slice(&record.payload).unwrap_or_default(),
        caused,
    }
}

#[expect(clippy::float_arithmetic, reason = "a duration for people, not money")]
fn millis(duration: chrono::TimeDelta) -> f64 {
    duration.num_microseconds().unwrap_or_default() as f64 / 1_000.0
}

impl Node {
    fn count(&self) -> usize {
        1 + self.caused.iter().map(Self::count).sum::<usize>()
    }
}

/// Prints a tree, for people.
pub fn print(root: &Node) -> anyhow::Result<()> {
    let correlation = root.correlation.map(|id| id.to_string()).unwrap_or_default();
    let messages = match root.count() {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    output::line(format_args!("correlation {correlation}  tenant {}  {messages}", root.tenant))?;
    if let Some(cause) = root.causation {
        output::line(format_args!("  (caused by {cause}, which is not kept any more or was left out)"))?;
    }
    branch(root, "", "")?;
    output::line("")
}

/// What of a claim's message says what became of its money, in this order.
const TOLD: [&str; 13] = [
    "claim_type",
    "units",
    "amount",
    "expected",
    "channel",
    "outcome",
    "case_id",
    "kind",
    "category",
    "reference",
    "basis",
    "rate_bps",
    "reason",
];
/// Rows of reports that are shown of one message.
const ROWS: usize = 3;

/// What people want to see of a claim's message: its amounts, and the rows that it rests on. Nothing of others.
fn gist(kind: &str, data: &Value) -> Vec<String> {
    if !kind.starts_with("claims.") {
        return Vec::new();
    }
    let text = |value: &Value| match (value, serde_json::from_value::<Money>(value.clone())) {
        (_, Ok(money)) => Some(money.to_string()),
        (Value::String(text), _) => Some(text.clone()),
        (Value::Number(number), _) => Some(number.to_string()),
        _ => None,
    };
    let told: Vec<String> = TOLD.iter().filter_map(|name| Some(format!("{name} {}", text(data.get(name)?)?))).collect();
    let rows = data["source_rows"].as_array().into_iter().flatten().take(ROWS);
    let rows = rows.map(|row| format!("row {} of {}: {}", row["key"], row["report"], row["raw"]));
    let told = Some(told.join(", ")).filter(|told| !told.is_empty());
    told.into_iter().chain(rows).collect()
}

fn branch(node: &Node, lead: &str, follow: &str) -> anyhow::Result<()> {
    let when = match node.hop_ms {
        None => node.recorded.clone(),
        Some(_) if node.by_timer => format!("{} by a timer", node.recorded),
        Some(hop) => format!("+{hop:.1} ms"),
    };
    let actor = node.actor.as_ref().map(|actor| format!("  by {actor}")).unwrap_or_default();
    output::line(format_args!(
        "{lead}{} {}  {} -> {}[{}]  {when}{actor}\n{follow}{}key {}  id {}",
        node.is,
        node.kind,
        node.source,
        node.topic,
        node.partition,
        if node.caused.is_empty() { "   " } else { "│  " },
        node.key,
        node.id
    ))?;
    for line in gist(&node.kind, &node.data) {
        let lead = if node.caused.is_empty() { "   " } else { "│  " };
        output::line(format_args!("{follow}{lead}{line}"))?;
    }
    for (index, child) in node.caused.iter().enumerate() {
        let last = index + 1 == node.caused.len();
        let (lead, rest) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        branch(child, &format!("{follow}{lead}"), &format!("{follow}{rest}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_claim_amounts_and_rows_are_shown_and_of_others_nothing() {
        let wanted =
            json!({"claim_type": "fc_lost", "source_rows": [{"key": "ab.1", "report": "ledger", "raw": "X001\t-16"}]});
        let lines = gist("claims.proof_wanted.v1", &wanted);
        assert_eq!(lines, ["claim_type fc_lost", r#"row "ab.1" of "ledger": "X001\t-16""#]);
        let fee = json!({"amount": {"minor": 1_188, "currency": "USD"}, "rate_bps": 2_000, "claim_id": "x"});
        assert_eq!(gist("claims.fee_accrued.v1", &fee).len(), 1);
        assert!(gist("claims.fee_accrued.v1", &fee)[0].contains("11.88"));
        assert!(gist("orders.order_placed.v1", &fee).is_empty());
    }
}
