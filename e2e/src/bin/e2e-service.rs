//! One service of the tests' own business (see `e2e::bank`) as a process: `e2e-service tracking|commission`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use service_kit::bus::Bus;
use service_kit::clock::SystemClock;
use service_kit::config::{DatabaseConfig, Env, LogFormat, PulsarConfig, Reader, Role};
use service_kit::jobs::Worker;
use service_kit::shutdown::{Ending, Shutdown};
use service_kit::store::Store;
use service_kit::{runtime, telemetry};
use shared_events::Service;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let service = match std::env::args().nth(1).as_deref() {
        Some("tracking") => Service::Tracking,
        Some("commission") => Service::Commission,
        other => bail!("tracking or commission, not {other:?}"),
    };
    let env = Env::process();
    telemetry::init(env.get("RUST_LOG").unwrap_or("info"), LogFormat::Text)?;
    let mut reader = Reader::new(&env);
    let pulsar = PulsarConfig::read_for(&mut reader, Role::from(service));
    let database = DatabaseConfig::read_for(&mut reader, service);
    let (pulsar, database) = reader.finish(pulsar.zip(database))?;
    let store = Store::new(runtime::pool(&database, service.name())?, Arc::new(SystemClock), service);
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let routes = e2e::bank::routes(service, env.get("E2E_HEALED").is_some());
    runtime::start(&store, &Bus::new(pulsar), routes, Worker::new(store.clone()), &shutdown).await?;
    println!("e2e-service is ready");
    let ending = shutdown.finish(Duration::from_secs(20)).await;
    Ok(if ending == Ending::Clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
