//! Messages that are taken one by one: those of a run that failed, and all of them after starts that made no progress, since one may be killing
//! the process. Attempts at a suspicious message are counted before it is tried, and it is tried alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::faults;
use crate::handler::Failure;
use crate::inbox::{Processor, claim};
use crate::incoming::Incoming;
use crate::parked::{self, Parking};

/// Attempts at one message before it is parked.
pub(crate) const MAX_ATTEMPTS: i32 = 8;
/// Fresh messages after which a consumer has proved that nothing in its first run kills the process (a run is shorter).
const PROVEN_AFTER: u64 = 1_000;
/// Or this long.
const PROVEN_FOR: Duration = Duration::from_secs(30);

/// Held while a suspicious message is tried, by every partition and service of this process: when it dies, one message alone is to blame.
pub(crate) static SUSPECT: Mutex<()> = Mutex::const_new(());

impl Processor {
    /// Counts a start of this process, once; two fruitless ones before it make this one careful.
    pub(crate) async fn note_start(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        if !self.proven.swap(false, Ordering::Relaxed) || self.fresh.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let mut trouble = Backoff::default();
        loop {
            let counted = sqlx::query_scalar!(
                "INSERT INTO consumer_starts AS starts (topic, partition, fruitless) VALUES ($1, $2, 1)
                 ON CONFLICT (topic, partition) DO UPDATE SET fruitless = starts.fruitless + 1 RETURNING fruitless",
                self.topic.name(),
                self.partition as i32,
            )
            .fetch_one(self.store.pool())
            .await;
            match counted {
                Ok(fruitless) => {
                    self.careful.store(fruitless > 2, Ordering::Relaxed);
                    if fruitless > 2 {
                        tracing::warn!(
                            topic = self.topic.name(),
                            partition = self.partition,
                            fruitless,
                            "starting carefully: the last starts made no progress"
                        );
                    }
                    return Ok(());
                }
                Err(error) if stop.is_cancelled() => return Err(error.into()),
                Err(_) => trouble.wait(stop).await,
            }
        }
    }

    /// Records that this process did not die of a message.
    pub(crate) async fn stopped_in_order(&self) {
        let reset = sqlx::query!(
            "UPDATE consumer_starts SET fruitless = 0 WHERE topic = $1 AND partition = $2 AND fruitless > 0",
            self.topic.name(),
            self.partition as i32
        )
        .execute(self.store.pool())
        .await;
        if let Err(error) = reset {
            tracing::debug!(%error, "the start counter was not reset");
        }
    }

    pub(crate) async fn note_progress(&self, fresh: u64) {
        let total = self.fresh.fetch_add(fresh, Ordering::Relaxed) + fresh;
        let proven = total >= PROVEN_AFTER || (total > 0 && self.started.elapsed() >= PROVEN_FOR);
        if proven && !self.proven.swap(true, Ordering::Relaxed) {
            self.careful.store(false, Ordering::Relaxed);
            self.stopped_in_order().await;
        }
    }

    pub(crate) async fn pause(
        &self,
        failure: &Failure,
        trouble: &mut Backoff,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        tracing::warn!(
            topic = self.topic.name(),
            partition = self.partition,
            ?failure,
            "the database is in the way, trying again"
        );
        trouble.wait(stop).await;
        anyhow::ensure!(!stop.is_cancelled(), "stopped while the database was away");
        Ok(())
    }

    /// One message by itself, tried again in place until it is applied or parked.
    pub(crate) async fn single(
        self: &Arc<Self>,
        messages: &Arc<Vec<Incoming>>,
        index: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let message = &messages[index];
        let mut trouble = Backoff::default();
        let mut suspicious = self.careful.load(Ordering::Relaxed);
        let mut last_error = None;
        loop {
            let result = self.guarded_attempt(messages, index, suspicious, last_error.as_deref()).await;
            match result {
                Ok(Guarded::Applied(fresh)) => {
                    self.note_progress(fresh).await;
                    return Ok(());
                }
                Ok(Guarded::Exhausted(attempts, error)) => {
                    match self.park_alone(message, "attempts", &error, attempts).await {
                        Ok(()) => return Ok(()),
                        Err(failure) => self.pause(&failure, &mut trouble, stop).await?,
                    }
                }
                Err(failure) if failure.is_infrastructure() => self.pause(&failure, &mut trouble, stop).await?,
                Err(Failure::Reject(rejection)) => {
                    let error = format!("{}: {}", rejection.code, rejection.detail);
                    match self.park_alone(message, "rejected", &error, 1).await {
                        Ok(()) => return Ok(()),
                        Err(failure) => self.pause(&failure, &mut trouble, stop).await?,
                    }
                }
                Err(Failure::Retry(error)) => {
                    tracing::warn!(message.id = %message.id, message.kind = message.kind, error = format!("{error:#}"), "a message failed, trying again");
                    last_error = Some(format!("{error:#}"));
                    suspicious = true;
                    trouble.wait(stop).await;
                    anyhow::ensure!(!stop.is_cancelled(), "stopped while a message was retried");
                }
            }
        }
    }

    async fn guarded_attempt(
        self: &Arc<Self>,
        messages: &Arc<Vec<Incoming>>,
        index: usize,
        suspicious: bool,
        last_error: Option<&str>,
    ) -> Result<Guarded, Failure> {
        let message = &messages[index];
        let _alone =
            if suspicious && !faults::sabotaged("suspects_together") { Some(SUSPECT.lock().await) } else { None };
        if suspicious {
            // Committed before the message is tried, so that one which kills the process is counted too.
            let row = sqlx::query!(
                "INSERT INTO attempts AS tried (message_id, attempts, last_error) VALUES ($1, 1, $2)
                 ON CONFLICT (message_id) DO UPDATE SET attempts = tried.attempts + 1, updated_at = now(),
                     last_error = COALESCE(EXCLUDED.last_error, tried.last_error)
                 RETURNING attempts, last_error",
                message.id,
                last_error,
            )
            .fetch_one(self.store.pool())
            .await?;
            if row.attempts > self.most_attempts {
                let error =
                    row.last_error.unwrap_or_else(|| "the process died each time while it handled this message".into());
                return Ok(Guarded::Exhausted(row.attempts - 1, error));
            }
        }
        let fresh = self.attempt_one(messages, index).await?.of(message.partition);
        if suspicious {
            sqlx::query!("DELETE FROM attempts WHERE message_id = $1", message.id).execute(self.store.pool()).await?;
        }
        Ok(Guarded::Applied(fresh))
    }

    async fn park_alone(&self, message: &Incoming, reason: &str, error: &str, attempts: i32) -> Result<(), Failure> {
        let mut work = self.store.begin().await?;
        if claim(&mut work, &[message.id]).await?.is_empty() {
            return Ok(());
        }
        let parking = Parking { reason, error, attempts, state: "parked" };
        parked::park(&mut work, self.topic, message, &parking).await?;
        sqlx::query!("DELETE FROM attempts WHERE message_id = $1", message.id).execute(work.conn()).await?;
        work.commit().await?;
        Ok(())
    }
}

enum Guarded {
    Applied(u64),
    Exhausted(i32, String),
}
