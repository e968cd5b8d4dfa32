//! One run of messages, applied once: the inbox drops what was handled before, handlers run in one transaction, and when something fails
//! the run is rolled back and taken message by message, so that one bad message does not hold up or sink the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use shared_events::{TenantId, Topic};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::careful::MAX_ATTEMPTS;
use crate::clock::{Clock, SystemClock};
use crate::commands;
use crate::faults;
use crate::handler::{Failure, Raw, Routes};
use crate::incoming::Incoming;
use crate::parked::{self, Parking};
use crate::sharing::{Fresh, SMALL, Shared, Sharing};
use crate::store::{Store, Work};
use crate::telemetry::otlp;

/// Applies the messages of one partition.
pub(crate) struct Processor {
    pub(crate) store: Store,
    routes: Routes,
    pub(crate) topic: Topic,
    pub(crate) partition: u32,
    pub(crate) most_attempts: i32,
    /// Set after two starts in a row without progress: some message may be killing the process.
    pub(crate) careful: AtomicBool,
    pub(crate) proven: AtomicBool,
    pub(crate) fresh: AtomicU64,
    pub(crate) started: Instant,
    sharing: Arc<Sharing>,
}

impl Processor {
    /// Processors of one topic's partitions have `sharing` in common.
    pub(crate) fn new(store: Store, routes: Routes, topic: Topic, partition: u32, sharing: Arc<Sharing>) -> Self {
        Self {
            store,
            routes,
            topic,
            partition,
            most_attempts: MAX_ATTEMPTS,
            careful: AtomicBool::new(false),
            proven: AtomicBool::new(true),
            fresh: AtomicU64::new(0),
            started: Instant::now(),
            sharing,
        }
    }

    /// Whether there is anything to do for a message: its type has a handler, or it cannot be read. One without is counted.
    pub(crate) fn wants(&self, message: &Incoming) -> bool {
        let wanted = message.envelope.is_err() || self.routes.find(&message.kind).is_some();
        if !wanted {
            metrics::counter!("recoup_unrouted_total", "topic" => self.topic.name()).increment(1);
        }
        wanted
    }

    /// Gives up on a message sooner: nothing that a replay waits for comes by itself.
    pub(crate) fn impatient(self) -> Self {
        Self { most_attempts: 1, ..self }
    }

    /// Applies `messages`, all of them wanted here ([`Processor::wants`]); when it returns, each is committed, parked, or was so before.
    ///
    /// # Errors
    /// Only when stopped half-way, or when a task of ours broke; nothing may be acknowledged then.
    pub(crate) async fn process(
        self: &Arc<Self>,
        messages: Vec<Incoming>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let messages = Arc::new(messages);
        let began = Instant::now();
        let whole = !self.careful.load(Ordering::Relaxed);
        if !(whole && self.try_whole(&messages, stop).await?) {
            for index in 0..messages.len() {
                self.single(&messages, index, stop).await?;
            }
        }
        metrics::counter!("recoup_consumed_total", "topic" => self.topic.name()).increment(messages.len() as u64);
        metrics::histogram!("recoup_run_seconds", "topic" => self.topic.name()).record(began.elapsed().as_secs_f64());
        Ok(())
    }

    /// The whole run in one transaction. False: something in it failed, take it apart.
    async fn try_whole(
        self: &Arc<Self>,
        messages: &Arc<Vec<Incoming>>,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        if messages.len() <= SMALL {
            match self.sharing.together(messages, |parts| self.attempt(parts)).await {
                Shared::Applied(fresh) => {
                    self.note_progress(fresh.of(self.partition)).await;
                    return Ok(true);
                }
                // It was alone in it: the same once more would fail in the same way.
                Shared::Failed(Some(failure)) if !failure.is_infrastructure() => return Ok(false),
                Shared::Failed(_) => {}
            }
        }
        let mut trouble = Backoff::default();
        loop {
            match self.attempt(vec![Arc::clone(messages)]).await {
                Ok(fresh) => {
                    self.note_progress(fresh.of(self.partition)).await;
                    return Ok(true);
                }
                Err(failure) if failure.is_infrastructure() => self.pause(&failure, &mut trouble, stop).await?,
                Err(_) => return Ok(false),
            }
        }
    }

    /// One transaction over whole runs, in a task of its own so that a panic is a failure like any other.
    async fn attempt(self: &Arc<Self>, runs: Vec<Arc<Vec<Incoming>>>) -> Result<Fresh, Failure> {
        let processor = Arc::clone(self);
        joined(tokio::spawn(async move {
            let messages: Vec<&Incoming> = runs.iter().flat_map(|run| run.iter()).collect();
            processor.apply(&messages).await
        }))
        .await
    }

