//! A service's database: one transaction at a time, together with the events that it will say.

mod work;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use shared_events::{Envelope, MessageId, Service, TenantId};
use sqlx::PgPool;
use tokio::sync::{Notify, broadcast};
use uuid::Uuid;

use crate::clock::Clock;

pub use work::{Gathered, Work};

/// A service's database with the clock that its transactions go by.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    service: Service,
    signals: Arc<Signals>,
}

/// In-process wake-ups. They only save time: everything they announce is also found by polling.
pub(crate) struct Signals {
    pub(crate) outbox: Notify,
    pub(crate) jobs: Notify,
    /// The messages of each transaction that a consumer has committed.
    pub(crate) handled: broadcast::Sender<Arc<[Uuid]>>,
}

/// Transactions that somebody who waits may be behind before it looks for itself.
const HEARD: usize = 256;

impl Default for Signals {
    fn default() -> Self {
        Self { outbox: Notify::new(), jobs: Notify::new(), handled: broadcast::Sender::new(HEARD) }
    }
}

impl Signals {
    /// Tells those who wait for these messages. Nobody may.
    pub(crate) fn tell_handled(&self, messages: Vec<Uuid>) {
        let _nobody_waits = self.handled.send(messages.into());
    }
}

/// What an event follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The message that directly caused it, if one did.
    pub message: Option<MessageId>,
    /// Shared by everything that follows from one request.
    pub correlation: Uuid,
    /// Who caused it (JWT `sub`).
    pub actor: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Cause {
    /// The start of a chain: a request or a timer.
    pub fn root(correlation: Uuid, actor: Option<String>) -> Self {
        Self { message: None, correlation, actor, traceparent: None }
    }
}

impl From<&Envelope> for Cause {
    fn from(envelope: &Envelope) -> Self {
        Self {
            message: Some(envelope.id),
            correlation: envelope.correlation,
            actor: envelope.actor.clone(),
            traceparent: envelope.traceparent.clone(),
        }
    }
}

impl Store {
    /// The database behind `pool`, as `service`.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, service: Service) -> Self {
        Self { pool, clock, service, signals: Arc::default() }
    }

    /// The pool, for the few statements that need no tenant.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The time by the injected clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The injected clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whose database it is.
    pub fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Begins a transaction. No tenant is set: tables under row-level security look empty until [`Work::set_tenant`].
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self) -> Result<Work, sqlx::Error> {
        Work::begin(self).await
    }

    /// Begins a transaction for one tenant; the way to run a query.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn read(&self, tenant: &TenantId) -> Result<Work, sqlx::Error> {
        Work::begin_for(self, tenant).await
    }
}

/// A new UUIDv7 at the given time: sortable, and by the injected clock.
pub fn new_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()))
}
