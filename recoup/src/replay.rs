//! `recoup replay`: runs a service's handlers once more over what is kept of its messages, and compares.

mod compare;
mod epochs;
mod live;
mod player;
mod report;
mod said;
mod scope;
mod scratch;
mod tables;
mod timeline;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service_kit::config::{AdminDatabaseConfig, DatabaseConfig, Env, FromEnv, Reader};
use service_kit::reader::{Merged, Record, Span};
use service_kit::shutdown::Shutdown;
use shared_events::Service;
use uuid::Uuid;

use crate::cli::{self, show_time};
use crate::looking::{Broker, as_json};
use crate::output::{BadUsage, Exit, json as print_json};
use compare::{Comparison, compare};
use live::Live;
use player::{Player, topics};
use report::Report;
use said::Reactions;
use scope::Scope;
use scratch::Scratch;

/// Runs commission's own handlers over its messages again, in a scratch database, and compares the outcome with the live tables row by row.
///
/// Everything that is kept is applied, in the order and at the times of the live service, because tiers, caps and balances depend on all that came before; --from,
/// --to and --key choose what is compared. Nothing is sent outside: no events, no payout files. The live tables are read in a read-only transaction, the topics
/// without subscriptions. Exit code 0: equal; 3: different.
#[derive(clap::Args)]
pub struct Args {
    /// The service
    #[arg(value_parser = ["commission"])]
    service: String,
    /// Compare what was handled from then on: 2026-01-31T12:00:00Z, 2026-01-31, or how long ago (90m, 24h, 7d)
    #[arg(long, value_parser = cli::time)]
    from: Option<DateTime<Utc>>,
    /// Apply and compare what was handled until then
    #[arg(long, value_parser = cli::time)]
    to: Option<DateTime<Utc>>,
    /// Compare only what is about this conversion, commission, payout, campaign or partner
    #[arg(long)]
    key: Option<String>,
    /// Print so many differing rows at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Keep the scratch database, and say its name
    #[arg(long)]
    keep: bool,
    /// JSON
    #[arg(long)]
    json: bool,
}

/// Commission opens no account details here, so any key will do.
pub const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Messages that are looked at for having parted the two.
const QUOTED: usize = 1_000;

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let env = Env::process().with("ACCOUNT_DETAILS_KEY", NO_KEY);
    let mut reader = Reader::new(&env);
    let database = DatabaseConfig::read_for(&mut reader, Service::Commission);
    let admin = AdminDatabaseConfig::read_for(&mut reader, Service::Commission);
    let (broker, own) = (Broker::read(&mut reader), commission::Config::read(&mut reader));
    let all = (|| Some((database?, admin?, broker?, own?)))();
    let (database, admin, broker, own) = reader.finish(all)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(BadUsage("--from must not be after --to".into()).into());
    }
    // Whatever ends this, the scratch database goes.
    let interrupted = Shutdown::new();
    interrupted.on_signals()?;
    let mut live = Live::open(&database.url).await?;
    let scratch = Scratch::make(Service::Commission, &admin.admin_url).await?;
    let report = tokio::select! {
        report = replay(&args, &broker, &mut live, &scratch, &own) => report,
        () = interrupted.begun() => Err(anyhow::anyhow!("interrupted")),
    };
    let keep = args.keep.then(|| scratch.name.clone());
    if keep.is_none() {
        scratch.drop().await?;
    }
    let report = Report { scratch: keep, ..report? };
    if args.json {
        print_json(&report)?
    } else {
        report.print()?
    }
    Ok(if report.equal { Exit::Done } else { Exit::Different })
}

async fn replay(
    args: &Args,
    broker: &Broker,
    live: &mut Live,
    scratch: &Scratch,
    own: &commission::Config,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let said = said::live(broker, live).await.context("reading what the service said")?;
    let mut player = Player::new(scratch, own, args.to);
    player.play(broker, live, &said).await?;
    let reactions = said.reactions;
    let applied = player.applied.iter().copied().collect::<HashMap<_, _>>();
    let order: Vec<Uuid> = player.applied.iter().map(|(id, _)| *id).collect();
    let mut scope = Scope::of(live, applied, (args.from, args.to), args.key.as_deref()).await?;
    let mut comparison = compare(live, &scratch.pool, &mut scope, args.limit).await?;
    let replayed = said::replayed(&scratch.pool).await?;
    let mut differing: Vec<Uuid> =
        said::differing(&order, &reactions, &replayed).into_iter().filter(|id| scope.covers(id)).collect();
    let first_event =
        explain(broker, live, scratch, &differing, &reactions, &mut comparison, scope.is_complete()).await?;
    if !scope.is_complete() {
        // Messages about what is not compared say other things for good reasons.
        differing.clear();
    }
    let parked_in_replay = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&scratch.pool).await?;
    Ok(Report {
        equal: comparison.differing == 0 && differing.is_empty(),
        service: Service::Commission.name(),
        from: args.from.map(show_time),
        to: args.to.map(show_time),
        key: args.key.clone(),
        applied: player.counts,
        left_out: player.left_out,
        sweeps: player.swept,
        payout_files: player.filed,
        older_than_kept: scope.older,
        parked_in_replay,
        compared: comparison.compared,
        differing_rows: comparison.differing,
        rows: comparison.rows,
        differing_messages: differing.len(),
        first_event,
        scratch: None,
        seconds: began.elapsed().as_secs(),
    })
}

/// Finds for each differing row the first message about it to which the replay reacted differently; returns the very first one.
async fn explain(
    broker: &Broker,
    live: &Live,
    scratch: &Scratch,
    differing: &[Uuid],
    reactions: &Reactions,
    comparison: &mut Comparison,
    complete: bool,
) -> anyhow::Result<Option<Value>> {
    let wanted: Vec<Uuid> = differing.iter().take(QUOTED).copied().collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let wanted_set: HashSet<Uuid> = wanted.iter().copied().collect();
    let quotes = said::quote(broker, live, &scratch.pool, &wanted_set, reactions).await?;
    let mut records: HashMap<Uuid, Record> = HashMap::new();
    let mut merged = Merged::open(&broker.bus, &broker.admin, &topics(), Span::ALL).await?;
    while let Some(record) = merged.next().await? {
        if wanted_set.contains(&record.id) {
            records.entry(record.id).or_insert(record);
        }
    }
    let events: Vec<(Uuid, String, Value, Vec<Value>)> = wanted
        .iter()
        .filter_map(|id| {
            let (record, (live_said, replay_says)) = (records.get(id)?, quotes.get(id).cloned().unwrap_or_default());
            let mut event = as_json(record);
            event["live_said"] = json!(live_said);
            event["replay_says"] = json!(replay_says);
            Some((*id, record.key.clone(), event, [live_said, replay_says].concat()))
        })
        .collect();
    let mut first = events.len();
    for row in &mut comparison.rows {
        let direct = events.iter().position(|(id, key, _, said)| row.concerns(*id, key, said));
        if let Some(index) = direct.or_else(|| events.iter().position(|(_, _, _, said)| row.shares_partner(said))) {
            first = first.min(index);
            row.first_event = Some(events[index].2.clone());
        }
    }
    let first = if complete { 0 } else { first };
    Ok(events.get(first).map(|(_, _, event, _)| event.clone()))
}
