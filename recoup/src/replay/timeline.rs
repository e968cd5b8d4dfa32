//! Messages in the order in which the live service handled them, as runs: those that it handled in one transaction.
//!
//! Each partition keeps its own order. Between partitions the time of the transaction decides, where it is known from what the service said, and else
//! the time at which the message was written down. Transactions may overlap, and runs of several partitions may share one, so where both made
//! commissions, or both made payouts, the order of those rows decides.

use std::collections::{BTreeMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use service_kit::reader::{Lane, Record};
use service_kit::replay::Applier;
use uuid::Uuid;

use super::epochs::Epochs;
use super::live::{Live, Place};
use super::said::{Reactions, Said};

/// Messages looked up at once.
const CHUNK: usize = 500;

/// A message with the time at which it was handled.
struct Timed {
    /// By the true time.
    when: DateTime<Utc>,
    /// By the service's clock.
    at: DateTime<Utc>,
    /// Whether that time is of a transaction, so that messages with the same one belong together.
    exact: bool,
    /// Where the first of the rows stands that it made.
    place: Option<Place>,
    record: Record,
}

/// Messages that were handled in one transaction.
pub struct Run {
    /// By the true time.
    pub when: DateTime<Utc>,
    /// By the service's clock.
    pub at: DateTime<Utc>,
    /// The messages; of one partition.
    pub records: Vec<Record>,
}

/// One partition.
struct Queue {
    lane: Lane,
    ready: VecDeque<Timed>,
    latest: DateTime<Utc>,
    ended: bool,
}

/// What was left out, and why.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub struct LeftOut {
    /// Messages that no handler is for.
    pub without_handler: u64,
    /// Messages that the live service had not handled when the replay began.
    pub not_handled_yet: u64,
    /// Messages that are parked or were dropped.
    pub parked: u64,
    /// Messages that stand in their topic again.
    pub repeated: u64,
}

/// Messages in the order of their handling.
pub struct Timeline {
    queues: Vec<Queue>,
    redriven: BTreeMap<(DateTime<Utc>, Uuid), (DateTime<Utc>, Record)>,
    epochs: Epochs,
    seen: HashSet<Uuid>,
    /// What was left out so far.
    pub left_out: LeftOut,
    /// The oldest message that is kept.
    pub begins: Option<DateTime<Utc>>,
}

impl Timeline {
    /// Over these partitions.
    pub fn new(lanes: Vec<Lane>, epochs: Epochs) -> Self {
        let queue = |lane| Queue { lane, ready: VecDeque::new(), latest: DateTime::UNIX_EPOCH, ended: false };
        let queues = lanes.into_iter().map(queue).collect();
        Self {
            queues,
            redriven: BTreeMap::new(),
            epochs,
            seen: HashSet::new(),
            left_out: LeftOut::default(),
            begins: None,
        }
    }

    /// The next run; `None` at the end.
    pub async fn next(&mut self, live: &mut Live, said: &Said, applier: &Applier) -> anyhow::Result<Option<Run>> {
        for index in 0..self.queues.len() {
            while self.queues[index].ready.is_empty() && !self.queues[index].ended {
                self.refill(index, live, &said.reactions, applier).await?;
            }
        }
        let heads = || self.queues.iter().enumerate().filter_map(|(index, queue)| Some((index, queue.ready.front()?)));
        let earliest = heads().min_by_key(|(index, head)| (head.when, *index));
        if let Some((key, _)) = self.redriven.first_key_value()
            && earliest.is_none_or(|(_, head)| key.0 <= head.when)
        {
            let run = |((when, _), (at, record))| Run { when, at, records: vec![record] };
            return Ok(self.redriven.pop_first().map(run));
        }
        let heads: Vec<Head> = heads().map(|(index, head)| (index, head.when, head.place)).collect();
        Ok(first_of(&heads).and_then(|chosen| self.queues[chosen].run()))
    }

