//! The worker: takes due jobs out of the queue under a lease, runs them, and goes on with what follows at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared_events::{MessageId, TenantId};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{AnyJob, Hand, Handed, Job, RunsJob};
use crate::handler::Failure;
use crate::store::{Cause, Store};

/// How long a worker may be silent before another takes its job; it says three times as often that it still runs it.
const LEASE: Duration = Duration::from_secs(20);
/// How often an idle worker looks for due jobs.
const POLL: Duration = Duration::from_millis(250);
/// Attempts before a job is set aside as failed.
const MAX_ATTEMPTS: i32 = 12;

/// Runs a service's jobs when they are due.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    handlers: Arc<HashMap<&'static str, Arc<dyn AnyJob>>>,
    lease: Duration,
    at_once: usize,
}

impl Worker {
    /// A worker without handlers; it does nothing. It runs one job at a time.
    pub fn new(store: Store) -> Self {
        Self { store, handlers: Arc::default(), lease: LEASE, at_once: 1 }
    }

    /// Runs up to so many jobs at the same time (at least one), so that a slow one delays no others. Two jobs never have the same kind and
    /// key, but they may be about the same thing: handlers of such a worker lock what they change.
    #[must_use]
    pub fn at_once(mut self, jobs: usize) -> Self {
        self.at_once = jobs.max(1);
        self
    }

    /// Jobs of this kind go to `handler`.
    #[must_use]
    pub fn on<J: RunsJob>(mut self, handler: J) -> Self {
        let mut handlers = (*self.handlers).clone();
        handlers.insert(J::KIND, Arc::new(handler));
        self.handlers = Arc::new(handlers);
        self
    }

    /// Another worker takes a job over when this one was silent for so long; a minute unless said.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Runs until `stop`; the jobs in hand are finished first.
    pub async fn run(self, stop: CancellationToken) {
        if self.handlers.is_empty() {
            return;
        }
        futures::future::join_all((0..self.at_once).map(|_| self.run_in_turn(&stop))).await;
    }

