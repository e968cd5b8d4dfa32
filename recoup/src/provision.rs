//! `recoup provision`: tenant, namespace, topics, subscriptions and permissions in Pulsar.

use service_kit::admin::Admin;
use service_kit::config::{Env, PulsarConfig, Reader, Role};
use service_kit::provision::{Retention, provision};

use crate::output::{self, Exit};

/// Makes Recoup's tenant, namespace, topics, subscriptions and permissions in Pulsar. Running it again changes nothing.
#[derive(clap::Args)]
pub struct Args {
    /// Days for which events are kept and can be replayed
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    retention_days: i64,
    /// Mebibytes of events that are kept per topic partition at most
    #[arg(long, default_value_t = 20 * 1_024, value_parser = clap::value_parser!(i64).range(1..))]
    retention_mib: i64,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let config = PulsarConfig::read_for(&mut reader, Role::Provisioner);
    let config = reader.finish(config)?;
    let retention = Retention { minutes: args.retention_days * 24 * 60, mebibytes: args.retention_mib };
    let mut printed = Ok(());
    provision(&Admin::new(&config), &config, retention, |step| {
        let result = output::line(step);
        if printed.is_ok() {
            printed = result;
        }
    })
    .await?;
    printed?;
    Ok(Exit::Done)
}
