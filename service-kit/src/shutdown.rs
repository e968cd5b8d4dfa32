//! How a process ends: a soft signal asks every task to finish what it has in hand, a hard one to let go, and a deadline
//! lies between them. A task that ends by itself with an error ends the process too, with a failure.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Handle on the life of the process; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    failed: Arc<AtomicBool>,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every task finished in time.
    Clean,
    /// A task failed, or was still busy at the deadline.
    Failed,
}

impl Shutdown {
    /// A process that runs until it is told to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every task to finish what it has in hand.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Whether [`Shutdown::begin`] was called.
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits until tasks are asked to finish.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// Waits until tasks have to let go.
    pub async fn due(&self) {
        self.hard.cancelled().await;
    }

    /// The soft token, for code that takes one.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// The hard token, for code that takes one.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Begins on SIGINT or SIGTERM; a second signal lets go at once.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            for token in [&shutdown.soft, &shutdown.hard] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                tracing::info!("signal received, shutting down");
                token.cancel();
            }
        });
        Ok(())
    }

    /// Runs a task that lives as long as the process. Its error or panic is logged, begins the shutdown and makes the ending a
    /// failure. The task keeps the current span, so that its log lines carry the service's name.
    pub fn spawn<E: fmt::Display>(
        &self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let shutdown = self.clone();
        let watched = async move {
            let failure = match std::panic::AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "panicked".to_owned(),
            };
            tracing::error!(task = name, error = failure, "task failed, shutting down");
            shutdown.failed.store(true, Ordering::SeqCst);
            shutdown.begin();
        };
        self.tasks.spawn(watched.in_current_span());
    }

    /// Waits for the soft signal, then for the tasks, at most `grace` long; then lets go of the rest.
    pub async fn finish(&self, grace: Duration) -> Ending {
        self.begun().await;
        self.tasks.close();
        let finished = tokio::select! {
            outcome = tokio::time::timeout(grace, self.tasks.wait()) => outcome.is_ok(),
            () = self.hard.cancelled() => self.tasks.is_empty(),
        };
        self.hard.cancel();
        if !finished {
            tracing::warn!(tasks = self.tasks.len(), "tasks did not finish in time");
        }
        if finished && !self.failed.load(Ordering::SeqCst) { Ending::Clean } else { Ending::Failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_finish_what_they_have_in_hand() {
        let shutdown = Shutdown::new();
        let task = shutdown.clone();
        shutdown.spawn("worker", async move {
            task.begun().await;
            Ok::<(), String>(())
        });
        shutdown.begin();
        assert_eq!(shutdown.finish(Duration::from_secs(5)).await, Ending::Clean);
    }

    #[tokio::test]
    async fn a_failed_or_panicking_task_ends_the_process() {
        for panics in [false, true] {
            let shutdown = Shutdown::new();
            shutdown.spawn("worker", async move {
                assert!(!panics, "on purpose");
                Err("broken")
            });
            assert_eq!(shutdown.finish(Duration::from_secs(5)).await, Ending::Failed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_task_does_not_keep_the_process() {
        let shutdown = Shutdown::new();
        shutdown.spawn("stuck", std::future::pending::<Result<(), String>>());
        shutdown.begin();
        assert_eq!(shutdown.finish(Duration::from_secs(10)).await, Ending::Failed);
    }
}
