//! One run of messages, applied once: the inbox drops what was handled before, handlers run in one transaction, and when something fails
//! the run is rolled back and taken message by message, so that one bad message does not hold up or sink the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pulsar::consumer::Message as PulsarMessage;
use shared_events::{Envelope, TenantId, Topic};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::commands;
use crate::faults;
use crate::handler::{Failure, Raw, Routes};
use crate::outbox::Backoff;
use crate::parked::{self, Parking};
use crate::store::{Store, Work};

/// Attempts at one message before it is parked.
const MAX_ATTEMPTS: i32 = 8;
/// Fresh messages after which a consumer has proved that nothing in its first run kills the process (a run is shorter).
const PROVEN_AFTER: u64 = 2_000;
/// Or this long.
const PROVEN_FOR: Duration = Duration::from_secs(30);

/// Held while a suspicious message is tried, by every partition and service of this process: when it dies, one message alone is to blame.
static SUSPECT: Mutex<()> = Mutex::const_new(());

/// A message as it came from the broker.
pub(crate) struct Incoming {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) tenant: String,
    pub(crate) kind: String,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
    /// The envelope, or why there is none.
    pub(crate) envelope: Result<Envelope, String>,
}

impl Incoming {
    pub(crate) fn read(message: PulsarMessage<Vec<u8>>) -> Self {
        let position = message.message_id();
        let place = format!("{}:{}:{}", position.ledger_id, position.entry_id, position.batch_index.unwrap_or(-1));
        let topic = message.topic.clone();
        let payload = message.payload;
        let key = payload.metadata.partition_key.unwrap_or_default();
        let properties: Vec<_> = payload.metadata.properties.into_iter().map(|pair| (pair.key, pair.value)).collect();
        // Without an id of its own it is known by where it stands.
        let fallback = shared_events::ids::derive(&["position", &topic, &place]);
        Self::new(key, properties, payload.data, fallback)
    }

    pub(crate) fn new(key: String, properties: Vec<(String, String)>, payload: Vec<u8>, fallback: Uuid) -> Self {
        let read = Envelope::from_properties(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let text = |name: &str| {
            properties.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            id: read.as_ref().map_or(fallback, |envelope| envelope.id.0),
            key,
            tenant: text("ce_tenant"),
            kind: text("ce_type"),
            payload,
            envelope: read.map_err(|error| error.to_string()),
            properties,
        }
    }

    /// The properties as a JSON object, for the table of parked messages.
    pub(crate) fn properties_json(&self) -> String {
        let object: HashMap<&str, &str> =
            self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        serde_json::to_string(&object).unwrap_or_default()
    }
}

/// Applies the messages of one partition.
pub(crate) struct Processor {
    store: Store,
    routes: Routes,
    topic: Topic,
    partition: u32,
    most_attempts: i32,
    /// Set after two starts in a row without progress: some message may be killing the process.
    careful: AtomicBool,
    proven: AtomicBool,
    fresh: AtomicU64,
    started: Instant,
}

impl Processor {
    pub(crate) fn new(store: Store, routes: Routes, topic: Topic, partition: u32) -> Self {
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
        }
    }

    /// Gives up on a message sooner: nothing that a replay waits for comes by itself.
    pub(crate) fn impatient(self) -> Self {
        Self { most_attempts: 1, ..self }
    }

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

    async fn note_progress(&self, fresh: u64) {
        let total = self.fresh.fetch_add(fresh, Ordering::Relaxed) + fresh;
        let proven = total >= PROVEN_AFTER || (total > 0 && self.started.elapsed() >= PROVEN_FOR);
        if proven && !self.proven.swap(true, Ordering::Relaxed) {
            self.careful.store(false, Ordering::Relaxed);
            self.stopped_in_order().await;
        }
    }

