//! One partition, from a start to an end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use pulsar::SubType;
use pulsar::consumer::{ConsumerOptions, Message as PulsarMessage};
use pulsar::proto::MessageIdData;
use serde_json::Value;
use shared_events::Topic;
use uuid::Uuid;

use super::{Position, Record, position_of};
use crate::admin::Admin;
use crate::bus::{Bus, Stream, Subscribing};

/// Messages that the broker may send ahead.
const PREFETCH: u32 = 1_000;
/// How long a stream may be silent before its end is reached.
const SILENCE: Duration = Duration::from_secs(10);
/// Rebuilds in a row without a message between them.
const PATIENCE: u32 = 6;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message that is kept.
    Earliest,
    /// At the first message that the broker got at this time or later.
    Published(DateTime<Utc>),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After the message that is the last one now.
    Now,
    /// Never.
    Never,
}

/// Reads one partition of one topic.
pub struct PartitionReader {
    bus: Arc<Bus>,
    topic: Topic,
    partition: u32,
    /// Reading goes on after this entry.
    after: (u64, u64),
    /// The message that was given last.
    last: Option<Position>,
    /// The entry that was last when reading began; absent where there was none.
    newest: Option<(u64, u64)>,
    end: End,
    /// Whether the newest entry of the beginning was given whole.
    caught_up: bool,
    live: Option<(u64, Stream)>,
    fruitless: u32,
}

/// Before the first entry of all. The wire has no negative numbers; Java's -1 is this.
const BEFORE_ALL: (u64, u64) = (u64::MAX, u64::MAX);

impl PartitionReader {
    /// A reader of one partition. Where it ends is settled now.
    ///
    /// # Errors
    /// When the broker's admin interface is away or refuses.
    pub async fn open(
        bus: &Arc<Bus>,
        admin: &Admin,
        topic: Topic,
        partition: u32,
        start: Start,
        end: End,
    ) -> anyhow::Result<Self> {
        let path = bus.partition_name(topic, partition).replace("://", "/");
        let newest = newest_entry(&admin.get(&format!("{path}/internalStats")).await?);
        let after = match start {
            Start::Earliest => BEFORE_ALL,
            Start::Published(time) => {
                let first = admin.get(&format!("{path}/messageid/{}", time.timestamp_millis().max(0))).await?;
                let number = |name: &str| first[name].as_i64().and_then(|number| u64::try_from(number).ok());
                match (number("ledgerId"), number("entryId")) {
                    (Some(ledger), Some(entry)) => (ledger, entry.wrapping_sub(1)),
                    _ => BEFORE_ALL,
                }
            }
        };
        let first = (after.0, after.1.wrapping_add(1));
        let nothing = newest.is_none_or(|newest| after != BEFORE_ALL && first > newest);
        Ok(Self {
            bus: Arc::clone(bus),
            topic,
            partition,
            after,
            last: None,
            newest,
            end,
            caught_up: nothing,
            live: None,
            fruitless: 0,
        })
    }

