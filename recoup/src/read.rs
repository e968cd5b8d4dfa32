//! `recoup read`: prints what a topic holds, without moving anybody's cursor.

use chrono::{DateTime, Utc};
use service_kit::reader::{End, Merged, Record, Span};
use shared_events::Topic;

use crate::cli::{self, show_time};
use crate::looking::{Broker, as_json};
use crate::output::{self, Exit};

/// Prints the messages of a topic, oldest first; no service notices.
///
/// The partitions are merged by the time at which each message was written down. It ends with the message that is the last one when it starts.
#[derive(clap::Args)]
pub struct Args {
    /// SERVICE-commands, SERVICE-events or SERVICE-parked of tracking, commission, evidence, claims, orders or notify
    #[arg(value_parser = cli::topic)]
    topic: Topic,
    /// Leave out what was written down before: 2026-01-31T12:00:00Z, 2026-01-31, or how long ago (90m, 24h, 7d)
    #[arg(long, value_parser = cli::time)]
    from: Option<DateTime<Utc>>,
    /// Leave out what was written down later
    #[arg(long, value_parser = cli::time, conflicts_with = "follow")]
    to: Option<DateTime<Utc>>,
    /// Only messages of this key (the id of a campaign, conversion, commission or payout)
    #[arg(long)]
    key: Option<String>,
    /// Only messages whose wire name is this or contains it
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Go on with what comes, until interrupted
    #[arg(long)]
    follow: bool,
    /// End after so many messages
    #[arg(long)]
    limit: Option<u64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let broker = Broker::from_env()?;
    let end = if args.follow { End::Never } else { End::Now };
    let span = Span { start: broker.start_for(args.from), end, from: args.from, to: args.to };
    let mut messages = Merged::open(&broker.bus, &broker.admin, &[args.topic], span).await?;
    let mut shown = 0;
    while args.limit.is_none_or(|limit| shown < limit) {
        let next = tokio::select! {
            next = messages.next() => next?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                None
            }
        };
        let Some(record) = next else { break };
        if args.wants(&record) {
            shown += 1;
            if args.json { output::line(as_json(&record))? } else { print(&record)? }
        }
    }
    Ok(Exit::Done)
}

impl Args {
    fn wants(&self, record: &Record) -> bool {
        let key = self.key.as_ref().is_none_or(|key| *key == record.key);
        key && self.kind.as_ref().is_none_or(|kind| record.kind().contains(kind.as_str()))
    }
}

fn print(record: &Record) -> anyhow::Result<()> {
    let heading = format!(
        "{} {} {} key={} id={}",
        show_time(record.recorded()),
        record.place(),
        record.kind(),
        record.key,
        record.id
    );
    match &record.envelope {
        Ok(envelope) => {
            let cause = envelope.causation.map(|id| format!(" causation={id}")).unwrap_or_default();
            let actor = envelope.actor.as_ref().map(|actor| format!(" actor={actor}")).unwrap_or_default();
            output::line(format_args!(
                "{heading} tenant={} sequence={} correlation={}{cause}{actor}",
                envelope.tenant, envelope.sequence, envelope.correlation
            ))?;
        }
        Err(error) => output::line(format_args!("{heading} malformed: {error}"))?,
    }
    output::line(format_args!("    {}", String::from_utf8_lossy(&record.payload)))
}
