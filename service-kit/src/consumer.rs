//! Consumers: one per partition, supervised. A run of messages is handled in one transaction and acknowledged after its commit.
//!
//! The Pulsar client's stream ends (`None`) or yields an error when the broker restarts, and stays dead; both mean: build a new consumer.
//! Acknowledging one message of a batched entry acknowledges the whole entry, so a run holds whole entries only.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures::StreamExt;
use pulsar::SubType;
use pulsar::consumer::{ConsumerOptions, InitialPosition};
use pulsar::proto::MessageIdData;
use shared_events::Topic;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::admin::Admin;
use crate::backoff::Backoff;
use crate::bus::{Bus, Stream, Subscribing};
use crate::faults;
use crate::handler::Routes;
use crate::inbox::Processor;
use crate::pace;
use crate::runtime::spawn;
use crate::sharing::Sharing;
use crate::shutdown::Shutdown;
use crate::store::Store;
use shared_events::partition::PARTITIONS;

mod run;

use run::gather;

/// Messages that the broker may send ahead.
const PREFETCH: u32 = 1_000;
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
            let gathers = pace::before_run(ended, Instant::now());
            if !gathers.is_zero() {
                tokio::time::sleep(gathers).await;
            }
            let run = match gather(&self.processor, stream, message).await {
                Ok(run) => run,
                Err(error) => return End::Broken(error),
            };
            // Nothing in it for this service, as in most entries of a busy topic of others.
            if run.messages.is_empty() {
                if let Err(error) = self.acknowledge(stream, run.entries).await {
                    return End::Broken(error.context("acknowledging"));
                }
                continue;
            }
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

/// Closing may wait for a broker that is away, so nobody waits for it. The engine must be drained meanwhile, or it blocks.
fn close_in_background(mut stream: Stream) {
    drop(tokio::spawn(async move {
        let closing = async {
            drop(stream.close().await);
        };
        drop(tokio::time::timeout(Duration::from_secs(5), closing).await);
    }));
}
