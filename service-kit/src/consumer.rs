//! Consumers: one per partition, supervised. A run of messages is handled in one transaction and acknowledged after its commit.
//!
//! The Pulsar client's stream ends (`None`) or yields an error when the broker restarts, and stays dead; both mean: build a new consumer.
//! Acknowledging one message of a batched entry acknowledges the whole entry, so a run holds whole entries only.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{FutureExt, StreamExt};
use pulsar::SubType;
use pulsar::consumer::{ConsumerOptions, InitialPosition, Message as PulsarMessage};
use pulsar::proto::MessageIdData;
use shared_events::Topic;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::admin::Admin;
use crate::backoff::Backoff;
use crate::bus::{Bus, Stream, Subscribing};
use crate::faults;
use crate::handler::Routes;
use crate::inbox::{Incoming, Processor};
use crate::runtime::spawn;
use crate::sharing::Sharing;
use crate::shutdown::Shutdown;
use crate::store::Store;
use shared_events::partition::PARTITIONS;

/// Messages that make a run long enough; the last entry may take it beyond.
const RUN: usize = 500;
/// Messages that the broker may send ahead.
const PREFETCH: u32 = 1_000;
/// A message that comes so soon after a run means load: it waits as long for others to share its transaction.
const GATHER: Duration = Duration::from_millis(3);
/// How long a consumer may see nothing before the watchdog asks the broker for its backlog.
const SILENCE: Duration = Duration::from_secs(20);

/// The consumers of one service.
pub struct Consumers {
    store: Store,
    bus: Arc<Bus>,
    routes: Routes,
    admin: Admin,
}

/// One partition of one topic, as it is consumed.
struct Lane {
    bus: Arc<Bus>,
    topic: Topic,
    partition: u32,
    processor: Arc<Processor>,
    admin: Admin,
}

/// Why a consumer ended.
enum End {
    Stopped,
    Broken(anyhow::Error),
}

impl Consumers {
    /// Consumers of every topic that `routes` needs; the subscription bears the role's name.
    pub fn new(store: Store, bus: Arc<Bus>, routes: Routes) -> Self {
        let admin = Admin::new(bus.config());
        Self { store, bus, routes, admin }
    }

    /// Subscribes everywhere, then consumes in the background until the shutdown begins.
    ///
    /// # Errors
    /// When a subscription is missing (`recoup provision` makes them) or the broker is away at the start.
    pub async fn start(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let mut first = Vec::new();
        for topic in self.routes.topics() {
            let sharing = Arc::<Sharing>::default();
            for partition in 0..PARTITIONS {
                let (store, routes, sharing) = (self.store.clone(), self.routes.clone(), Arc::clone(&sharing));
                let lane = Lane {
                    bus: Arc::clone(&self.bus),
                    topic: *topic,
                    partition,
                    processor: Arc::new(Processor::new(store, routes, *topic, partition, sharing)),
                    admin: self.admin.clone(),
                };
                first.push(async move {
                    let stream = lane.subscribe().await?;
                    anyhow::Ok((lane, stream))
                });
            }
        }
        for (lane, stream) in futures::future::try_join_all(first).await? {
            spawn(shutdown, "consumer", lane.run(stream, shutdown.soft().clone()));
        }
        Ok(())
    }
}

impl Lane {
    async fn subscribe(&self) -> anyhow::Result<(u64, Stream)> {
        let wanted = Subscribing {
            topic: self.topic,
            partition: self.partition,
            subscription: self.bus.role().to_owned(),
            kind: SubType::Failover,
            name: instance(self.bus.role()),
            prefetch: PREFETCH,
            options: ConsumerOptions { initial_position: InitialPosition::Earliest, ..Default::default() },
        };
        self.bus.subscribe(wanted).await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let missing = ["SubscriptionNotFound", "TopicNotFound", "Subscription does not exist", "not found"];
        let text = format!("{error:?}");
        let hint = if missing.iter().any(|sign| text.contains(sign)) {
            "the topic or subscription does not exist: run `recoup provision`"
        } else {
            "is the broker up, and does it let this role in (`recoup provision` sees to that)?"
        };
        error.context(format!(
            "cannot consume {} partition {} as subscription {}: {hint}",
            self.topic.name(),
            self.partition,
            self.bus.role()
        ))
    }

    async fn run(self, first: (u64, Stream), stop: CancellationToken) {
        let mut next = Some(first);
        let mut trouble = Backoff::default();
        while !stop.is_cancelled() {
            let (generation, mut stream) = match next.take() {
                Some(subscribed) => subscribed,
                None => match self.subscribe().await {
                    Ok(subscribed) => subscribed,
                    Err(error) => {
                        tracing::warn!(
                            topic = self.topic.name(),
                            partition = self.partition,
                            error = format!("{error:#}"),
                            "cannot subscribe, trying again"
                        );
                        trouble.wait(&stop).await;
                        continue;
                    }
                },
            };
            let began = Instant::now();
            let end = self.drive(&mut stream, &stop).await;
            close_in_background(stream);
            match end {
                End::Stopped => break,
                End::Broken(error) => {
                    metrics::counter!("recoup_consumer_rebuilds_total", "topic" => self.topic.name()).increment(1);
                    tracing::warn!(
                        topic = self.topic.name(),
                        partition = self.partition,
                        error = format!("{error:#}"),
                        "the consumer broke, building a new one"
                    );
                    self.bus.discard(generation).await;
                    if began.elapsed() > Duration::from_secs(10) {
                        trouble.reset();
                    }
                    trouble.wait(&stop).await;
                }
            }
        }
        self.processor.stopped_in_order().await;
    }

