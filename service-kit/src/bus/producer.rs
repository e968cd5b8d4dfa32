//! Producers: whole entries to one partition, one at a time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pulsar::compression::{Compression, CompressionLz4};
use pulsar::producer::{Message as PulsarMessage, ProducerOptions};
use pulsar::{Producer, TokioExecutor};
use shared_events::Topic;
use uuid::Uuid;

use super::{Bus, Outbound, SETUP_DEADLINE, in_own_task};
use crate::faults;

/// Most messages that the client's batcher holds before it sends by itself: one more than we ever put in, counting our own flush.
const BATCH_SLOTS: u32 = 1_001;
/// How long the broker may take to confirm an entry before we call the outcome unknown.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(15);

/// Sends entries to one partition. It has at most one entry in flight and rebuilds itself after any error.
pub struct PartitionProducer {
    bus: Arc<Bus>,
    topic: Topic,
    partition: u32,
    live: Option<(u64, Producer<TokioExecutor>)>,
}

impl PartitionProducer {
    /// A producer for one partition; it connects with the first entry.
    pub fn new(bus: Arc<Bus>, topic: Topic, partition: u32) -> Self {
        Self { bus, topic, partition, live: None }
    }

    /// Publishes `messages` as one entry, which the broker stores whole or not at all, and waits for its receipt.
    ///
    /// # Errors
    /// The outcome is then unknown: the entry may be stored. Send the very same messages again, before any later ones.
    pub async fn send_entry(&mut self, messages: Vec<Outbound>) -> anyhow::Result<()> {
        debug_assert!(messages.len() < BATCH_SLOTS as usize, "an entry must fit into one batch");
        let result = self.try_send(messages).await;
        if result.is_err()
            && let Some((generation, producer)) = self.live.take()
        {
            self.bus.discard(generation).await;
            close_in_background(producer);
        }
        result
    }

    async fn try_send(&mut self, messages: Vec<Outbound>) -> anyhow::Result<()> {
        if self.live.is_none() {
            self.live = Some(self.build().await?);
        }
        let (_, producer) = self.live.as_mut().context("built above")?;
        let mut receipts = Vec::with_capacity(messages.len());
        for message in messages {
            let message = PulsarMessage {
                payload: message.payload,
                properties: message.properties,
                ordering_key: None,
                partition_key: Some(message.key),
                ..Default::default()
            };
            receipts.push(producer.send_non_blocking(message).await?);
        }
        let confirmed = async {
            producer.send_batch().await?;
            for receipt in receipts {
                receipt.await?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(RECEIPT_DEADLINE, confirmed)
            .await
            .context("the broker did not confirm an entry in time")?
    }

    async fn build(&self) -> anyhow::Result<(u64, Producer<TokioExecutor>)> {
        let (generation, client) = self.bus.client().await?;
        let topic = self.bus.partition_name(self.topic, self.partition);
        let fresh = if faults::sabotaged("fixed_producer_name") { Uuid::nil() } else { Uuid::now_v7() };
        let name = format!("{}-{}-{}-{fresh}", self.bus.role(), self.topic.name(), self.partition);
        let options = ProducerOptions {
            batch_size: Some(BATCH_SLOTS),
            block_queue_if_full: true,
            // The envelopes of an entry repeat each other: a fifth is left for the broker to check, keep and hand on. Every client reads LZ4.
            compression: Some(Compression::Lz4(CompressionLz4::default())),
            ..Default::default()
        };
        let building =
            async move { Ok(client.producer().with_topic(topic).with_name(name).with_options(options).build().await?) };
        match in_own_task(building).await {
            Ok(producer) => Ok((generation, producer)),
            Err(error) => {
                self.bus.discard(generation).await;
                Err(error.context(format!(
                    "creating a producer for {} partition {}",
                    self.topic.name(),
                    self.partition
                )))
            }
        }
    }

    /// Closes it; what was confirmed stays confirmed.
    pub async fn close(self) {
        if let Some((_, mut producer)) = self.live {
            let closing = tokio::spawn(async move { drop(producer.close().await) });
            drop(tokio::time::timeout(Duration::from_secs(2), closing).await);
        }
    }
}

/// Closing may wait for a broker that is away, so nobody waits for it.
fn close_in_background(mut producer: Producer<TokioExecutor>) {
    drop(tokio::spawn(async move {
        drop(tokio::time::timeout(SETUP_DEADLINE, producer.close()).await);
    }));
}
