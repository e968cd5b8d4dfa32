//! One transaction, and what it will say when it commits.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use shared_events::{Envelope, Message, MessageId, Service, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use super::{Cause, Signals, Store, new_id};
use crate::jobs::{Ended, NewJob};
use crate::outbox::{self, Outgoing};

/// What a service gathers over a transaction and writes in one go: when it asks for it, before another tenant is set, or before the
/// commit. For rows that many transactions want, so that their locks are taken late and in one order. Handlers of events only: what a
/// refused command gathered would not be taken back.
pub trait Gathered: Any + Send {
    /// Writes it all.
    fn write<'a>(&'a self, work: &'a mut Work) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>>;
}

/// One database transaction and the events that it will say. Dropped without [`Work::commit`], nothing happened.
pub struct Work {
    transaction: Transaction<'static, Postgres>,
    now: DateTime<Utc>,
    service: Service,
    tenant: Option<TenantId>,
    outgoing: Vec<Outgoing>,
    signals: Arc<Signals>,
    wakes_jobs: bool,
    ended: Option<Ended>,
    gathered: Option<Box<dyn Gathered>>,
}

impl Work {
    pub(super) async fn begin(store: &Store) -> Result<Self, sqlx::Error> {
        Ok(Self::within(store, store.pool.begin().await?, None))
    }

