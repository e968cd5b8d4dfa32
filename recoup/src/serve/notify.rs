//! The notify service: its routes, its messages and its jobs.

use std::sync::Arc;

use anyhow::Context;
use notify::Config;
use notify::api::Api;
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::{commands, pruning, runtime};
use shared_events::{Service, Topic};

use super::{Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: Config) -> anyhow::Result<()> {
    let store = process.store(Service::Notify, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Notify.name());
    checks(&health, &store, &bus, Topic::events(Service::Notify));
    let consumers = health.flag("consumers");
    let config = Arc::new(config);
    let stop = process.shutdown.soft().clone();
    let api = Api { store: store.clone(), config: Arc::clone(&config), stop: stop.clone() };
    let server = process.server(&health, &messaging.edge).health_path(notify::HEALTH_PATH);
    let app = server.app(notify::api::router(api), commands::routes(store.clone()));
    process.listen(&messaging.edge, app).await?;
    let carriers = notify::carriers(&config, store.clock());
    let carrying = notify::carrying(store.clone(), &config, carriers);
    runtime::start(&store, &bus, notify::messages(&config), carrying, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    let (pruned, ends) = (store.clone(), stop.clone());
    process.shutdown.spawn("pruner of notifications", async move {
        pruning::again_and_again(notify::prune::EVERY, ends, || notify::prune::prune(&pruned)).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let delivering = notify::delivering(store, &config);
    process.shutdown.spawn("webhooks", async move {
        delivering.run(stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    consumers.up();
    tracing::info!(channels = ?config.channels(), "started");
    Ok(())
}
