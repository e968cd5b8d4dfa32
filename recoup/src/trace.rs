//! `recoup trace`: everything that follows from one request, over all services.

mod tree;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use service_kit::reader::{End, Merged, Record, Span};
use shared_events::{Kind, Topic};
use uuid::Uuid;

use crate::cli;
use crate::looking::Broker;
use crate::output::{self, BadUsage, Exit};

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
    /// Show so many messages at most
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// JSON
    #[arg(long)]
    json: bool,
}

/// Messages of one chain that are kept in memory at most.
const CHAIN: usize = 200_000;

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let broker = Broker::from_env()?;
    let id = args.id.trim().to_lowercase();
    anyhow::ensure!(!id.is_empty(), BadUsage("which id?".into()));
    let meant = find(&broker, &args, &id).await?;
    anyhow::ensure!(!meant.chains.is_empty(), "no message that is kept is about {id}");
    let chain = gather(&broker, &args, &meant.chains).await?;
    let mut messages = if meant.whole { chain } else { related(chain, meant.messages) };
    let truncated = messages.len() > args.limit;
    messages.truncate(args.limit);
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

/// What an id means: the requests that it belongs to, and the messages that are about it.
#[derive(Default)]
struct Meant {
    chains: HashSet<Uuid>,
    messages: HashSet<Uuid>,
    /// The id is that of a whole request.
    whole: bool,
}

impl Meant {
    fn add(&mut self, record: &Record) {
        self.chains.insert(chain_of(record));
        self.messages.insert(record.id);
    }
}

/// Looks for messages with this id or key. Only when there are none do those count that mention it.
async fn find(broker: &Broker, args: &Args, id: &str) -> anyhow::Result<Meant> {
    let given = Uuid::try_parse(id).ok();
    let (mut named, mut mentioned) = (Meant::default(), Meant::default());
    let mut merged = open(broker, args).await?;
    while let Some(record) = merged.next().await? {
        if Some(chain_of(&record)) == given {
            named.whole = true;
            named.add(&record);
        } else if Some(record.id) == given || record.key.to_lowercase() == id {
            named.add(&record);
        } else if mentioned.messages.len() < args.limit
            && record.payload.windows(id.len()).any(|part| part == id.as_bytes())
        {
            mentioned.add(&record);
        }
    }
    Ok(if named.chains.is_empty() { mentioned } else { named })
}

/// Reads everything of these requests, each message once: it may stand in its topic twice, after its producer had to send it again.
async fn gather(broker: &Broker, args: &Args, chains: &HashSet<Uuid>) -> anyhow::Result<Vec<Record>> {
    let mut merged = open(broker, args).await?;
    let mut ids = HashSet::new();
    let mut found = Vec::new();
    while let Some(record) = merged.next().await? {
        if chains.contains(&chain_of(&record)) && found.len() < CHAIN && ids.insert(record.id) {
            found.push(record);
        }
    }
    Ok(found)
}

/// Commands and events of every service.
async fn open(broker: &Broker, args: &Args) -> anyhow::Result<Merged> {
    let topics: Vec<Topic> = Topic::all().filter(|topic| topic.kind != Kind::Parked).collect();
    let span = Span { start: broker.start_for(args.from), end: End::Now, from: args.from, to: None };
    Merged::open(&broker.bus, &broker.admin, &topics, span).await
}

fn chain_of(record: &Record) -> Uuid {
    record.envelope.as_ref().map_or(record.id, |envelope| envelope.correlation)
}

/// Of a request's messages those that led to the ones meant and those that followed from them, also later by a timer. A request may hold thousands of
/// purchases or claims that have nothing to do with one another: what else followed from the same cause is left out.
fn related(chain: Vec<Record>, meant: HashSet<Uuid>) -> Vec<Record> {
    let causes: HashMap<Uuid, Uuid> =
        chain.iter().filter_map(|record| Some((record.id, tree::cause_of(record)?))).collect();
    let mut led_here = HashSet::new();
    for id in &meant {
        let mut next = *id;
        while let Some(cause) = causes.get(&next)
            && led_here.insert(*cause)
        {
            next = *cause;
        }
    }
    let (mut included, mut keys) = (meant, HashSet::new());
    // Causes come before what they cause, so that one pass finds everything that follows.
    for record in &chain {
        let follows = match tree::cause_of(record) {
            Some(cause) => included.contains(&cause),
            None => keys.contains(record.key.as_str()),
        };
        if follows || included.contains(&record.id) {
            included.insert(record.id);
            keys.insert(record.key.as_str());
        }
    }
    let is_part = |record: &Record| included.contains(&record.id) || led_here.contains(&record.id);
    chain.into_iter().filter(is_part).collect()
}
