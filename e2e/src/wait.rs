//! Waiting for a condition with a deadline.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(25);

/// Waits until `condition` gives something; an error of its own counts as "not yet" and is told at the deadline.
///
/// # Errors
/// When it does not within `deadline`.
pub async fn until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    let mut last = String::new();
    loop {
        match condition().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => last.clear(),
            Err(error) => last = format!(" (last error: {error:#})"),
        }
        if began.elapsed() >= deadline {
            bail!("did not happen within {deadline:?}: {what}{last}");
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Lets time itself pass, for faults that are a length of time ("the broker is away for 60 s"). Never a way to wait for something to
/// happen.
pub async fn let_pass(time: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + time).await;
}