    async fn drive(&self, stream: &mut Stream, stop: &CancellationToken) -> End {
        let mut counted = false;
        let mut ended: Option<Instant> = None;
        loop {
            let message = tokio::select! {
                biased;
                () = stop.cancelled() => return End::Stopped,
                message = stream.next() => message,
                () = tokio::time::sleep(SILENCE) => match self.overlooked().await {
                    Ok(()) => continue,
                    Err(error) => return End::Broken(error),
                },
            };
            if ended.is_some_and(|ended| ended.elapsed() < GATHER) {
                tokio::time::sleep(GATHER).await;
            }
            let run = match gather(stream, self.partition, message).await {
                Ok(run) => run,
                Err(error) => return End::Broken(error),
            };
            // A start counts from its first message: on a quiet topic there is nothing that could have killed the process.
            if !counted && let Err(error) = self.processor.note_start(stop).await {
                return End::Broken(error);
            }
            counted = true;
            let entries = run.entries;
            if faults::sabotaged("ack_before_commit") {
                drop(self.acknowledge(stream, entries.clone()).await);
            }
            if let Err(error) = self.processor.process(run.messages, stop).await {
                return if stop.is_cancelled() { End::Stopped } else { End::Broken(error) };
            }
            faults::point("consumer.after_commit");
            // Only now: everything in these entries is committed (or was before).
            if let Err(error) = self.acknowledge(stream, entries).await {
                return End::Broken(error.context("acknowledging"));
            }
            ended = Some(Instant::now());
        }
    }

    async fn acknowledge(&self, stream: &mut Stream, entries: Vec<MessageIdData>) -> anyhow::Result<()> {
        let topic = self.bus.partition_name(self.topic, self.partition);
        for entry in entries {
            stream.ack_with_id(&topic, entry).await?;
        }
        Ok(())
    }

    /// Asks the broker whether messages wait although none came: some ways of breaking are silent.
    async fn overlooked(&self) -> anyhow::Result<()> {
        let state = match self
            .admin
            .subscription(&self.bus.partition_name(self.topic, self.partition), self.bus.role())
            .await
        {
            Ok(state) => state,
            // The watchdog must not bite when only the admin port is away.
            Err(_) => return Ok(()),
        };
        let ours = state.active_consumer.is_none_or(|name| name == instance(self.bus.role()));
        anyhow::ensure!(
            state.backlog == 0 || !ours,
            "{} messages wait but none came for {} s",
            state.backlog,
            SILENCE.as_secs()
        );
        Ok(())
    }
}

/// The name of this process' consumers. Process ids are not enough: in containers, every process is number 1.
fn instance(role: &str) -> String {
    static ID: LazyLock<Uuid> = LazyLock::new(Uuid::now_v7);
    format!("{role}-{}", ID.simple())
}

struct Run {
    messages: Vec<Incoming>,
    /// One id per entry: acknowledging it acknowledges the whole entry.
    entries: Vec<MessageIdData>,
}

/// Takes the messages that are there, up to a run's length, and completes the last entry.
async fn gather(
    stream: &mut Stream,
    partition: u32,
    first: Option<Result<PulsarMessage<Vec<u8>>, pulsar::Error>>,
) -> anyhow::Result<Run> {
    let mut run = Run { messages: Vec::with_capacity(RUN), entries: Vec::new() };
    let mut next = first;
    loop {
        let message = next.context("the broker ended the stream")??;
        let expected = message.metadata().num_messages_in_batch.unwrap_or(1).max(1);
        let id = message.message_id();
        let index = id.batch_index.unwrap_or(0).max(0);
        let starts =
            run.entries.last().is_none_or(|last| (last.ledger_id, last.entry_id) != (id.ledger_id, id.entry_id));
        if starts {
            run.entries.push(MessageIdData { batch_index: None, batch_size: None, ..id.clone() });
        }
        let careless = faults::sabotaged("ack_first_of_entry");
        let complete = index + 1 >= expected || careless;
        run.messages.push(Incoming::read(message, partition));
        if complete {
            if run.messages.len() >= RUN || careless {
                return Ok(run);
            }
            match stream.next().now_or_never() {
                Some(ready) => next = Some(ready.context("the broker ended the stream")?),
                None => return Ok(run),
            }
        } else {
            // The rest of the entry is already on its way from the client's own buffer.
            next = stream.next().await;
        }
    }
}

/// Closing may wait for a broker that is away, so nobody waits for it. The engine must be drained meanwhile, or it blocks.
fn close_in_background(mut stream: Stream) {
    drop(tokio::spawn(async move {
        let closing = async {
            drop(stream.close().await);
        };
        drop(tokio::time::timeout(Duration::from_secs(5), closing).await);
    }));
}
