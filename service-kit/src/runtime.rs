//! What runs behind every service's HTTP edge: consumers, relay, jobs, redriving, gauges, and the pruning of old rows.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bus::Bus;
use crate::config::DatabaseConfig;
use crate::consumer::Consumers;
use crate::handler::Routes;
use crate::jobs::Worker;
use crate::outbox::Relay;
use crate::parked::Redriver;
use crate::pruning;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::waiting::Waiting;

/// Connects to a service's own database. A transaction that its process forgot (a frozen one, say) ends after ten seconds, so that its
/// locks do not hold up the successor.
///
/// # Errors
/// When the URL is malformed. The database may be away: connecting happens with the first statement.
pub fn pool(config: &DatabaseConfig, name: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(config.url.expose())
        .context("the database URL is malformed")?
        .application_name(name)
        // A service has more statements than the 100 that a connection would remember: those that it uses in turn would all be parsed and
        // planned again each time.
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("idle_in_transaction_session_timeout", "10s"),
            ("statement_timeout", "60s"),
            // Compiling a plan takes longer than our short statements: a second for one that reads a handful of rows.
            ("jit", "off"),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .connect_lazy_with(options);
    Ok(pool)
}

/// Statements that a connection keeps prepared: more than any service has.
const STATEMENTS: usize = 1_000;

/// Starts everything for `store`; it ends with `shutdown`.
///
/// # Errors
/// When a subscription is missing or the broker is away at the start.
pub async fn start(
    store: &Store,
    bus: &Arc<Bus>,
    routes: Routes,
    worker: Worker,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    Consumers::new(store.clone(), Arc::clone(bus), routes.clone()).start(shutdown).await?;
    let stop = shutdown.soft();
    let waiting = Waiting::new(store.clone(), bus, routes.topics());
    spawn(shutdown, "gauges", waiting.run(stop.clone()));
    spawn(shutdown, "relay", Relay::new(store.clone(), Arc::clone(bus)).run(stop.clone()));
    spawn(shutdown, "redriver", Redriver::new(store.clone(), routes).run(stop.clone()));
    spawn(shutdown, "jobs", worker.run(stop.clone()));
    spawn(shutdown, "pruner", pruning::run(store.clone(), stop.clone()));
    Ok(())
}

pub(crate) fn spawn(shutdown: &Shutdown, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    shutdown.spawn(name, async move {
        task.await;
        Ok::<(), std::convert::Infallible>(())
    });
}
