//! The orders service: its routes, its messages and its jobs.

use std::sync::Arc;

use anyhow::Context;
use orders::api::{Api, Around, Probe};
use orders::{Config, Parts};
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::publisher::Publisher;
use service_kit::{commands, runtime};
use shared_events::{Service, Topic};

use super::{Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: Config) -> anyhow::Result<()> {
    let store = process.store(Service::Orders, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Orders.name());
    checks(&health, &store, &bus, Topic::events(Service::Orders));
    let consumers = health.flag("consumers");
    let config = Arc::new(config);
    let (probe, around) = (Probe::of(&config), Around::of(&config));
    let sender = Arc::new(Publisher::new(Arc::clone(&bus)));
    let api = Api { store: store.clone(), config: Arc::clone(&config), sender, probe: probe.clone(), around };
    let other = commands::routes(store.clone()).merge(orders::api::other_spellings(api.clone()));
    let server = process.server(&health, &messaging.edge).keys(Arc::new(api.clone()));
    process.listen(&messaging.edge, server.app(orders::api::router(api), other)).await?;
    let looked = store.clone();
    process.shutdown.spawn("look at dependencies", async move {
        probe.log_all(&looked).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let parts = Parts::of(config);
    let worker = orders::worker(store.clone(), &parts);
    let (imported, stop) = (store.clone(), process.shutdown.soft().clone());
    process.shutdown.spawn("begin to read the saleor shop", async move {
        tokio::select! {
            () = orders::import_saleor::begin(&imported, &parts) => {}
            () = stop.cancelled() => {}
        }
        Ok::<(), std::convert::Infallible>(())
    });
    runtime::start(&store, &bus, orders::routes(), worker, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    consumers.up();
    tracing::info!("started");
    Ok(())
}
