//! The tracking service: its routes, its commands, and the loop that records events.

use anyhow::Context;
use service_kit::bus::Bus;
use service_kit::health::Health;
use service_kit::{commands, runtime};
use shared_events::{Service, Topic};

use super::{Messaging, Process, checks};

/// Starts it; it ends with the process.
pub async fn start(process: Process, messaging: Messaging, config: tracking::Config) -> anyhow::Result<()> {
    let store = process.store(Service::Tracking, &messaging.database)?;
    let bus = Bus::new(messaging.pulsar);
    let health = Health::new(Service::Tracking.name());
    checks(&health, &store, &bus, Topic::events(Service::Tracking));
    let consumers = health.flag("consumers");
    let (state, recorder) = tracking::start(store.clone(), process.runtime.dev_open_tenant.clone(), config);
    process.shutdown.spawn("recorder", async move {
        recorder.run().await;
        Ok::<(), std::convert::Infallible>(())
    });
    // Publishable keys name their own origins, which the routes check.
    let server = process.server(&health, &messaging.edge).health_path(tracking::HEALTH_PATH).any_origin();
    process.listen(&messaging.edge, server.app(tracking::http(state), commands::routes(store.clone()))).await?;
    let worker = tracking::worker(store.clone());
    runtime::start(&store, &bus, tracking::messages(), worker, &process.shutdown)
        .await
        .context("starting consumers and relay")?;
    consumers.up();
    tracing::info!("started");
    Ok(())
}
