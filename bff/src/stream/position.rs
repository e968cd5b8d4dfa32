//! Where a stream stands: one position for each partition of each topic that it is made of. Written as text, it is the event id,
//! so that a stream can go on after a restart, or from another BFF, without anything being kept for it.

use pulsar::proto::MessageIdData;
use shared_events::partition::PARTITIONS;
use shared_events::{Service, Topic};

/// Partitions of all topics that streams are made of.
pub const LANES: usize = Service::ALL.len() * PARTITIONS as usize;

/// The topic and partition of a lane.
pub fn lane_topic(lane: usize) -> (Topic, u32) {
    let per_topic = PARTITIONS as usize;
    (Topic::events(Service::ALL[lane / per_topic]), (lane % per_topic) as u32)
}

/// A message's place in its partition; later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    ledger: i64,
    entry: i64,
    batch: i32,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self { ledger: -1, entry: -1, batch: -1 };

    /// The message id from which the broker has to send so that nothing after this position is missed. The rest of a batch comes
    /// with its beginning, which the reader then skips.
    pub fn resume_from(self) -> MessageIdData {
        let entry = if self.batch >= 0 { self.entry - 1 } else { self.entry };
        MessageIdData {
            ledger_id: self.ledger.cast_unsigned(),
            entry_id: entry.cast_unsigned(),
            ..MessageIdData::default()
        }
    }

    fn text(self) -> String {
        // All parts count from -1.
        format!("{:x}.{:x}.{:x}", self.ledger + 1, self.entry + 1, self.batch + 1)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (ledger, entry, batch) = (parts.next()?, parts.next()?, parts.next()?);
        let number =
            |part: &str| i64::from_str_radix(part, 16).ok().filter(|number| *number >= 0).map(|number| number - 1);
        let batch = i32::try_from(number(batch)?).ok()?;
        parts.next().is_none().then_some(Self { ledger: number(ledger)?, entry: number(entry)?, batch })
    }
}

impl From<&MessageIdData> for Position {
    fn from(id: &MessageIdData) -> Self {
        let (ledger, entry) = (id.ledger_id.cast_signed(), id.entry_id.cast_signed());
        Self { ledger, entry, batch: id.batch_index.unwrap_or(-1) }
    }
}

/// One position for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector(pub [Position; LANES]);

impl Vector {
    /// Before everything.
    pub const START: Self = Self([Position::START; LANES]);

    /// Whether this is nowhere behind `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(mine, theirs)| *mine >= theirs)
    }

    /// The text that goes into event ids.
    pub fn text(&self) -> String {
        self.0.map(Position::text).join("_")
    }

    /// Reads such a text. One from before a service was added has no lanes of it, which are then read from their beginning.
    pub fn parse(text: &str) -> Option<Self> {
        let positions: Vec<Position> = text.split('_').map(Position::parse).collect::<Option<_>>()?;
        let is_whole = positions.len() <= LANES && positions.len().is_multiple_of(PARTITIONS as usize);
        let mut vector = Self::START;
        vector.0.iter_mut().zip(&positions).for_each(|(mine, read)| *mine = *read);
        is_whole.then_some(vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ledger: u64, entry: u64, batch: i32) -> Position {
        Position::from(&MessageIdData {
            ledger_id: ledger,
            entry_id: entry,
            batch_index: Some(batch),
            ..MessageIdData::default()
        })
    }

    #[test]
    fn a_vector_survives_its_text() {
        let mut vector = Vector::START;
        vector.0[3] = at(1_234, 0, 7);
        vector.0[7] = at(u64::MAX >> 1 >> 1, 99, -1);
        assert_eq!(Vector::parse(&vector.text()), Some(vector));
        for nonsense in ["", "x", "0.0.0", &format!("{}_0.0.0", vector.text()), &vector.text().replace('.', "")] {
            assert_eq!(Vector::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_vector_from_before_a_service_was_added_goes_on() {
        let mut vector = Vector::START;
        vector.0[2] = at(7, 8, 9);
        let text = vector.text();
        let shorter: Vec<&str> = text.split('_').take(LANES - PARTITIONS as usize).collect();
        assert_eq!(Vector::parse(&shorter.join("_")), Some(vector));
        assert_eq!(Vector::parse(&shorter[1..].join("_")), None, "lanes are added by the service");
    }

    #[test]
    fn positions_are_ordered_as_messages_are() {
        assert!(
            Position::START < at(0, 0, -1)
                && at(0, 0, 0) < at(0, 0, 1)
                && at(0, 9, 9) < at(0, 10, 0)
                && at(0, 10, 0) < at(1, 0, 0)
        );
        let empty =
            Position::from(&MessageIdData { ledger_id: u64::MAX, entry_id: u64::MAX, ..MessageIdData::default() });
        assert_eq!(empty, Position::START);
    }

    #[test]
    fn reading_goes_on_within_a_batch() {
        assert_eq!(at(5, 7, 3).resume_from().entry_id, 6);
        assert_eq!(at(5, 7, -1).resume_from().entry_id, 7);
        assert_eq!(at(5, 0, 3).resume_from().entry_id, u64::MAX);
    }
}
