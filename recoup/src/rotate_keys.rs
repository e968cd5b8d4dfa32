//! `recoup rotate-keys`: wraps the keys of documents and packets with the first master key.

use std::sync::Arc;

use service_kit::clock::SystemClock;
use service_kit::config::{DatabaseConfig, Env, Reader};
use service_kit::runtime;
use service_kit::store::Store;
use service_kit::vault::{DOCUMENT_MASTER_KEYS, MasterKeys};
use shared_events::Service;

use crate::output::{self, Exit};

/// Wraps the keys of all documents and packets with the first of DOCUMENT_MASTER_KEYS, so that the others can be taken away. They themselves stay
/// as they are, and can be read all the while. Running it again changes nothing.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub async fn run(_args: Args) -> anyhow::Result<Exit> {
    let env = Env::process();
    let mut reader = Reader::new(&env);
    let database = DatabaseConfig::read_for(&mut reader, Service::Evidence);
    let masters: Option<MasterKeys> = reader.required(&DOCUMENT_MASTER_KEYS);
    let both = (|| Some((database?, masters?)))();
    let (database, masters) = reader.finish(both)?;
    let pool = runtime::pool(&database, "recoup rotate-keys")?;
    let store = Store::new(pool, Arc::new(SystemClock), Service::Evidence);
    let rotated = evidence::rotate_keys::rotate(&store, &masters).await?;
    output::line(format!("{rotated} keys of documents and packets are now wrapped with {}", masters.current()))?;
    Ok(Exit::Done)
}
