//! The HTTP edge.

use anyhow::Context;
use tokio::net::TcpListener;

use super::Process;

/// Starts it; it ends with the process.
pub async fn start(process: Process, config: bff::Config) -> anyhow::Result<()> {
    let address = config.edge.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let shared = bff::Shared { clock: process.clock.clone(), dev_clock: process.dev_clock.clone() };
    process.shutdown.spawn("bff", bff::run(config, shared, listener, process.shutdown.clone()));
    Ok(())
}
