//! Durable jobs: timers, and effects outside the database. A job is enqueued in the transaction that wants it and runs at least once;
//! [`Job::finish`] ends it together with what it led to.
//!
//! Ready-made queues were looked at: apalis keeps its own transaction, so a job cannot be enqueued with the state change that wants it;
//! sqlxmq and graphile-worker's ports wake by NOTIFY inside the hot transaction. What is needed is one table.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared_events::{MessageId, TenantId};
use sqlx::PgConnection;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::handler::Failure;
use crate::store::{Cause, Store, Work};

/// How long a worker may be silent before another takes its job; it says three times as often that it still runs it.
const LEASE: Duration = Duration::from_secs(20);
/// How often an idle worker looks for due jobs.
const POLL: Duration = Duration::from_millis(250);
/// Attempts before a job is set aside as failed.
const MAX_ATTEMPTS: i32 = 12;

/// A job to enqueue.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Which handler runs it.
    pub kind: &'static str,
    /// Unique among the open jobs of its kind: enqueuing it again changes nothing.
    pub key: String,
    /// When it is due, by the injected clock.
    pub due_at: DateTime<Utc>,
    /// What the handler needs.
    pub payload: serde_json::Value,
    /// What it follows from.
    pub cause: Cause,
}

/// A job that is running.
#[derive(Debug, Clone)]
pub struct Job {
    id: i64,
    lock: Uuid,
    /// Its key.
    pub key: String,
    /// Whose it is.
    pub tenant: TenantId,
    /// What the handler needs.
    pub payload: serde_json::Value,
    /// What it follows from.
    pub cause: Cause,
    /// Which attempt this is, from 1.
    pub attempt: i32,
}

impl Job {
    /// Ends the job in the transaction of `work`. Without it the worker ends the job after the handler returned, and a crash between runs it again.
    ///
    /// # Errors
    /// When the database is away, or another worker took the job over.
    pub async fn finish(&self, work: &mut Work) -> Result<(), Failure> {
        let ended = sqlx::query!("DELETE FROM jobs WHERE id = $1 AND locked_by = $2", self.id, self.lock)
            .execute(work.conn())
            .await?;
        if ended.rows_affected() == 0 {
            return Err(Failure::Retry(anyhow::anyhow!("another worker has taken over job {}", self.key)));
        }
        Ok(())
    }
}

/// Runs jobs of one kind.
pub trait RunsJob: Send + Sync + 'static {
    /// The kind it runs.
    const KIND: &'static str;
    /// Runs one job. It may talk to the outside, with an idempotency key that the job determines.
    fn run(&self, store: &Store, job: &Job) -> impl Future<Output = Result<(), Failure>> + Send;
}

pub(crate) async fn insert(connection: &mut PgConnection, tenant: &TenantId, job: NewJob) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO jobs (kind, key, tenant, payload, correlation, cause, due_at, traceparent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (kind, key) DO NOTHING",
        job.kind,
        job.key,
        tenant.as_str(),
        job.payload,
        job.cause.correlation,
        job.cause.message.map(|id| id.0),
        job.due_at,
        job.cause.traceparent,
    )
    .execute(connection)
    .await?;
    Ok(())
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

trait AnyJob: Send + Sync {
    fn run<'a>(&'a self, store: &'a Store, job: &'a Job) -> BoxFuture<'a, Result<(), Failure>>;
}

impl<J: RunsJob> AnyJob for J {
    fn run<'a>(&'a self, store: &'a Store, job: &'a Job) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(RunsJob::run(self, store, job))
    }
}

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
        while !stop.is_cancelled() {
            match self.run_next().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "jobs cannot be taken"),
            }
            tokio::select! {
                () = self.store.signals().jobs.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Runs the next due job, if there is one. Tests call it to drain the queue.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn run_next(&self) -> Result<bool, sqlx::Error> {
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
        let Some(row) = row else { return Ok(false) };
        let Ok(tenant) = TenantId::try_new(row.tenant) else { return Ok(true) };
        let (message, traceparent) = (row.cause.map(MessageId), row.traceparent);
        let cause = Cause { message, traceparent, ..Cause::root(row.correlation, None) };
        let job = Job { id: row.id, lock, key: row.key, tenant, payload: row.payload, cause, attempt: row.attempts };
        let Some(handler) = self.handlers.get(row.kind.as_str()).cloned() else { return Ok(true) };
        let (store, running) = (self.store.clone(), job.clone());
        let running = tokio::spawn(async move { handler.run(&store, &running).await });
        let result = self.keep_lease(&job, running).await;
        let failure = match result {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::Retry(anyhow::anyhow!("the job panicked: {panic}"))),
        };
        self.settle(&job, &row.kind, failure).await?;
        Ok(true)
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