    async fn refill(
        &mut self,
        index: usize,
        live: &mut Live,
        reactions: &Reactions,
        applier: &Applier,
    ) -> anyhow::Result<()> {
        let queue = &mut self.queues[index];
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            if queue.lane.peek().await?.is_none() {
                queue.ended = true;
                break;
            }
            chunk.extend(queue.lane.take());
        }
        if let Some(first) = chunk.first() {
            self.begins = Some(self.begins.map_or(first.recorded(), |begins| begins.min(first.recorded())));
        }
        let handled = live.handled(&chunk.iter().map(|record| record.id).collect::<Vec<_>>()).await?;
        for record in chunk {
            if !applier.handles(record.kind()) {
                self.left_out.without_handler += 1;
                continue;
            }
            if !self.seen.insert(record.id) {
                self.left_out.repeated += 1;
                continue;
            }
            match live.parked.get(&record.id) {
                Some(Some(redriven)) => {
                    let known = reactions.get(&record.id);
                    let at = known.map_or(*redriven, |reaction| reaction.at);
                    let when = self.epochs.true_time(at, known.map_or(at, |reaction| reaction.published));
                    self.redriven.insert((when, record.id), (at, record));
                }
                Some(None) => self.left_out.parked += 1,
                None if !handled.contains(&record.id) => self.left_out.not_handled_yet += 1,
                None => {
                    let known = reactions.get(&record.id);
                    let (at, published) = known
                        .map_or((record.recorded(), record.published), |reaction| (reaction.at, reaction.published));
                    let when = self.epochs.true_time(at, published).max(queue.latest);
                    queue.latest = when;
                    let place = live.places.get(&record.id).copied();
                    queue.ready.push_back(Timed { when, at, exact: known.is_some(), place, record });
                }
            }
        }
        Ok(())
    }
}

/// The first message of a queue: which queue, when it was handled by the true time, and where the row stands that it made.
type Head = (usize, DateTime<Utc>, Option<Place>);

/// Which queue is next. Transactions overlap, and small runs of several partitions share one: where the earliest has made a row, whoever has
/// made an earlier row of the same table was before it.
fn first_of(heads: &[Head]) -> Option<usize> {
    let (earliest, _, place) = heads.iter().min_by_key(|(index, when, _)| (*when, *index))?;
    let before = |place: Place| {
        let rows = heads.iter().filter_map(|(index, _, other)| Some((*index, (*other)?)));
        let same = rows.filter(|(_, other)| other.table == place.table && other.row < place.row);
        same.min_by_key(|(_, other)| other.row)
    };
    Some(place.and_then(before).map_or(*earliest, |(index, _)| index))
}

impl Queue {
    /// The next message with those that were handled in the same transaction, as far as they were read.
    fn run(&mut self) -> Option<Run> {
        let first = self.ready.pop_front()?;
        let mut run = vec![first.record];
        while first.exact && self.ready.front().is_some_and(|next| next.exact && next.at == first.at) {
            run.extend(self.ready.pop_front().map(|next| next.record));
        }
        Some(Run { when: first.when, at: first.at, records: run })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(index: usize, second: i64, place: Option<(&'static str, i64)>) -> Head {
        let when = DateTime::from_timestamp(1_700_000_000 + second, 0).expect("in range");
        (index, when, place.map(|(table, row)| Place { table, row }))
    }

    #[test]
    fn rows_tell_what_came_first_where_times_do_not() {
        let (first, second) = (Some(("payouts", 1)), Some(("payouts", 2)));
        // Two payment requests of one partner, in two partitions: handled in one transaction, or the later one got the lock first.
        assert_eq!(first_of(&[head(0, 5, second), head(1, 5, first)]), Some(1));
        assert_eq!(first_of(&[head(0, 5, second), head(1, 6, first)]), Some(1));
        assert_eq!(first_of(&[head(0, 5, first), head(1, 5, second)]), Some(0));
        // Of three, the first row; rows of other tables are numbered by themselves.
        let heads =
            [head(0, 5, Some(("payouts", 9))), head(1, 6, Some(("payouts", 8))), head(2, 7, Some(("payouts", 7)))];
        assert_eq!(first_of(&heads), Some(2));
        assert_eq!(first_of(&[head(0, 5, second), head(1, 6, Some(("commissions", 1)))]), Some(0));
        // Without rows the time decides, and then the partition.
        assert_eq!(first_of(&[head(0, 6, None), head(1, 5, first)]), Some(1));
        assert_eq!(first_of(&[head(1, 5, None), head(0, 5, None)]), Some(0));
        assert_eq!(first_of(&[]), None);
    }
}
