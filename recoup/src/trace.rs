//! `recoup trace`: everything that follows from one request, over all services.

mod tree;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use service_kit::reader::{End, Merged, Record, Span};
use shared_events::{Kind, Topic};
use uuid::Uuid;

use crate::cli;
use crate::looking::Broker;
use crate::output::{self, Exit};

/// Shows the causal tree around an id: what was asked, what followed from it, in which service, and how long each hop took.
///
/// Messages of one request share a correlation id. The id given may be that, or the id of a command, an event, a conversion, a commission, a payout, or of
/// anything else that a message is about or mentions.
#[derive(clap::Args)]
pub struct Args {
    /// The id
    id: String,
    /// Leave out what was written down before: 2026-01-31T12:00:00Z, 2026-01-31, or how long ago (90m, 24h, 7d)
    #[arg(long, value_parser = cli::time)]
    from: Option<DateTime<Utc>>,
    /// End after so many messages around the id
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let broker = Broker::from_env()?;
    let id = args.id.trim().to_lowercase();
    let mut chains: HashSet<Uuid> = Uuid::try_parse(&id).into_iter().collect();
    let given = chains.clone();
    let (mut messages, mentions) = gather(&broker, &args, |record, chain| {
        let about = given.contains(&record.id) || given.contains(&chain) || mentioned(record, &id);
        if about {
            chains.insert(chain);
        }
        about
    })
    .await?;
    anyhow::ensure!(mentions > 0, "no message that is kept is about {id}");
    // Some of a chain may come before what mentions the id, so chains that were found on the way are read again, whole.
    if messages.iter().any(|record| !given.contains(&chain_of(record))) {
        messages = gather(&broker, &args, |_, chain| chains.contains(&chain)).await?.0;
    }
    let truncated = messages.len() >= args.limit;
    let trees = tree::grow(messages);
    if args.json {
        output::json(&serde_json::json!({ "id": id, "truncated": truncated, "trees": trees }))?;
    } else {
        trees.iter().try_for_each(tree::print)?;
        if truncated {
            output::line(format_args!("ended after {} messages; --limit shows more", args.limit))?;
        }
    }
    Ok(Exit::Done)
}

/// Reads commands and events of every service, and keeps what `wanted` says. Also how many there were.
async fn gather(broker: &Broker, args: &Args, mut wanted: impl FnMut(&Record, Uuid) -> bool) -> anyhow::Result<(Vec<Record>, usize)> {
    let topics: Vec<Topic> = Topic::all().filter(|topic| topic.kind != Kind::Parked).collect();
    let span = Span { start: broker.start_for(args.from), end: End::Now, from: args.from, to: None };
    let mut merged = Merged::open(&broker.bus, &broker.admin, &topics, span).await?;
    let mut found = Vec::new();
    let mut ids = HashSet::new();
    while let Some(record) = merged.next().await? {
        // The same message may stand in its topic twice, after a producer had to send it again.
        if wanted(&record, chain_of(&record)) && ids.insert(record.id) {
            found.push(record);
            if found.len() >= args.limit {
                break;
            }
        }
    }
    let count = found.len();
    Ok((found, count))
}

fn chain_of(record: &Record) -> Uuid {
    record.envelope.as_ref().map_or(record.id, |envelope| envelope.correlation)
}

fn mentioned(record: &Record, id: &str) -> bool {
    record.key == id || (!id.is_empty() && record.payload.windows(id.len()).any(|part| part == id.as_bytes()))
}
