//! `recoup rotate-keys`: wraps every key that a master key has wrapped with the first one: of documents and packets, of sellers' secrets, of
//! shipping labels.

use std::sync::Arc;

use service_kit::clock::SystemClock;
use service_kit::config::{DatabaseConfig, Env, Reader};
use service_kit::runtime;
use service_kit::store::Store;
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};
use shared_events::Service;

use crate::output::{self, Exit};

/// Wraps all keys with the first of DOCUMENT_MASTER_KEYS, so that the others can be taken away: those of documents and packets, of the secrets
/// of connected accounts, and of shipping labels. What they encrypt stays as it is, and can be read all the while. Running it again changes
/// nothing.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub async fn run(_args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    // All of them, or a key would be taken away that something still needs.
    let evidence = DatabaseConfig::read_for(&mut reader, Service::Evidence);
    let claims = DatabaseConfig::read_for(&mut reader, Service::Claims);
    let orders = DatabaseConfig::read_for(&mut reader, Service::Orders);
    let masters: Option<MasterKeys> = reader.required(&DOCUMENT_MASTER_KEYS);
    let all = (|| Some((evidence?, claims?, orders?, masters?)))();
    let (evidence, claims, orders, masters) = reader.finish(all)?;
    let store = |database: &DatabaseConfig, service| {
        let pool = runtime::pool(database, "recoup rotate-keys")?;
        anyhow::Ok(Store::new(pool, Arc::new(SystemClock), service))
    };
    let files = evidence::rotate_keys::rotate(&store(&evidence, Service::Evidence)?, &masters).await?;
    let secrets = claims::rotate_keys::rotate(&store(&claims, Service::Claims)?, &masters).await?;
    let labels = orders::rotate_keys::rotate(&store(&orders, Service::Orders)?, &masters).await?;
    let current = masters.current();
    output::line(format!("{files} keys of documents and packets are now wrapped with {current}"))?;
    output::line(format!("{secrets} keys of secrets of accounts are now wrapped with {current}"))?;
    output::line(format!("{labels} keys of shipping labels are now wrapped with {current}"))?;
    Ok(Exit::Done)
}
