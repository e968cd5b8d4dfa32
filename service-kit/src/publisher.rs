//! Publishes messages that come one by one, such as commands from the edge.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use shared_events::{Envelope, Topic};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::bus::{Bus, ENTRY_MESSAGES, Outbound, PartitionProducer, next_entry};

type Waiting = (Outbound, oneshot::Sender<anyhow::Result<()>>);
type Lanes = HashMap<(Topic, u32), mpsc::Sender<Waiting>>;

/// Publishes messages that come one by one, such as commands from the edge. Those that arrive while an entry is in flight share the next.
#[derive(Clone)]
pub struct Publisher {
    bus: Arc<Bus>,
    lanes: Arc<Mutex<Lanes>>,
}

impl Publisher {
    /// A publisher through `bus`.
    pub fn new(bus: Arc<Bus>) -> Self {
        Self { bus, lanes: Arc::default() }
    }

    /// Publishes a message and waits until the broker has it.
    ///
    /// # Errors
    /// When the broker did not confirm it; it may be stored all the same, so the caller repeats it under the same id.
    pub async fn publish(&self, topic: Topic, envelope: &Envelope, payload: Vec<u8>) -> anyhow::Result<()> {
        let partition = shared_events::partition::partition_of(&envelope.subject);
        let lane = self.lane(topic, partition).await;
        let (done, receipt) = oneshot::channel();
        let waiting = (Outbound::new(envelope, payload), done);
        lane.try_send(waiting).map_err(|_| anyhow::anyhow!("too many messages wait for the broker"))?;
        receipt.await.context("the publisher stopped")?
    }

    async fn lane(&self, topic: Topic, partition: u32) -> mpsc::Sender<Waiting> {
        let mut lanes = self.lanes.lock().await;
        lanes
            .entry((topic, partition))
            .or_insert_with(|| {
                let (sender, receiver) = mpsc::channel(1_000);
                drop(tokio::spawn(publish_lane(
                    PartitionProducer::new(Arc::clone(&self.bus), topic, partition),
                    receiver,
                )));
                sender
            })
            .clone()
    }
}

async fn publish_lane(mut producer: PartitionProducer, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, ENTRY_MESSAGES).await > 0 {
        let mut rest = waiting.drain(..).peekable();
        loop {
            let (messages, receipts) = next_entry(&mut rest);
            if messages.is_empty() {
                break;
            }
            let result = producer.send_entry(messages).await;
            for receipt in receipts {
                let answer = match &result {
                    Ok(()) => Ok(()),
                    Err(error) => Err(anyhow::anyhow!("{error:#}")),
                };
                // The caller may have gone away; its message is published all the same.
                drop(receipt.send(answer));
            }
        }
    }
}
