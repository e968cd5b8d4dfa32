//! The claims service: its routes, its messages, its jobs and its timers.

use std::sync::Arc;

use anyhow::Context;
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::{commands, runtime};
use shared_events::{Service, Topic};

use super::{Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: claims::Config) -> anyhow::Result<()> {
    let store = process.store(Service::Claims, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Claims.name());
    checks(&health, &store, &bus, Topic::events(Service::Claims));
    let consumers = health.flag("consumers");
    let config = Arc::new(config);
    let state = claims::State { store: store.clone(), config: Arc::clone(&config) };
    let server = process.server(&health, &messaging.edge).health_path(claims::HEALTH_PATH);
    process.listen(&messaging.edge, server.app(claims::http(state), commands::routes(store.clone()))).await?;
    let worker = claims::worker(store.clone(), &config);
    runtime::start(&store, &bus, claims::messages(config.operator.clone()), worker, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    let (timers, stop) = (claims::timers(store), process.shutdown.soft().clone());
    process.shutdown.spawn("timers", async move {
        timers.run(stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    consumers.up();
    tracing::info!("started");
    Ok(())
}
