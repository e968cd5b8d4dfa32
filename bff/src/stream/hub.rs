//! One set of readers for all streams of the process. They run only while somebody listens: reading every event costs time that
//! the services could use.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use service_kit::bus::Bus;
use service_kit::problem::Problem;
use service_kit::shutdown::Shutdown;
use tokio::sync::broadcast;

use super::happening::Happening;
use super::lane::{From, LaneReader};
use super::position::{LANES, Vector};

/// What is kept for those who come back soon, in bytes.
const KEPT_BYTES: usize = 8 * 1_024 * 1_024;
/// How far a listener may fall behind before it has to come back.
const BACKLOG: usize = 4_096;
/// Streams at a time.
const MOST_STREAMS: usize = 1_000;
/// How long readers go on when nobody listens.
const IDLE: Duration = Duration::from_secs(30);
/// Pause before a broken reader is built anew.
const PAUSE: Duration = Duration::from_secs(1);

/// The readers and what they read lately.
pub struct Hub {
    /// The broker.
    pub(super) bus: Arc<Bus>,
    /// Streams end when the process does.
    pub(super) shutdown: Shutdown,
    live: tokio::sync::Mutex<Option<Arc<Live>>>,
}

/// The readers while they run.
struct Live {
    kept: Mutex<Kept>,
    news: broadcast::Sender<Arc<Happening>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// What was read lately.
struct Kept {
    happenings: VecDeque<Arc<Happening>>,
    bytes: usize,
    /// Everything after this is kept.
    base: Vector,
    /// The last that was read.
    head: Vector,
}

/// A place in the stream from which nothing is missed: what was kept, where that ends, and what comes next.
pub struct Joined {
    /// Everything after this is in `kept`.
    pub base: Vector,
    /// Up to here everything was read; later ones come as news.
    pub head: Vector,
    /// What was read lately.
    pub kept: Vec<Arc<Happening>>,
    /// What comes.
    pub news: broadcast::Receiver<Arc<Happening>>,
}

impl Hub {
    /// A hub on `bus`; it reads nothing yet.
    pub fn new(bus: Arc<Bus>, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Self { bus, shutdown, live: tokio::sync::Mutex::default() })
    }

    /// Joins the stream; the first to join starts the readers.
    ///
    /// # Errors
    /// 503 when the broker is away, or too many listen already.
    pub async fn join(self: &Arc<Self>, with_kept: bool) -> Result<Joined, Problem> {
        let mut live = self.live.lock().await;
        let running = match &*live {
            Some(running) => Arc::clone(running),
            None => {
                let started = self.start().await;
                let started = started
                    .map_err(|error| Problem::unavailable("events cannot be read for the moment").caused_by(error))?;
                *live = Some(Arc::clone(&started));
                started
            }
        };
        if running.news.receiver_count() >= MOST_STREAMS {
            return Err(Problem::unavailable("too many streams are open"));
        }
        let kept = running.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let happenings = if with_kept { kept.happenings.iter().cloned().collect() } else { Vec::new() };
        // Under the lock under which news are sent: nothing falls between what is kept and what comes.
        Ok(Joined { base: kept.base, head: kept.head, kept: happenings, news: running.news.subscribe() })
    }

    async fn start(self: &Arc<Self>) -> anyhow::Result<Arc<Live>> {
        let openings = (0..LANES).map(|lane| LaneReader::open(&self.bus, lane, From::End));
        let readers = futures::future::try_join_all(openings).await?;
        let mut head = Vector::START;
        for reader in &readers {
            head.0[reader.lane()] = reader.at;
        }
        let kept = Mutex::new(Kept { happenings: VecDeque::new(), bytes: 0, base: head, head });
        let live = Arc::new(Live {
            kept,
            news: broadcast::Sender::new(BACKLOG),
            stop: tokio::sync::watch::Sender::new(false),
        });
        for reader in readers {
            self.spawn("stream reader", Arc::clone(self).read(Arc::clone(&live), reader));
        }
        self.spawn("stream reaper", Arc::clone(self).reap(Arc::clone(&live)));
        Ok(live)
    }

    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.shutdown.spawn(name, async move {
            task.await;
            Ok::<(), std::convert::Infallible>(())
        });
    }

    async fn read(self: Arc<Self>, live: Arc<Live>, mut reader: LaneReader) {
        let mut stop = live.stop.subscribe();
        loop {
            let outcome = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                () = self.shutdown.begun() => return,
                outcome = reader.next() => outcome,
            };
            match outcome {
                Ok(message) => live.note(reader.lane(), reader.at, Happening::read(reader.lane(), &message)),
                Err(error) => {
                    tracing::warn!(
                        lane = reader.lane(),
                        error = format!("{error:#}"),
                        "event reader broke, building a new one"
                    );
                    let (lane, at) = (reader.lane(), reader.at);
                    drop(reader);
                    let reopened = tokio::select! {
                        _ = stop.wait_for(|stopped| *stopped) => return,
                        () = self.shutdown.begun() => return,
                        reopened = self.reopen(lane, at) => reopened,
                    };
                    reader = reopened;
                }
            }
        }
    }

    async fn reopen(&self, lane: usize, at: super::position::Position) -> LaneReader {
        loop {
            tokio::time::sleep(PAUSE).await;
            match LaneReader::open(&self.bus, lane, From::After(at)).await {
                Ok(reader) => return reader,
                Err(error) => tracing::warn!(lane, error = format!("{error:#}"), "events cannot be read, trying again"),
            }
        }
    }

    /// Stops the readers when nobody has listened for a while.
    async fn reap(self: Arc<Self>, live: Arc<Live>) {
        loop {
            tokio::select! {
                () = self.shutdown.begun() => return,
                () = tokio::time::sleep(IDLE) => {}
            }
            let mut slot = self.live.lock().await;
            if live.news.receiver_count() == 0 {
                *slot = None;
                live.stop.send_replace(true);
                return;
            }
        }
    }
}

impl Live {
    fn note(&self, lane: usize, at: super::position::Position, happening: Option<Happening>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.head.0[lane] = at;
        let Some(happening) = happening.map(Arc::new) else { return };
        kept.bytes += happening.size;
        kept.happenings.push_back(Arc::clone(&happening));
        while kept.bytes > KEPT_BYTES
            && let Some(oldest) = kept.happenings.pop_front()
        {
            kept.bytes -= oldest.size;
            kept.base.0[oldest.lane] = oldest.position;
        }
        // Fails only when nobody listens.
        let _ = self.news.send(happening);
    }
}
