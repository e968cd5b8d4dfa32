//! The evidence service: its routes, its messages, its jobs and its timers.

use std::sync::Arc;

use anyhow::Context;
use providers::files::Files;
use providers::objects::Objects;
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::{commands, runtime};
use shared_events::{Service, Topic};

use super::{Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: evidence::Config) -> anyhow::Result<()> {
    let store = process.store(Service::Evidence, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Evidence.name());
    checks(&health, &store, &bus, Topic::events(Service::Evidence));
    let consumers = health.flag("consumers");
    let config = Arc::new(config);
    let files = Files { objects: Objects::open(&config.objects)?, masters: config.masters.clone() };
    let state = evidence::State { store: store.clone(), config: Arc::clone(&config), files: files.clone() };
    let server = process.server(&health, &messaging.edge).health_path(evidence::HEALTH_PATH);
    process.listen(&messaging.edge, server.app(evidence::http(state), commands::routes(store.clone()))).await?;
    let worker = evidence::worker(store.clone(), &config, &files);
    runtime::start(&store, &bus, evidence::messages(config.prompts), worker, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    let (sweeping, patience, stop) = (store.clone(), config.sweep_after, process.shutdown.soft().clone());
    process.shutdown.spawn("object sweep", async move {
        evidence::sweep_objects::run(sweeping, files.objects, patience, stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    let (timers, stop) = (evidence::timers(store), process.shutdown.soft().clone());
    process.shutdown.spawn("timers", async move {
        timers.run(stop).await;
        Ok::<(), std::convert::Infallible>(())
    });
    consumers.up();
    tracing::info!("started");
    Ok(())
}
