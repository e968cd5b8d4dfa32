//! Durable jobs: timers, and effects outside the database. A job is enqueued in the transaction that wants it and runs at least once;
//! [`Job::finish`] ends it together with what it led to. When that is another job, due at once, the same worker goes on with it: a chain of
//! steps pays for one transaction each, and for none to be taken out of the queue. With [`Work::go_on`] the transaction hands the next job what
//! it has found out already; that is in memory only, and a job that is run again has to find it out by itself.
//!
//! Ready-made queues were looked at: apalis keeps its own transaction, so a job cannot be enqueued with the state change that wants it;
//! sqlxmq and graphile-worker's ports wake by NOTIFY inside the hot transaction. What is needed is one table.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared_events::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::handler::Failure;
use crate::store::{Cause, Store, Work};

mod worker;

pub use worker::Worker;

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
    worker: Hand,
    handed: Handed,
}

/// What the job before has found out for a job, in memory.
#[derive(Clone, Default)]
struct Handed(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl fmt::Debug for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handed")
    }
}

/// The worker that has a job in hand.
#[derive(Clone)]
struct Hand {
    handlers: Arc<HashMap<&'static str, Arc<dyn AnyJob>>>,
    lease: Duration,
    /// Set when the job ended in a transaction of its own; with the job to go on with, if one follows at once.
    ended: Arc<OnceLock<Option<(&'static str, Job)>>>,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// A job that ends when a transaction commits, and the one that follows it.
pub(crate) struct Ended {
    job: Job,
    next: Option<(&'static str, Job)>,
}

impl Ended {
    /// Whether it is a job of this tenant.
    pub(crate) fn of(&self, tenant: &TenantId) -> bool {
        self.job.tenant == *tenant
    }

    /// Adds a job that the same worker goes on with, if it can: it runs such jobs, nothing else follows yet, and this is due by `now`.
    /// Nothing is added when it is to wait in the queue.
    pub(crate) async fn follow(
        &mut self,
        connection: &mut PgConnection,
        now: DateTime<Utc>,
        new: &NewJob,
        with: Option<Box<dyn Any + Send>>,
    ) -> Result<bool, sqlx::Error> {
        let hand = &self.job.worker;
        if self.next.is_some() || new.due_at > now || !hand.handlers.contains_key(new.kind) {
            return Ok(false);
        }
        let lock = Uuid::now_v7();
        let id = sqlx::query_scalar!(
            "INSERT INTO jobs (kind, key, tenant, payload, correlation, cause, due_at, traceparent, attempts, locked_by, locked_until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, now() + $10 * interval '1 second')
             ON CONFLICT (kind, key) DO NOTHING RETURNING id",
            new.kind,
            new.key,
            self.job.tenant.as_str(),
            new.payload,
            new.cause.correlation,
            new.cause.message.map(|id| id.0),
            new.due_at,
            new.cause.traceparent,
            lock,
            hand.lease.as_secs_f64(),
        )
        .fetch_optional(connection)
        .await?;
        let worker = Hand { ended: Arc::default(), ..hand.clone() };
        let (tenant, cause) = (self.job.tenant.clone(), Cause { actor: None, ..new.cause.clone() });
        self.next = id.map(|id| {
            let (key, payload) = (new.key.clone(), new.payload.clone());
            let handed = Handed(Arc::new(Mutex::new(with)));
            (new.kind, Job { id, lock, key, tenant, payload, cause, attempt: 1, worker, handed })
        });
        Ok(true)
    }

    /// The transaction is committed.
    pub(crate) fn committed(self) {
        // A job ends once; a second time would have found it gone.
        let _ended_before = self.job.worker.ended.set(self.next);
    }
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
        work.ends(Ended { job: self.clone(), next: None });
        Ok(())
    }

    /// Takes what the job before handed over by [`Work::go_on`]; `None` when this job was taken out of the queue, as after a crash.
    pub fn handed<T: 'static>(&self) -> Option<T> {
        let handed = self.handed.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        handed.downcast().ok().map(|handed| *handed)
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
