//! Reading one partition, without a durable subscription: from a position, or from its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use pulsar::TokioExecutor;
use pulsar::consumer::{ConsumerOptions, InitialPosition, Message as PulsarMessage};
use pulsar::reader::Reader;
use service_kit::bus::Bus;
use uuid::Uuid;

use super::position::{Position, lane_topic};

/// How long making a reader may take.
const SETUP_DEADLINE: Duration = Duration::from_secs(10);
/// Messages that the broker may send ahead.
const PREFETCH: u32 = 500;

/// A reader of one partition.
pub struct LaneReader {
    lane: usize,
    /// The last message that was read.
    pub at: Position,
    reader: Reader<Vec<u8>, TokioExecutor>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// After this position.
    After(Position),
    /// With whatever comes next.
    End,
}

impl LaneReader {
    /// Opens a reader.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn open(bus: &Arc<Bus>, lane: usize, from: From) -> anyhow::Result<Self> {
        let (generation, client) = bus.client().await?;
        let (topic, partition) = lane_topic(lane);
        let name = bus.partition_name(topic, partition);
        // The role may subscribe only under names that begin with its own.
        let subscription = format!("{}-stream-{}", bus.role(), Uuid::now_v7().simple());
        let (start_message_id, initial_position) = match from {
            From::After(position) => (Some(position.resume_from()), InitialPosition::Earliest),
            From::End => (None, InitialPosition::Latest),
        };
        let options = ConsumerOptions {
            durable: Some(false),
            start_message_id,
            initial_position,
            receiver_queue_size: Some(PREFETCH),
            ..ConsumerOptions::default()
        };
        let building = async move {
            let builder = client
                .reader()
                .with_topic(name)
                .with_subscription(subscription)
                .with_batch_size(PREFETCH)
                .with_options(options);
            let mut reader: Reader<Vec<u8>, TokioExecutor> = builder.into_reader().await?;
            let last = reader.get_last_message_id().await?;
            anyhow::Ok((reader, Position::from(&last)))
        };
        // In a task of its own: giving up on a half-made connection would leave the client hanging for ever.
        let built = tokio::time::timeout(SETUP_DEADLINE, tokio::spawn(building)).await;
        let built =
            built.context("no answer in time").and_then(|joined| joined.context("panicked")).and_then(|result| result);
        match built {
            Ok((reader, last)) => {
                let at = match from {
                    From::After(position) => position,
                    From::End => last,
                };
                Ok(Self { lane, at, reader })
            }
            Err(error) => {
                bus.discard(generation).await;
                Err(error.context(format!("reading {} partition {partition}", topic.name())))
            }
        }
    }

    /// The next message that was not read yet.
    ///
    /// # Errors
    /// When the broker ended the stream; the reader is of no use then.
    pub async fn next(&mut self) -> anyhow::Result<PulsarMessage<Vec<u8>>> {
        loop {
            let message = self.reader.next().await.context("the broker ended the stream")??;
            let position = Position::from(message.message_id());
            // The beginning of a batch comes again with its rest, and after a lost connection everything from the start does.
            if position > self.at {
                self.at = position;
                return Ok(message);
            }
        }
    }

    /// The lane.
    pub fn lane(&self) -> usize {
        self.lane
    }
}