    /// Begins it and sets the tenant: in one round trip where the tenant's id is plain. That statement cannot bind, so any other id goes the
    /// ordinary way.
    pub(super) async fn begin_for(store: &Store, tenant: &TenantId) -> Result<Self, sqlx::Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !tenant.as_str().bytes().all(is_plain) {
            let mut work = Self::begin(store).await?;
            work.set_tenant(tenant).await?;
            return Ok(work);
        }
        let begin = format!("BEGIN; SET LOCAL recoup.tenant = '{}'", tenant.as_str());
        let transaction = store.pool.begin_with(AssertSqlSafe(begin)).await?;
        Ok(Self::within(store, transaction, Some(tenant.clone())))
    }

    fn within(store: &Store, transaction: Transaction<'static, Postgres>, tenant: Option<TenantId>) -> Self {
        Self {
            transaction,
            now: store.clock.now(),
            service: store.service,
            tenant,
            outgoing: Vec::new(),
            signals: Arc::clone(&store.signals),
            wakes_jobs: false,
            ended: None,
            gathered: None,
        }
    }

    /// The connection to run statements on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The time of this transaction; it stands still within it.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    /// Opens the tables of one tenant until the transaction ends or another tenant is set.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_tenant(&mut self, tenant: &TenantId) -> Result<(), sqlx::Error> {
        if self.tenant.as_ref() == Some(tenant) {
            return Ok(());
        }
        self.write_gathered().await?;
        sqlx::query!("SELECT set_config('recoup.tenant', $1, true)", tenant.as_str()).fetch_one(self.conn()).await?;
        self.tenant = Some(tenant.clone());
        Ok(())
    }

    /// The tenant that is set.
    ///
    /// # Panics
    /// Before [`Work::set_tenant`]; handlers run after it.
    pub fn tenant(&self) -> &TenantId {
        self.tenant.as_ref().expect("the tenant is set before a handler runs")
    }

    /// What was gathered for the tenant so far, to add to.
    ///
    /// # Panics
    /// When something of another type is gathered: a service has one.
    pub fn gathered<T: Gathered + Default>(&mut self) -> &mut T {
        let gathered: &mut dyn Any = self.gathered.get_or_insert_with(|| Box::new(T::default())).as_mut();
        gathered.downcast_mut().expect("a service gathers one type")
    }

    /// Takes what was gathered, to be written by the caller.
    ///
    /// # Panics
    /// As [`Work::gathered`].
    pub fn take_gathered<T: Gathered + Default>(&mut self) -> T {
        std::mem::take(self.gathered())
    }

    async fn write_gathered(&mut self) -> Result<(), sqlx::Error> {
        match self.gathered.take() {
            Some(gathered) => gathered.write(self).await,
            None => Ok(()),
        }
    }

    /// Says an event, if the transaction commits. `version` is the aggregate's version after the event, counted from 1; the row of the
    /// aggregate must be locked or version-checked by now, so that outbox order is version order.
    ///
    /// # Panics
    /// When the event belongs to another service's topic, or before a tenant is set.
    pub fn emit<M: Message>(&mut self, cause: &Cause, version: u64, event: &M) {
        assert_eq!(M::TOPIC.service, self.service, "{} is not an event of this service", M::TYPE);
        self.push(cause, version, event);
    }

    fn push<M: Message>(&mut self, cause: &Cause, version: u64, event: &M) {
        let envelope = self.envelope(cause, version, M::TYPE, event.key());
        self.outgoing.push(Outgoing::new(M::TOPIC, &envelope, event));
    }

    /// Says that a command was refused; the kit's consumer is the only caller.
    pub(crate) fn emit_raw(&mut self, cause: &Cause, kind: &str, key: String, event: &impl serde::Serialize) {
        let envelope = self.envelope(cause, 0, kind, key);
        self.outgoing.push(Outgoing::new(shared_events::Topic::events(self.service), &envelope, event));
    }

    fn envelope(&self, cause: &Cause, version: u64, kind: &str, key: String) -> Envelope {
        Envelope {
            id: MessageId(new_id(self.now)),
            source: format!("/services/{}", self.service.name()),
            kind: kind.to_owned(),
            subject: key,
            time: self.now,
            recorded: self.now,
            sequence: version,
            tenant: self.tenant().clone(),
            actor: cause.actor.clone(),
            correlation: cause.correlation,
            causation: cause.message,
            traceparent: cause.traceparent.clone(),
            body_digest: None,
            replay: None,
        }
    }

    /// Where the events said so far end; see [`Work::forget_since`].
    pub(crate) fn said(&self) -> usize {
        self.outgoing.len()
    }

    /// Unsays the events since `mark`, after a savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        self.outgoing.truncate(mark);
    }

    /// Adds a durable job, if the transaction commits. A job of the same kind and key that is still open is kept instead.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn enqueue(&mut self, job: NewJob) -> Result<(), sqlx::Error> {
        self.enqueue_with(job, None).await
    }

    /// As [`Work::enqueue`], after the job in hand was finished, for what follows at once: hands `found` over, which this transaction has found
    /// out for it. A job that the queue gives to another worker, or to the same one after a crash, does not have it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn go_on<T: Any + Send>(&mut self, job: NewJob, found: T) -> Result<(), sqlx::Error> {
        self.enqueue_with(job, Some(Box::new(found))).await
    }

    async fn enqueue_with(&mut self, job: NewJob, found: Option<Box<dyn Any + Send>>) -> Result<(), sqlx::Error> {
        let tenant = self.tenant().clone();
        if let Some(ended) = &mut self.ended
            && ended.of(&tenant)
            && ended.follow(&mut self.transaction, self.now, &job, found).await?
        {
            return Ok(());
        }
        self.wakes_jobs = true;
        crate::jobs::insert(self.conn(), &tenant, job).await
    }

    /// A job ends in this transaction; what it leads to may follow at once.
    pub(crate) fn ends(&mut self, job: Ended) {
        self.ended = Some(job);
    }

    /// Writes the outbox, commits, and wakes whoever waits for it.
    ///
    /// # Errors
    /// When the database is away. The outcome is then unknown: the caller tries the whole message again and the inbox decides.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.write_gathered().await?;
        let says = !self.outgoing.is_empty();
        let outgoing = std::mem::take(&mut self.outgoing);
        outbox::insert(&mut self.transaction, &outgoing).await?;
        self.transaction.commit().await?;
        if says {
            self.signals.outbox.notify_one();
        }
        if self.wakes_jobs {
            self.signals.jobs.notify_one();
        }
        if let Some(ended) = self.ended {
            ended.committed();
        }
        Ok(())
    }
}
