//! `recoup parked`: messages that could not be handled: look at them, have them handled again, or give them up.

mod fingerprint;
mod list;
mod resolve;
mod rows;
mod show;

use std::time::Duration;

use chrono::TimeDelta;
use service_kit::config::{DatabaseConfig, Env, Reader};
use shared_events::Service;
use sqlx::PgPool;

use crate::cli;
use crate::output::{BadUsage, Exit};

/// Looks after messages that could not be handled.
///
/// A parked message holds up the later ones of its key, and no others. Redriving hands a key's messages to the ordinary handlers again, in order, inside the
/// service; dropping gives them up for good, with a reason that stays on record.
#[derive(clap::Args)]
pub struct Args {
    /// Only this service's
    #[arg(long, global = true, value_parser = cli::service)]
    service: Option<Service>,
    /// JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Groups them by what went wrong
    List {
        /// One line for each message
        #[arg(long)]
        each: bool,
        /// Also those that were redriven or dropped
        #[arg(long)]
        resolved: bool,
        #[command(flatten)]
        selection: Selection,
    },
    /// Shows one with its envelope and data
    Show {
        /// Its number (with --service) or message id
        id: String,
    },
    /// Has them handled again, with the later ones of their keys, in order
    Redrive {
        #[command(flatten)]
        selection: Selection,
        /// Waits until each is handled, or parked again (exit code 1)
        #[arg(long)]
        wait: bool,
        /// Longest wait
        #[arg(long, default_value = "60s", value_parser = cli::duration)]
        timeout: TimeDelta,
    },
    /// Gives them up; they stay on record
    Drop {
        #[command(flatten)]
        selection: Selection,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Which messages are meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Selection {
    /// Numbers (with --service) or message ids
    ids: Vec<String>,
    /// Those of this group, as `list` names it
    #[arg(long, value_name = "GROUP")]
    error: Option<String>,
    /// Those of this wire name
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Those of this key
    #[arg(long)]
    key: Option<String>,
    /// Everything that is parked
    #[arg(long)]
    all: bool,
}

impl Selection {
    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.error.is_none() && self.kind.is_none() && self.key.is_none() && !self.all
    }

    /// Changing something needs somebody to say what.
    fn required(&self) -> Result<&Self, BadUsage> {
        if self.is_empty() {
            return Err(BadUsage("say which messages: ids, --error, --type, --key or --all".into()));
        }
        if self.all && !(self.ids.is_empty() && self.error.is_none() && self.kind.is_none() && self.key.is_none()) {
            return Err(BadUsage("--all goes alone".into()));
        }
        Ok(self)
    }
}

/// One service's database.
struct Place {
    service: Service,
    pool: PgPool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let places = places(args.service)?;
    match args.action {
        Action::List { each, resolved, selection } => list::run(&places, &selection, each, resolved, args.json).await,
        Action::Show { id } => show::run(&places, &id, args.json).await,
        Action::Redrive { selection, wait, timeout } => {
            let wait = wait.then(|| timeout.to_std().unwrap_or(Duration::ZERO));
            resolve::redrive(&places, selection.required()?, wait, args.json).await
        }
        Action::Drop { selection, reason } => {
            if reason.trim().is_empty() {
                return Err(BadUsage("--reason must say why".into()).into());
            }
            resolve::drop(&places, selection.required()?, reason.trim(), args.json).await
        }
    }
}

fn places(only: Option<Service>) -> anyhow::Result<Vec<Place>> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let services: Vec<Service> =
        Service::ALL.into_iter().filter(|service| only.is_none_or(|only| only == *service)).collect();
    let configs: Option<Vec<_>> =
        services.iter().map(|service| DatabaseConfig::read_for(&mut reader, *service)).collect();
    let configs = reader.finish(configs)?;
    let place = |(service, config)| Ok(Place { service, pool: service_kit::runtime::pool(&config, "recoup parked")? });
    services.into_iter().zip(configs).map(place).collect()
}