    /// One transaction over one message, likewise.
    pub(crate) async fn attempt_one(
        self: &Arc<Self>,
        messages: &Arc<Vec<Incoming>>,
        index: usize,
    ) -> Result<Fresh, Failure> {
        let (processor, messages) = (Arc::clone(self), Arc::clone(messages));
        joined(tokio::spawn(async move { processor.apply(&[&messages[index]]).await })).await
    }

    async fn apply(&self, messages: &[&Incoming]) -> Result<Fresh, Failure> {
        let traced = otlp::is_exporting().then(|| (SystemClock.now(), Instant::now()));
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
        let mut work = self.store.begin().await?;
        let mut fresh = claim(&mut work, &ids).await?;
        let repeated = ids.len() - fresh.len();
        if repeated > 0 {
            metrics::counter!("recoup_duplicates_total", "topic" => self.topic.name()).increment(repeated as u64);
        }
        // A message may stand twice in one run; only the first is handled.
        let taken: Vec<&Incoming> = messages.iter().copied().filter(|message| fresh.remove(&message.id)).collect();
        let mut count = Fresh::default();
        taken.iter().for_each(|message| count.add(message.partition));
        let mut blocked =
            parked::open_keys(&mut work, self.topic, taken.iter().map(|message| message.key.as_str())).await?;
        let mut free: BTreeMap<&str, Vec<Raw<'_>>> = BTreeMap::new();
        for message in taken {
            match (&message.envelope, blocked.get(&message.key)) {
                (Err(error), _) => {
                    let parking = Parking { reason: "malformed", error, attempts: 1, state: "parked" };
                    parked::park(&mut work, self.topic, message, &parking).await?;
                    blocked.insert(message.key.clone(), "parked".into());
                }
                (Ok(_), Some(state)) => {
                    let parking = Parking {
                        reason: "follows",
                        error: "an earlier message of the same key is parked",
                        attempts: 0,
                        state,
                    };
                    parked::park(&mut work, self.topic, message, &parking).await?;
                }
                (Ok(envelope), None) => {
                    free.entry(message.tenant.as_str()).or_default().push(Raw { envelope, payload: &message.payload });
                }
            }
        }
        for group in free.values() {
            dispatch(&self.routes, &mut work, group.iter().copied()).await?;
        }
        faults::point("consumer.before_commit");
        work.commit().await?;
        if let Some((started, began)) = traced {
            for raw in free.values().flatten() {
                otlp::handled(self.store.service().name(), raw.envelope, started, began.elapsed());
            }
        }
        self.store.signals().tell_handled(ids);
        Ok(count)
    }
}

/// What a task of its own came to; a panic in it is a failure like any other.
pub(crate) async fn joined<T>(task: JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    match task.await {
        Ok(result) => result,
        Err(panic) => Err(Failure::Retry(anyhow::anyhow!("the handler panicked: {panic}"))),
    }
}

/// Writes the ids into the inbox; the ones returned were not there yet.
pub(crate) async fn claim(work: &mut Work, ids: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    if faults::sabotaged("no_inbox") {
        return Ok(ids.iter().copied().collect());
    }
    let fresh = sqlx::query_scalar!(
        "INSERT INTO inbox (message_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING message_id",
        ids
    )
    .fetch_all(work.conn())
    .await?;
    Ok(fresh.into_iter().collect())
}

/// Hands the messages of one tenant to their handlers, in sets of one type. Messages of one key keep their order: a message whose key
/// was last seen with another type goes into a later wave.
pub(crate) async fn dispatch<'a>(
    routes: &Routes,
    work: &mut Work,
    messages: impl Iterator<Item = Raw<'a>>,
) -> Result<(), Failure> {
    let mut waves: BTreeMap<(usize, &str), Vec<Raw<'_>>> = BTreeMap::new();
    let mut last: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut tenant: Option<TenantId> = None;
    for raw in messages {
        let (key, kind) = (raw.envelope.subject.as_str(), raw.envelope.kind.as_str());
        let wave = match last.get(key) {
            Some((wave, same)) if *same == kind => *wave,
            Some((wave, _)) => wave + 1,
            None => 0,
        };
        last.insert(key, (wave, kind));
        waves.entry((wave, kind)).or_default().push(raw);
        tenant.get_or_insert_with(|| raw.envelope.tenant.clone());
    }
    if let Some(tenant) = tenant {
        work.set_tenant(&tenant).await?;
    }
    for ((_, kind), run) in &waves {
        let Some(handler) = routes.find(kind) else { continue };
        if handler.is_command() {
            for raw in run {
                commands::handle(handler.as_ref(), work, *raw).await?;
            }
        } else {
            handler.handle_run(work, run).await?;
        }
    }
    Ok(())
}