    /// Whether everything was given that was there when reading began.
    pub fn caught_up(&self) -> bool {
        self.caught_up
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// When the broker stays away, or does not deliver up to the end.
    pub async fn next(&mut self) -> anyhow::Result<Option<Record>> {
        loop {
            if self.caught_up && self.end == End::Now {
                self.close();
                return Ok(None);
            }
            match self.receive().await {
                Ok(Some(message)) => {
                    if let Some(record) = self.take(message) {
                        return Ok(Some(record));
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    self.fruitless += 1;
                    self.close();
                    if self.fruitless > PATIENCE {
                        return Err(error.context(format!(
                            "reading {} partition {}",
                            self.topic.name(),
                            self.partition
                        )));
                    }
                    tracing::debug!(
                        topic = self.topic.name(),
                        partition = self.partition,
                        error = format!("{error:#}"),
                        "the reader broke, building a new one"
                    );
                    tokio::time::sleep(Duration::from_millis(100 << self.fruitless)).await;
                }
            }
        }
    }

    /// What the stream gives; `None` when it may rightly be silent.
    async fn receive(&mut self) -> anyhow::Result<Option<PulsarMessage<Vec<u8>>>> {
        if self.live.is_none() {
            self.live = Some(self.subscribe().await?);
        }
        let Some((_, stream)) = &mut self.live else { return Ok(None) };
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(next) => Ok(Some(next.context("the broker ended the stream")??)),
            Err(_) if self.caught_up => Ok(None),
            Err(_) => anyhow::bail!("no message for {} s although there are more", SILENCE.as_secs()),
        }
    }

    /// Notes where the message stands; `None` when it was given before.
    fn take(&mut self, message: PulsarMessage<Vec<u8>>) -> Option<Record> {
        let id = message.message_id();
        let position = position_of(id.ledger_id, id.entry_id, id.batch_index);
        let in_entry = message.metadata().num_messages_in_batch.unwrap_or(1).max(1);
        let completes = i64::from(position.index) + 1 >= i64::from(in_entry);
        let entry = (position.ledger, position.entry);
        if self.last.is_some_and(|last| position <= last) {
            return None;
        }
        self.fruitless = 0;
        self.last = Some(position);
        if completes {
            self.after = entry;
        }
        if self.newest.is_none_or(|newest| entry > newest || (entry == newest && completes)) {
            self.caught_up = true;
        }
        if self.end == End::Now && self.newest.is_some_and(|newest| entry > newest) {
            // It came after reading began.
            return None;
        }
        Some(Record::read(self.topic, self.partition, message))
    }

    async fn subscribe(&self) -> anyhow::Result<(u64, Stream)> {
        let name = format!("{}-{}", self.bus.role(), Uuid::now_v7());
        let (ledger_id, entry_id) = self.after;
        let wanted = Subscribing {
            topic: self.topic,
            partition: self.partition,
            subscription: name.clone(),
            kind: SubType::Exclusive,
            name,
            prefetch: PREFETCH,
            options: ConsumerOptions {
                durable: Some(false),
                start_message_id: Some(MessageIdData { ledger_id, entry_id, ..Default::default() }),
                ..Default::default()
            },
        };
        self.bus.subscribe(wanted).await
    }

    /// Closing may wait for a broker that is away, so nobody waits for it.
    fn close(&mut self) {
        if let Some((_, mut stream)) = self.live.take() {
            drop(tokio::spawn(async move { drop(tokio::time::timeout(Duration::from_secs(5), stream.close()).await) }));
        }
    }
}

/// The newest entry by a partition's internal statistics: that of the last ledger which has any.
fn newest_entry(stats: &Value) -> Option<(u64, u64)> {
    let last = stats["lastConfirmedEntry"].as_str().and_then(|text| text.split_once(':'));
    if let Some((ledger, entry)) = last
        && let (Ok(ledger), Ok(entry)) = (ledger.parse(), entry.parse())
    {
        return Some((ledger, entry));
    }
    // The newest ledger is empty as yet.
    let filled = |ledger: &&Value| ledger["entries"].as_u64().is_some_and(|entries| entries > 0);
    let ledger = stats["ledgers"].as_array()?.iter().rev().find(filled)?;
    Some((ledger["ledgerId"].as_u64()?, ledger["entries"].as_u64()?.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_entry_may_be_in_an_older_ledger() {
        let ledgers = json!([{"ledgerId": 5, "entries": 8}, {"ledgerId": 9, "entries": 0}]);
        assert_eq!(newest_entry(&json!({"lastConfirmedEntry": "9:3", "ledgers": ledgers})), Some((9, 3)));
        assert_eq!(newest_entry(&json!({"lastConfirmedEntry": "9:-1", "ledgers": ledgers})), Some((5, 7)));
        assert_eq!(
            newest_entry(&json!({"lastConfirmedEntry": "9:-1", "ledgers": [{"ledgerId": 9, "entries": 0}]})),
            None
        );
    }
}