    async fn run_in_turn(&self, stop: &CancellationToken) {
        let mut next = None;
        while !stop.is_cancelled() {
            let ran = match next.take() {
                Some((kind, job)) => self.run_one(kind, job).await.map(Some),
                None => self.take_and_run().await,
            };
            match ran {
                Ok(Some(following)) => {
                    next = following;
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "jobs cannot be taken"),
            }
            tokio::select! {
                () = self.store.signals().jobs.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        self.put_back(next).await;
    }

    /// Runs the next due job, if there is one, and leaves what follows it in the queue. Tests call it to drain the queue.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn run_next(&self) -> Result<bool, sqlx::Error> {
        let Some(following) = self.take_and_run().await? else { return Ok(false) };
        self.put_back(following).await;
        Ok(true)
    }

    /// Takes the next due job and runs it; the job to go on with. `None`: nothing is due.
    async fn take_and_run(&self) -> Result<Option<Option<(&'static str, Job)>>, sqlx::Error> {
        let kinds: Vec<String> = self.handlers.keys().map(|kind| (*kind).to_owned()).collect();
        let (now, lock) = (self.store.now(), Uuid::now_v7());
        let row = sqlx::query!(
            "UPDATE jobs SET locked_by = $1, locked_until = now() + $2 * interval '1 second', attempts = attempts + 1
             WHERE id = (SELECT id FROM jobs WHERE failed_at IS NULL AND due_at <= $3 AND kind = ANY($4)
                           AND (locked_until IS NULL OR locked_until < now())
                         ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, kind, key, tenant, payload, correlation, cause, attempts, traceparent",
            lock,
            self.lease.as_secs_f64(),
            now,
            &kinds,
        )
        .fetch_optional(self.store.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        // Where one was due there may be more: one commit wakes one worker, and each that finds work wakes the next.
        self.store.signals().jobs.notify_one();
        let Ok(tenant) = TenantId::try_new(row.tenant) else { return Ok(Some(None)) };
        let (message, traceparent) = (row.cause.map(MessageId), row.traceparent);
        let cause = Cause { message, traceparent, ..Cause::root(row.correlation, None) };
        let Some((kind, _)) = self.handlers.get_key_value(row.kind.as_str()) else { return Ok(Some(None)) };
        let worker = Hand { handlers: Arc::clone(&self.handlers), lease: self.lease, ended: Arc::default() };
        let (id, key, payload, attempt) = (row.id, row.key, row.payload, row.attempts);
        let job = Job { id, lock, key, tenant, payload, cause, attempt, worker, handed: Handed::default() };
        self.run_one(kind, job).await.map(Some)
    }

    /// Runs a job that was taken; the job to go on with.
    async fn run_one(&self, kind: &'static str, job: Job) -> Result<Option<(&'static str, Job)>, sqlx::Error> {
        let Some(handler) = self.handlers.get(kind).cloned() else { return Ok(None) };
        let (store, running) = (self.store.clone(), job.clone());
        let running = tokio::spawn(async move { handler.run(&store, &running).await });
        let result = self.keep_lease(&job, running).await;
        let failure = match result {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::Retry(anyhow::anyhow!("the job panicked: {panic}"))),
        };
        let ended = job.worker.ended.get();
        if ended.is_none() || failure.is_some() {
            self.settle(&job, kind, failure).await?;
        }
        Ok(ended.cloned().flatten())
    }

    /// Leaves a job that was to be gone on with to whoever comes next. When that does not succeed, its lease ends.
    async fn put_back(&self, next: Option<(&'static str, Job)>) {
        let Some((kind, job)) = next else { return };
        let freed = sqlx::query!(
            "UPDATE jobs SET locked_by = NULL, locked_until = NULL, attempts = attempts - 1 WHERE id = $1 AND locked_by = $2",
            job.id,
            job.lock,
        )
        .execute(self.store.pool())
        .await;
        if let Err(error) = freed {
            tracing::warn!(%error, job.kind = kind, job.key, "a job cannot be put back");
        }
    }

    /// Waits for a job and renews its lease meanwhile, so that only the job of a dead or frozen worker is taken over.
    async fn keep_lease<T>(&self, job: &Job, mut running: JoinHandle<T>) -> Result<T, JoinError> {
        loop {
            tokio::select! {
                result = &mut running => return result,
                () = tokio::time::sleep(self.lease / 3) => {
                    let renewed = sqlx::query!(
                        "UPDATE jobs SET locked_until = now() + $3 * interval '1 second' WHERE id = $1 AND locked_by = $2",
                        job.id,
                        job.lock,
                        self.lease.as_secs_f64(),
                    )
                    .execute(self.store.pool())
                    .await;
                    if let Err(error) = renewed {
                        tracing::warn!(%error, job.key, "the lease of a running job cannot be renewed");
                    }
                }
            }
        }
    }

    async fn settle(&self, job: &Job, kind: &str, failure: Option<Failure>) -> Result<(), sqlx::Error> {
        let Some(failure) = failure else {
            sqlx::query!("DELETE FROM jobs WHERE id = $1 AND locked_by = $2", job.id, job.lock)
                .execute(self.store.pool())
                .await?;
            return Ok(());
        };
        let (error, hopeless) = match &failure {
            Failure::Retry(error) => {
                (format!("{error:#}"), job.attempt >= MAX_ATTEMPTS && !failure.is_infrastructure())
            }
            Failure::Reject(rejection) => (format!("{}: {}", rejection.code, rejection.detail), true),
        };
        tracing::warn!(job.kind = kind, job.key = job.key, job.attempt, error, hopeless, "a job failed");
        let now = self.store.now();
        let pause = TimeDelta::seconds(1 << job.attempt.clamp(0, 10));
        sqlx::query!(
            "UPDATE jobs SET locked_by = NULL, locked_until = NULL, last_error = $3, due_at = $4, failed_at = CASE WHEN $5 THEN $6::timestamptz END
             WHERE id = $1 AND locked_by = $2",
            job.id,
            job.lock,
            error,
            now + pause,
            hopeless,
            now,
        )
        .execute(self.store.pool())
        .await?;
        Ok(())
    }
}
