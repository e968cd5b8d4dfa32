//! Several partitions at once, in the order in which their messages were written down.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::{poll_fn, try_join_all};
use shared_events::Topic;
use shared_events::partition::PARTITIONS;
use std::task::Poll;
use tokio::sync::mpsc;

use super::{End, PartitionReader, Record, Start};
use crate::admin::Admin;
use crate::bus::Bus;

/// Messages that wait between a partition's reader and the merge.
const WAITING: usize = 256;

/// What is read.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Where each partition begins.
    pub start: Start,
    /// Where each partition ends.
    pub end: End,
    /// Messages that were written down before are left out.
    pub from: Option<DateTime<Utc>>,
    /// Messages that were written down later are left out.
    pub to: Option<DateTime<Utc>>,
}

impl Span {
    /// Everything that is there now.
    pub const ALL: Self = Self { start: Start::Earliest, end: End::Now, from: None, to: None };

    fn covers(&self, record: &Record) -> bool {
        let time = record.recorded();
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }
}

/// One partition while it is read; its messages in their order.
pub struct Lane {
    messages: mpsc::Receiver<anyhow::Result<Option<Record>>>,
    head: Option<Record>,
    caught_up: bool,
}

impl Lane {
    /// The next message, which stays the next until it is taken. `None` at the end, and, in a lane without end, when it has caught up.
    ///
    /// # Errors
    /// When the partition cannot be read.
    pub async fn peek(&mut self) -> anyhow::Result<Option<&Record>> {
        if self.head.is_none() && !self.caught_up {
            match self.messages.recv().await.transpose()?.flatten() {
                Some(record) => self.head = Some(record),
                None => self.caught_up = true,
            }
        }
        Ok(self.head.as_ref())
    }

    /// Takes the message that was seen with [`Lane::peek`].
    pub fn take(&mut self) -> Option<Record> {
        self.head.take()
    }
}

/// Opens every partition of `topics`; each is read ahead a little in a task of its own.
///
/// # Errors
/// When the broker is away or refuses.
pub async fn open_lanes(bus: &Arc<Bus>, admin: &Admin, topics: &[Topic], span: Span) -> anyhow::Result<Vec<Lane>> {
    let partitions = topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (*topic, partition)));
    let opening =
        partitions.map(|(topic, partition)| PartitionReader::open(bus, admin, topic, partition, span.start, span.end));
    let readers = try_join_all(opening).await?;
    Ok(readers.into_iter().map(|reader| lane(reader, span)).collect())
}

fn lane(mut reader: PartitionReader, span: Span) -> Lane {
    let (sender, messages) = mpsc::channel(WAITING);
    drop(tokio::spawn(async move {
        let mut told = false;
        loop {
            if reader.caught_up() && !told {
                told = true;
                if sender.send(Ok(None)).await.is_err() {
                    return;
                }
            }
            let item = tokio::select! {
                item = reader.next() => item,
                () = sender.closed() => return,
            };
            match item {
                Ok(Some(record)) if !span.covers(&record) => {}
                Ok(None) => return,
                item => {
                    let broken = item.is_err();
                    if sender.send(item).await.is_err() || broken {
                        return;
                    }
                }
            }
        }
    }));
    Lane { messages, head: None, caught_up: false }
}

/// The messages of several partitions in the order in which they were written down; those of one partition always in their own order.
/// What arrives after reading began (in spans without end) comes in the order of its arrival.
pub struct Merged {
    lanes: Vec<Lane>,
    follow: bool,
}

impl Merged {
    /// Reads every partition of `topics`.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn open(bus: &Arc<Bus>, admin: &Admin, topics: &[Topic], span: Span) -> anyhow::Result<Self> {
        Ok(Self { lanes: open_lanes(bus, admin, topics, span).await?, follow: span.end == End::Never })
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// When a partition cannot be read.
    pub async fn next(&mut self) -> anyhow::Result<Option<Record>> {
        let mut earliest: Option<(DateTime<Utc>, usize)> = None;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(record) = lane.peek().await? {
                let candidate = (record.recorded(), index);
                earliest = Some(earliest.map_or(candidate, |best| best.min(candidate)));
            }
        }
        match earliest {
            Some((_, index)) => Ok(self.lanes[index].take()),
            None if self.follow => self.arrival().await,
            None => Ok(None),
        }
    }

    async fn arrival(&mut self) -> anyhow::Result<Option<Record>> {
        poll_fn(|context| {
            let mut open = false;
            for lane in &mut self.lanes {
                match lane.messages.poll_recv(context) {
                    Poll::Ready(Some(Ok(Some(record)))) => return Poll::Ready(Ok(Some(record))),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(Some(Ok(None))) => {
                        context.waker().wake_by_ref();
                        open = true;
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => open = true,
                }
            }
            if open { Poll::Pending } else { Poll::Ready(Ok(None)) }
        })
        .await
    }
}