    /// Applies `messages`; when it returns, each is committed, parked, or was so before.
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
        let mut trouble = Backoff::default();
        loop {
            match self.attempt(messages, 0..messages.len()).await {
                Ok(fresh) => {
                    self.note_progress(fresh).await;
                    return Ok(true);
                }
                Err(failure) if failure.is_infrastructure() => self.pause(&failure, &mut trouble, stop).await?,
                Err(_) => return Ok(false),
            }
        }
    }

    async fn pause(&self, failure: &Failure, trouble: &mut Backoff, stop: &CancellationToken) -> anyhow::Result<()> {
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
    async fn single(
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
        let fresh = self.attempt(messages, index..index + 1).await?;
        if suspicious {
            sqlx::query!("DELETE FROM attempts WHERE message_id = $1", message.id).execute(self.store.pool()).await?;
        }
        Ok(Guarded::Applied(fresh))
    }

    /// One transaction over a part of the run, in a task of its own so that a panic is a failure like any other.
    async fn attempt(
        self: &Arc<Self>,
        messages: &Arc<Vec<Incoming>>,
        part: std::ops::Range<usize>,
    ) -> Result<u64, Failure> {
        let (processor, messages) = (Arc::clone(self), Arc::clone(messages));
        let task = tokio::spawn(async move { processor.apply(&messages[part]).await });
        match task.await {
            Ok(result) => result,
            Err(panic) => Err(Failure::Retry(anyhow::anyhow!("the handler panicked: {panic}"))),
        }
    }

    async fn apply(&self, messages: &[Incoming]) -> Result<u64, Failure> {
        let mut work = self.store.begin().await?;
        let routed = |message: &&Incoming| message.envelope.is_err() || self.routes.find(&message.kind).is_some();
        let ids: Vec<Uuid> = messages.iter().filter(routed).map(|message| message.id).collect();
        let unknown = messages.len() - ids.len();
        if unknown > 0 {
            metrics::counter!("recoup_unrouted_total", "topic" => self.topic.name()).increment(unknown as u64);
        }
        if ids.is_empty() {
            return Ok(0);
        }
        let mut fresh = claim(&mut work, &ids).await?;
        let repeated = ids.len() - fresh.len();
        if repeated > 0 {
            metrics::counter!("recoup_duplicates_total", "topic" => self.topic.name()).increment(repeated as u64);
        }
        let count = fresh.len() as u64;
        // A message may stand twice in one run; only the first is handled.
        let taken: Vec<&Incoming> = messages.iter().filter(|message| fresh.remove(&message.id)).collect();
        let mut blocked =
            parked::open_keys(&mut work, self.topic, taken.iter().map(|message| message.key.as_str())).await?;
        let mut free: BTreeMap<&str, Vec<Raw<'_>>> = BTreeMap::new();
        for message in taken {
            match (&message.envelope, blocked.get(&message.key)) {
                (Err(error), _) => {
                    let parking = Parking { reason: "malformed", error, attempts: 1, state: "parked" };
                    parked::park(&mut work, self.topic, self.partition, message, &parking).await?;
                    blocked.insert(message.key.clone(), "parked".into());
                }
                (Ok(_), Some(state)) => {
                    let parking = Parking {
                        reason: "follows",
                        error: "an earlier message of the same key is parked",
                        attempts: 0,
                        state,
                    };
                    parked::park(&mut work, self.topic, self.partition, message, &parking).await?;
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
        self.store.signals().commands.notify_waiters();
        Ok(count)
    }

    async fn park_alone(&self, message: &Incoming, reason: &str, error: &str, attempts: i32) -> Result<(), Failure> {
        let mut work = self.store.begin().await?;
        if claim(&mut work, &[message.id]).await?.is_empty() {
            return Ok(());
        }
        let parking = Parking { reason, error, attempts, state: "parked" };
        parked::park(&mut work, self.topic, self.partition, message, &parking).await?;
        sqlx::query!("DELETE FROM attempts WHERE message_id = $1", message.id).execute(work.conn()).await?;
        work.commit().await?;
        Ok(())
    }
}

enum Guarded {
    Applied(u64),
    Exhausted(i32, String),
}

/// Writes the ids into the inbox; the ones returned were not there yet.
async fn claim(work: &mut Work, ids: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
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
