//! The commission service: its routes, its messages, its jobs, and the sweep of ended holds.

use std::sync::Arc;

use anyhow::Context;
use commission::api::Api;
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::{commands, runtime};
use shared_events::{Service, Topic};

use super::{COMMISSION_HEALTH_PATH, Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: commission::Config) -> anyhow::Result<()> {
    let store = process.store(Service::Commission, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Commission.name());
    checks(&health, &store, &bus, Topic::events(Service::Commission));
    let consumers = health.flag("consumers");
    let config = Arc::new(config);
    let api =
        Api { store: store.clone(), config: Arc::clone(&config), open_tenant: process.runtime.dev_open_tenant.clone() };
    let server = process.server(&health, &messaging.edge).health_path(COMMISSION_HEALTH_PATH);
    process.listen(&messaging.edge, server.app(commission::api::router(api), commands::routes(store.clone()))).await?;
    let worker = commission::worker(store.clone(), &config);
    runtime::start(&store, &bus, commission::routes(&config), worker, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    let stop = process.shutdown.soft().clone();
    process.shutdown.spawn("sweep", async move {
        commission::sweep::run(store, stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    consumers.up();
    tracing::info!("started");
    Ok(())
}
