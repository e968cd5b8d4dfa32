//! Reading topics without consuming them: for looking, tracing and replaying. Nothing is acknowledged and no cursor is kept, so that
//! whatever a reader does, no service notices.
//!
//! The Pulsar client's own position is not to be relied on: after a reconnect it begins again where it first began. A [`PartitionReader`] keeps its own
//! position, drops what it has given before, and builds a new consumer whenever the stream ends, errs or falls silent before its end.

mod merged;
mod partition;

use chrono::{DateTime, Utc};
use pulsar::consumer::Message as PulsarMessage;
use shared_events::{Envelope, Topic};
use uuid::Uuid;

pub use merged::{Lane, Merged, Span, open_lanes};
pub use partition::{End, PartitionReader, Start};

/// Where a message stands in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The ledger.
    pub ledger: u64,
    /// The entry in the ledger.
    pub entry: u64,
    /// The message in the entry; 0 where the entry is one message.
    pub index: u32,
}

/// A message as the broker keeps it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its topic.
    pub topic: Topic,
    /// Its partition.
    pub partition: u32,
    /// Where it stands there.
    pub position: Position,
    /// When the broker got it, by its producer's clock.
    pub published: DateTime<Utc>,
    /// Its partition key.
    pub key: String,
    /// Its id; one made of its place where its envelope has none.
    pub id: Uuid,
    /// The envelope, as properties.
    pub properties: Vec<(String, String)>,
    /// Its data.
    pub payload: Vec<u8>,
    /// The envelope, or why there is none.
    pub envelope: Result<Envelope, String>,
}

impl Record {
    fn read(topic: Topic, partition: u32, message: PulsarMessage<Vec<u8>>) -> Self {
        let id = message.message_id();
        let position = position_of(id.ledger_id, id.entry_id, id.batch_index);
        let published =
            i64::try_from(message.payload.metadata.publish_time).ok().and_then(DateTime::from_timestamp_millis);
        let incoming = crate::incoming::Incoming::read(message, partition);
        Self {
            topic,
            partition,
            position,
            published: published.unwrap_or_default(),
            key: incoming.key,
            id: incoming.id,
            properties: incoming.properties,
            payload: incoming.payload,
            envelope: incoming.envelope,
        }
    }

    /// When it was written down by whoever said it; when the broker got it where it does not tell.
    pub fn recorded(&self) -> DateTime<Utc> {
        self.envelope.as_ref().map_or(self.published, |envelope| envelope.recorded)
    }

    /// Its wire name, as far as it has one.
    pub fn kind(&self) -> &str {
        self.property("ce_type").unwrap_or_default()
    }

    /// A property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Its place in words: `tracking-events[2] 14:7:0`.
    pub fn place(&self) -> String {
        let Position { ledger, entry, index } = self.position;
        format!("{}[{}] {ledger}:{entry}:{index}", self.topic.name(), self.partition)
    }
}

fn position_of(ledger: u64, entry: u64, batch_index: Option<i32>) -> Position {
    Position { ledger, entry, index: batch_index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0) }
}
