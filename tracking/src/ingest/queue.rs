//! Concurrent requests share a commit. One loop takes what waits, up to a group, and records it in one transaction; while it commits, the
//! next group gathers. An idle service commits a lone event at once.

use std::sync::Arc;
use std::time::Duration;

use service_kit::store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::group::{self, Request};
use super::write::WriteError;
use crate::catalog::Catalogs;
use crate::domain::plan::Verdict;

/// Events in one transaction, unless one request alone has more.
pub const GROUP: usize = 1_000;
/// Events that may wait; beyond that callers wait with them.
const MOST_WAITING: usize = 20_000;
/// Callers that wait longer are told to come back.
const PATIENCE: Duration = Duration::from_secs(10);
/// Under load a group waits this long to fill.
const GATHER: Duration = Duration::from_millis(1);
/// A group of so many requests means load: its callers are about to send again, and the next group waits for as many.
const BUSY: usize = 8;
/// Pauses before further attempts at a group that failed for no fault of its own.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(5),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];

/// Why events were not recorded: the database is away or too slow. Nothing happened, or it will show as a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the events could not be recorded now")]
pub struct Unavailable;

struct Waiting {
    request: Request,
    answer: oneshot::Sender<Result<Vec<Verdict>, Unavailable>>,
    _room: OwnedSemaphorePermit,
}

/// The way into the loop; clones share it.
#[derive(Clone)]
pub struct Queue {
    sender: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
}

/// The loop itself.
pub struct Recorder {
    store: Store,
    catalogs: Catalogs,
    waiting: mpsc::UnboundedReceiver<Waiting>,
}

/// A queue and the loop that empties it.
pub fn queue(store: Store) -> (Queue, Recorder) {
    // Bounded by the semaphore, which counts events and not requests.
    let (sender, waiting) = mpsc::unbounded_channel();
    let queue = Queue { sender, room: Arc::new(Semaphore::new(MOST_WAITING)) };
    (queue, Recorder { store, catalogs: Catalogs::default(), waiting })
}

impl Queue {
    /// Records the events of a request and answers after the commit, with one verdict per event.
    ///
    /// # Errors
    /// [`Unavailable`] when that takes too long or the database is away.
    pub async fn record(&self, request: Request) -> Result<Vec<Verdict>, Unavailable> {
        if request.events.is_empty() {
            return Ok(Vec::new());
        }
        let events = u32::try_from(request.events.len().min(MOST_WAITING)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(events);
        let room = tokio::time::timeout(PATIENCE, room).await.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?;
        let (answer, answered) = oneshot::channel();
        self.sender.send(Waiting { request, answer, _room: room }).map_err(|_| Unavailable)?;
        tokio::time::timeout(PATIENCE, answered).await.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?
    }
}

impl Recorder {
    /// Runs until every [`Queue`] is gone and nothing waits.
    pub async fn run(mut self) {
        let mut before = 0;
        while let Some(first) = self.waiting.recv().await {
            let group = self.gather(first, before).await;
            before = group.len();
            self.record(group).await;
        }
    }

    /// Takes what waits. After a group of many requests it waits a little for as many again: else a lone early one would get a commit of
    /// its own while the others queue behind it.
    async fn gather(&mut self, first: Waiting, before: usize) -> Vec<Waiting> {
        let mut events = first.request.events.len();
        let mut group = vec![first];
        let full_at = tokio::time::Instant::now() + GATHER;
        while events < GROUP {
            let next = match self.waiting.try_recv() {
                Ok(next) => next,
                Err(_) if before < BUSY || group.len() >= before => break,
                Err(_) => match tokio::time::timeout_at(full_at, self.waiting.recv()).await {
                    Ok(Some(next)) => next,
                    Ok(None) | Err(_) => break,
                },
            };
            events += next.request.events.len();
            group.push(next);
        }
        group
    }

    /// Records a group; when it cannot be, each request on its own, so that one that the database chokes on takes no other along.
    async fn record(&self, group: Vec<Waiting>) {
        let requests: Vec<&Request> = group.iter().map(|waiting| &waiting.request).collect();
        let outcome = self.attempts(&requests).await;
        match outcome {
            Ok(verdicts) => {
                for (waiting, verdicts) in group.into_iter().zip(verdicts) {
                    tell(waiting, Ok(verdicts));
                }
            }
            Err(error) if group.len() > 1 && !is_away(&error) => {
                tracing::warn!(error = %error, requests = group.len(), "a group of events failed, its requests are recorded one by one");
                for waiting in group {
                    let outcome = self.attempts(&[&waiting.request]).await;
                    let outcome = outcome.map(|verdicts| verdicts.into_iter().flatten().collect());
                    tell(waiting, outcome.map_err(|error| failed(&error)));
                }
            }
            Err(error) => {
                let unavailable = failed(&error);
                for waiting in group {
                    tell(waiting, Err(unavailable));
                }
            }
        }
    }

    async fn attempts(&self, requests: &[&Request]) -> Result<Vec<Vec<Verdict>>, WriteError> {
        let mut outcome = group::record(&self.store, &self.catalogs, requests, false).await;
        for pause in PAUSES {
            match &outcome {
                Err(error) if may_work_later(error) => {
                    tracing::debug!(%error, "a group of events is tried again");
                    tokio::time::sleep(pause).await;
                    outcome = group::record(&self.store, &self.catalogs, requests, true).await;
                }
                _ => break,
            }
        }
        outcome
    }
}

fn tell(waiting: Waiting, outcome: Result<Vec<Verdict>, Unavailable>) {
    // A caller that has gone does not need the answer; its events are recorded all the same.
    let _gone = waiting.answer.send(outcome);
}

fn failed(error: &WriteError) -> Unavailable {
    tracing::error!(%error, "events could not be recorded");
    Unavailable
}

fn is_away(error: &WriteError) -> bool {
    match error {
        WriteError::Overtaken => false,
        WriteError::Database(sqlx::Error::Database(error)) => {
            // connection, resources, operator intervention
            error.code().is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
        }
        WriteError::Database(error) => {
            matches!(
                error,
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
            )
        }
    }
}

fn may_work_later(error: &WriteError) -> bool {
    let in_the_way = match error {
        WriteError::Overtaken => true,
        // serialisation failure, deadlock, a lock not had in time
        WriteError::Database(sqlx::Error::Database(error)) => {
            error.code().is_some_and(|code| code.starts_with("40") || code == "55P03")
        }
        WriteError::Database(_) => false,
    };
    in_the_way || is_away(error)
}
