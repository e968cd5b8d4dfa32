//! What a service does with messages: handlers, and the table that finds the handler for a type.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use shared_events::outcome::Rejection;
use shared_events::{Envelope, Kind, Message, Topic};

use crate::store::Work;

/// A message with its envelope.
#[derive(Debug, Clone)]
pub struct Delivered<M> {
    /// Everything about it except its data.
    pub envelope: Envelope,
    /// Its data.
    pub data: M,
}

/// Why a message was not handled.
#[derive(Debug)]
pub enum Failure {
    /// It may work later: the message is tried again in place, and parked when its attempts are used up.
    Retry(anyhow::Error),
    /// It will never work. A command ends as rejected; an event is parked.
    Reject(Rejection),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Retry(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(error.into())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

impl Failure {
    /// A refusal with a stable code and one sentence.
    pub fn reject(code: &str, detail: impl Into<String>) -> Self {
        Self::Reject(Rejection::new(code, detail))
    }

    /// Whether the message is innocent: the database was away, or another transaction was in the way.
    pub fn is_infrastructure(&self) -> bool {
        let Self::Retry(error) = self else {
            return false;
        };
        error.chain().filter_map(|cause| cause.downcast_ref::<sqlx::Error>()).any(|cause| match cause {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // 08 connection, 40 serialisation and deadlock, 53 resources, 57 operator intervention, 58 system error
            sqlx::Error::Database(database) => database
                .code()
                .is_some_and(|code| ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))),
            _ => false,
        })
    }
}

/// What a command led to, beyond its events: the ids that the caller wants to know.
#[derive(Debug, Clone, Default)]
pub struct Outcome(pub(crate) Option<serde_json::Value>);

impl Outcome {
    /// Nothing to tell.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The resulting ids, as an object.
    pub fn ids(ids: &impl Serialize) -> Self {
        Self(serde_json::to_value(ids).ok())
    }

    /// What is told.
    pub fn value(&self) -> Option<&serde_json::Value> {
        self.0.as_ref()
    }
}

/// Handles messages of one type, one at a time.
pub trait Handles<M: Message>: Send + Sync + 'static {
    /// Applies one message in the transaction of `work`; the tenant is set. It never talks to the outside and never commits.
    fn handle(&self, work: &mut Work, message: &Delivered<M>) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

/// Handles messages of one type in sets, for hot ones.
pub trait HandlesRun<M: Message>: Send + Sync + 'static {
    /// Applies messages of one tenant in the transaction of `work`. Messages of one key are in their order.
    fn handle_run(&self, work: &mut Work, run: &[Delivered<M>]) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A message as it came: envelope read, data not yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'m> {
    pub(crate) envelope: &'m Envelope,
    pub(crate) payload: &'m [u8],
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A handler whose message type is forgotten.
pub(crate) trait AnyHandler: Send + Sync {
    fn handle_run<'a>(&'a self, work: &'a mut Work, run: &'a [Raw<'a>])
    -> BoxFuture<'a, Result<Vec<Outcome>, Failure>>;
    fn is_command(&self) -> bool;
}

fn decode<M: Message>(payload: &[u8]) -> Result<M, serde_path_to_error::Error<serde_json::Error>> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(payload))
}

fn delivered<M: Message>(raw: &Raw<'_>) -> Result<Delivered<M>, Failure> {
    let data = decode(raw.payload).map_err(|error| {
        Failure::Reject(Rejection::new("malformed", error.to_string()).at(&error.path().to_string()))
    })?;
    Ok(Delivered { envelope: raw.envelope.clone(), data })
}

struct One<M, H>(H, std::marker::PhantomData<fn(M)>);
struct Run<M, H>(H, std::marker::PhantomData<fn(M)>);

impl<M: Message, H: Handles<M>> AnyHandler for One<M, H> {
    fn handle_run<'a>(
        &'a self,
        work: &'a mut Work,
        run: &'a [Raw<'a>],
    ) -> BoxFuture<'a, Result<Vec<Outcome>, Failure>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(run.len());
            for raw in run {
                outcomes.push(self.0.handle(work, &delivered(raw)?).await?);
            }
            Ok(outcomes)
        })
    }

    fn is_command(&self) -> bool {
        M::TOPIC.kind == Kind::Command
    }
}

impl<M: Message, H: HandlesRun<M>> AnyHandler for Run<M, H> {
    fn handle_run<'a>(
        &'a self,
        work: &'a mut Work,
        run: &'a [Raw<'a>],
    ) -> BoxFuture<'a, Result<Vec<Outcome>, Failure>> {
        Box::pin(async move {
            let messages: Vec<Delivered<M>> = run.iter().map(|raw| delivered(raw)).collect::<Result<_, _>>()?;
            self.0.handle_run(work, &messages).await?;
            Ok(vec![Outcome::none(); run.len()])
        })
    }

    fn is_command(&self) -> bool {
        M::TOPIC.kind == Kind::Command
    }
}

/// Which message goes to which handler; a service's table of contents.
#[derive(Clone, Default)]
pub struct Routes {
    handlers: HashMap<&'static str, Arc<dyn AnyHandler>>,
    topics: Vec<Topic>,
}

impl Routes {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    fn add<M: Message>(mut self, handler: Arc<dyn AnyHandler>) -> Self {
        let earlier = self.handlers.insert(M::TYPE, handler);
        assert!(earlier.is_none(), "{} has two handlers", M::TYPE);
        if !self.topics.contains(&M::TOPIC) {
            self.topics.push(M::TOPIC);
        }
        self
    }

    /// Messages of type `M` go to `handler`, one at a time.
    ///
    /// # Panics
    /// When the type has a handler already.
    #[must_use]
    pub fn on<M: Message>(self, handler: impl Handles<M>) -> Self {
        self.add::<M>(Arc::new(One(handler, std::marker::PhantomData)))
    }

    /// Messages of type `M` go to `handler`, in sets.
    ///
    /// # Panics
    /// When the type has a handler already.
    #[must_use]
    pub fn on_run<M: Message>(self, handler: impl HandlesRun<M>) -> Self {
        self.add::<M>(Arc::new(Run(handler, std::marker::PhantomData)))
    }

    /// The topics that the handlers need.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The wire names that have a handler.
    pub fn types(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.handlers.keys().copied()
    }

    pub(crate) fn find(&self, kind: &str) -> Option<&Arc<dyn AnyHandler>> {
        self.handlers.get(kind)
    }
}
