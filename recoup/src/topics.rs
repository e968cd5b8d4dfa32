//! `recoup topics`: what waits, how fast it moves, and who takes it.

use futures::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use service_kit::admin::Admin;
use service_kit::config::{Env, PulsarConfig, Reader, Role};
use shared_events::Topic;
use shared_events::partition::PARTITIONS;

use crate::cli;
use crate::output::{self, Exit};

/// Shows every topic: messages kept, rates, subscriptions and their backlog.
#[derive(clap::Args)]
pub struct Args {
    /// Only this topic, with its partitions
    #[arg(value_parser = cli::topic)]
    topic: Option<Topic>,
    /// JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TopicState {
    topic: &'static str,
    partitions: Vec<PartitionState>,
    /// Messages since the broker loaded it, which it does anew at a restart.
    received_since_load: u64,
    stored_bytes: u64,
    backlog: u64,
    in_per_s: f64,
    out_per_s: f64,
}

#[derive(Serialize)]
struct PartitionState {
    partition: u32,
    stored_entries: u64,
    /// Messages since the broker loaded it, which it does anew at a restart.
    received_since_load: u64,
    stored_bytes: u64,
    in_per_s: f64,
    out_per_s: f64,
    subscriptions: Vec<SubscriptionState>,
}

#[derive(Serialize)]
struct SubscriptionState {
    subscription: String,
    durable: bool,
    backlog: u64,
    out_per_s: f64,
    active_consumer: Option<String>,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let config = PulsarConfig::read_for(&mut reader, Role::Replayer);
    let config = reader.finish(config)?;
    let admin = Admin::new(&config);
    let topics = Topic::all().filter(|topic| args.topic.is_none_or(|only| only == *topic));
    let states = try_join_all(topics.map(|topic| state(&admin, &config, topic))).await?;
    if args.json {
        output::json(&states)?;
    } else if args.topic.is_some() {
        print_partitions(&states)?;
    } else {
        print_topics(&states)?;
    }
    Ok(Exit::Done)
}

async fn state(admin: &Admin, config: &PulsarConfig, topic: Topic) -> anyhow::Result<TopicState> {
    let base = config.topic(topic.name()).replace("://", "/");
    let partitions = try_join_all(
        (0..PARTITIONS).map(|partition| partition_state(admin, format!("{base}-partition-{partition}"), partition)),
    )
    .await?;
    Ok(TopicState {
        topic: topic.name(),
        received_since_load: partitions.iter().map(|state| state.received_since_load).sum(),
        stored_bytes: partitions.iter().map(|state| state.stored_bytes).sum(),
        backlog: partitions
            .iter()
            .flat_map(|state| &state.subscriptions)
            .map(|subscription| subscription.backlog)
            .sum(),
        in_per_s: partitions.iter().map(|state| state.in_per_s).sum(),
        out_per_s: partitions.iter().map(|state| state.out_per_s).sum(),
        partitions,
    })
}

async fn partition_state(admin: &Admin, path: String, partition: u32) -> anyhow::Result<PartitionState> {
    let (stats_path, internal_path) = (format!("{path}/stats?getPreciseBacklog=true"), format!("{path}/internalStats"));
    let (stats, internal) = tokio::try_join!(admin.get(&stats_path), admin.get(&internal_path))?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let rate = |value: &Value| value.as_f64().unwrap_or_default();
    let subscriptions =
        stats["subscriptions"].as_object().into_iter().flatten().map(|(name, subscription)| SubscriptionState {
            subscription: name.clone(),
            durable: subscription["durable"].as_bool().unwrap_or(true),
            backlog: number(&subscription["msgBacklog"]),
            out_per_s: rate(&subscription["msgRateOut"]),
            active_consumer: subscription["activeConsumerName"]
                .as_str()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        });
    Ok(PartitionState {
        partition,
        stored_entries: number(&internal["numberOfEntries"]),
        received_since_load: number(&stats["msgInCounter"]),
        stored_bytes: number(&stats["storageSize"]),
        in_per_s: rate(&stats["msgRateIn"]),
        out_per_s: rate(&stats["msgRateOut"]),
        subscriptions: subscriptions.collect(),
    })
}

fn print_topics(states: &[TopicState]) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = states
        .iter()
        .map(|state| {
            let entries: u64 = state.partitions.iter().map(|partition| partition.stored_entries).sum();
            vec![
                state.topic.to_owned(),
                entries.to_string(),
                (state.stored_bytes / 1_024).to_string(),
                format!("{:.1}", state.in_per_s),
                format!("{:.1}", state.out_per_s),
                state.backlog.to_string(),
                subscriptions(state),
            ]
        })
        .collect();
    output::table(&["topic", "#entries", "#KiB", "#in/s", "#out/s", "#backlog", "subscriptions"], &rows)
}

/// Subscription, backlog, and on how many partitions somebody takes messages: `commission 0 (4/4 active)`.
fn subscriptions(state: &TopicState) -> String {
    let mut sums = std::collections::BTreeMap::<&str, (u64, usize)>::new();
    for subscription in state.partitions.iter().flat_map(|partition| &partition.subscriptions) {
        let sum = sums.entry(&subscription.subscription).or_default();
        sum.0 += subscription.backlog;
        sum.1 += usize::from(subscription.active_consumer.is_some());
    }
    let texts: Vec<String> = sums
        .iter()
        .map(|(name, (backlog, active))| format!("{name} {backlog} ({active}/{} active)", state.partitions.len()))
        .collect();
    texts.join(", ")
}

fn print_partitions(states: &[TopicState]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (state, partition) in
        states.iter().flat_map(|state| state.partitions.iter().map(move |partition| (state, partition)))
    {
        let head = |first: String| {
            vec![
                first,
                partition.stored_entries.to_string(),
                (partition.stored_bytes / 1_024).to_string(),
                format!("{:.1}", partition.in_per_s),
                format!("{:.1}", partition.out_per_s),
            ]
        };
        let mut row = head(format!("{}[{}]", state.topic, partition.partition));
        row.extend([String::new(), String::new(), String::new()]);
        rows.push(row);
        for subscription in &partition.subscriptions {
            let consumer = subscription.active_consumer.clone().unwrap_or_else(|| "nobody".into());
            let mut row = vec![String::new(); 4];
            row.push(format!("{:.1}", subscription.out_per_s));
            row.extend([subscription.subscription.clone(), subscription.backlog.to_string(), consumer]);
            rows.push(row);
        }
    }
    output::table(&["partition", "#entries", "#KiB", "#in/s", "#out/s", "subscription", "#backlog", "taken by"], &rows)
}
