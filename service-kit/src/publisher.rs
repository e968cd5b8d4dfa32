//! Publishes messages that come one by one, such as commands from the edge.

use std::collections::HashMap;
use std::iter::Peekable;
use std::sync::Arc;

use anyhow::Context;
use shared_events::{Envelope, Topic};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::bus::{Bus, Outbound, PartitionProducer};
use crate::outbox::{ENTRY_BYTES, ENTRY_MESSAGES};

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
            let (messages, receipts): (Vec<_>, Vec<_>) = next_entry(&mut rest).into_iter().unzip();
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

/// As many as fit into one entry, at least one: an entry that the broker finds too large would fail for all that are in it.
fn next_entry(rest: &mut Peekable<impl Iterator<Item = Waiting>>) -> Vec<Waiting> {
    let (mut entry, mut bytes) = (Vec::new(), 0);
    while let Some(waiting) = rest.next_if(|(next, _)| entry.is_empty() || bytes + next.size() <= ENTRY_BYTES) {
        bytes += waiting.0.size();
        entry.push(waiting);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_before_it_is_too_large_and_keeps_the_order() {
        let of_size = |bytes: usize| {
            let message = Outbound { key: String::new(), properties: HashMap::new(), payload: vec![b'x'; bytes] };
            (message, oneshot::channel().0)
        };
        let sizes = [400_000, 500_000, 200_000, 3_000_000, 10, 10];
        let mut rest = sizes.into_iter().map(of_size).peekable();
        let mut entries = Vec::new();
        loop {
            let entry: Vec<usize> = next_entry(&mut rest).iter().map(|(message, _)| message.payload.len()).collect();
            if entry.is_empty() {
                break;
            }
            entries.push(entry);
        }
        assert_eq!(entries, [vec![400_000, 500_000], vec![200_000], vec![3_000_000], vec![10, 10]]);
    }
}
