//! The broker: one client per role, producers that send whole entries, and the names of topics.
//!
//! The Pulsar client has two traps that this file is built around. Cancelling a future that is connecting leaves the client hanging for ever,
//! so connecting runs in a task of its own and a client that took too long is thrown away whole. And broker-side deduplication silently drops
//! the messages of a producer whose name was used before, because the client counts from 0 again, so every producer gets a fresh name.

mod entry;
mod producer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pulsar::consumer::ConsumerOptions;
use pulsar::{ConnectionRetryOptions, Consumer, OperationRetryOptions, Pulsar, SubType, TokioExecutor};
use shared_events::{Envelope, Topic};
use tokio::sync::Mutex;

use crate::bus_auth::TokenProvider;
use crate::config::{PulsarConfig, TokenSource};

pub(crate) use entry::{ENTRY_MESSAGES, next_entry};
pub use producer::PartitionProducer;

/// A client of the broker.
pub type Client = Pulsar<TokioExecutor>;

/// How long connecting, creating a producer or a consumer may take.
pub(crate) const SETUP_DEADLINE: Duration = Duration::from_secs(20);
/// Commands that may wait for the socket. The client keeps room for all of them, about seven kilobytes each, from the start; entries and
/// acknowledgements in flight are some dozens.
const OUTBOUND: usize = 1_000;

/// The broker, as one role sees it.
pub struct Bus {
    config: PulsarConfig,
    client: Mutex<Option<(u64, Client)>>,
    generation: std::sync::atomic::AtomicU64,
}

/// A message ready to be published.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// The partition key.
    pub key: String,
    /// The envelope.
    pub properties: HashMap<String, String>,
    /// The data, JSON.
    pub payload: Vec<u8>,
}

impl Outbound {
    /// A message of an envelope and its data.
    pub fn new(envelope: &Envelope, payload: Vec<u8>) -> Self {
        Self { key: envelope.subject.clone(), properties: envelope.to_properties(), payload }
    }

    /// Roughly what it takes in an entry, in bytes.
    pub fn size(&self) -> usize {
        self.payload.len()
            + self.properties.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>()
            + 64
    }
}

impl Bus {
    /// The broker of `config`. Nothing is connected yet.
    pub fn new(config: PulsarConfig) -> Arc<Self> {
        Arc::new(Self { config, client: Mutex::new(None), generation: 0.into() })
    }

    /// The name of the role that it acts in; durable subscriptions bear it.
    pub fn role(&self) -> &'static str {
        self.config.role.name()
    }

    /// The configuration.
    pub fn config(&self) -> &PulsarConfig {
        &self.config
    }

    /// The full name of one partition of a topic.
    pub fn partition_name(&self, topic: Topic, partition: u32) -> String {
        format!("{}-partition-{partition}", self.topic_name(topic))
    }

    /// The full name of a topic.
    pub fn topic_name(&self, topic: Topic) -> String {
        self.config.topic(topic.name())
    }

    /// The client, connected; with the generation to name when it has to be discarded.
    ///
    /// # Errors
    /// When the broker is away or refuses the token.
    pub async fn client(&self) -> anyhow::Result<(u64, Client)> {
        let mut slot = self.client.lock().await;
        if let Some((generation, client)) = slot.as_ref() {
            return Ok((*generation, client.clone()));
        }
        let client = in_own_task(connect(self.config.clone())).await.context("connecting to pulsar")?;
        let generation = self.generation.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        *slot = Some((generation, client.clone()));
        Ok((generation, client))
    }

    /// Forgets a client that no longer answers; the next caller connects anew. A newer client is left alone.
    pub async fn discard(&self, generation: u64) {
        let mut slot = self.client.lock().await;
        if slot.as_ref().is_some_and(|(held, _)| *held == generation) {
            *slot = None;
        }
    }

    /// Whether the broker answers, for health checks.
    ///
    /// # Errors
    /// When it does not within a few seconds.
    pub async fn ping(self: &Arc<Self>, topic: Topic) -> anyhow::Result<()> {
        let (generation, client) = self.client().await?;
        let name = self.partition_name(topic, 0);
        let answer = in_own_task(async move { Ok(client.lookup_topic(name).await.map(drop)?) }).await;
        if answer.is_err() {
            self.discard(generation).await;
        }
        answer
    }
}

/// Runs a setup step in a task of its own, so that giving up on it never cancels it half-way.
pub(crate) async fn in_own_task<T: Send + 'static>(
    step: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    match tokio::time::timeout(SETUP_DEADLINE, tokio::spawn(step)).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(panic.into()),
        Err(_) => anyhow::bail!("no answer within {} s", SETUP_DEADLINE.as_secs()),
    }
}

async fn connect(config: PulsarConfig) -> anyhow::Result<Client> {
    let mut builder = Pulsar::builder(config.service_url.clone(), TokioExecutor)
        .with_connection_retry_options(ConnectionRetryOptions {
            min_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            max_retries: 8,
            connection_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(10),
            ..Default::default()
        })
        .with_operation_retry_options(OperationRetryOptions {
            operation_timeout: Duration::from_secs(10),
            retry_delay: Duration::from_millis(250),
            max_retries: Some(20),
        })
        .with_outbound_channel_size(OUTBOUND);
    if let Some(authorities) = &config.authorities {
        builder = builder.with_certificate_chain(authorities.pem());
    }
    if config.token != TokenSource::None {
        builder = builder.with_auth_provider(Box::new(TokenProvider(config.token)));
    }
    Ok(builder.build().await?)
}

/// A consumer of one partition, with its client's generation for [`Bus::discard`].
pub(crate) struct Subscribing {
    pub(crate) topic: Topic,
    pub(crate) partition: u32,
    pub(crate) subscription: String,
    pub(crate) kind: SubType,
    pub(crate) name: String,
    /// Messages that the broker may send ahead.
    pub(crate) prefetch: u32,
    pub(crate) options: ConsumerOptions,
}

/// The messages of one partition.
pub(crate) type Stream = Consumer<Vec<u8>, TokioExecutor>;

impl Bus {
    /// Builds a consumer. When that fails, the client is given up: it may be what is broken.
    pub(crate) async fn subscribe(&self, wanted: Subscribing) -> anyhow::Result<(u64, Stream)> {
        let (generation, client) = self.client().await?;
        let topic = self.partition_name(wanted.topic, wanted.partition);
        let building = async move {
            let stream: Stream = client
                .consumer()
                .with_topic(topic)
                .with_subscription(wanted.subscription)
                .with_subscription_type(wanted.kind)
                .with_consumer_name(wanted.name)
                .with_batch_size(wanted.prefetch)
                .with_options(ConsumerOptions { receiver_queue_size: Some(wanted.prefetch), ..wanted.options })
                .build()
                .await?;
            Ok(stream)
        };
        match in_own_task(building).await {
            Ok(stream) => Ok((generation, stream)),
            Err(error) => {
                self.discard(generation).await;
                Err(error)
            }
        }
    }
}
