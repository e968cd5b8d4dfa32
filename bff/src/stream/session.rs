//! One caller's stream: first what it missed, then what comes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use chrono::{DateTime, Utc};
use futures::Stream;
use service_kit::auth::Caller;
use service_kit::clock::{Clock, SystemClock};
use service_kit::problem::Problem;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::happening::Happening;
use super::hub::{Hub, Joined};
use super::lane::{From, LaneReader};
use super::position::{LANES, Vector};

/// Most messages that are read again for one who was away for long.
const MOST_MISSED: usize = 50_000;
/// Longest time that is spent on reading them.
const LONGEST_CATCH_UP: Duration = Duration::from_secs(20);
/// A stream ends after this time, or with its token; the client comes back with its last id and a token that is checked again.
const LONGEST_STREAM: Duration = Duration::from_secs(900);
/// How often the id alone is sent while nothing concerns the caller, so that it resumes close by.
const MARK_EVERY: Duration = Duration::from_secs(15);

type Item = Result<Event, Infallible>;

/// Opens a stream that goes on after `seen`, or begins now.
///
/// # Errors
/// 503 when events cannot be read.
pub async fn open(
    hub: &Arc<Hub>,
    caller: Caller,
    seen: Option<Vector>,
) -> Result<impl Stream<Item = Item> + use<>, Problem> {
    let joined = hub.join(seen.is_some()).await?;
    let left = lasts(&caller, SystemClock.now());
    let (out, mut queue) = mpsc::channel(64);
    let session = Session { hub: Arc::clone(hub), caller, at: seen.unwrap_or(joined.head), out };
    let shutdown = hub.shutdown.clone();
    hub.shutdown.spawn("stream", async move {
        tokio::select! {
            _ = session.run(joined) => {}
            () = shutdown.begun() => {}
            () = tokio::time::sleep(left) => {}
        }
        Ok::<(), Infallible>(())
    });
    Ok(futures::stream::poll_fn(move |context| queue.poll_recv(context)))
}

/// How long a caller may listen: its stream ends with its token.
fn lasts(caller: &Caller, now: DateTime<Utc>) -> Duration {
    let token = caller.expires_at.map(|ends| (ends - now).to_std().unwrap_or(Duration::ZERO));
    token.map_or(LONGEST_STREAM, |left| left.min(LONGEST_STREAM))
}

/// The listener went away, or has to come back.
struct Ended;

struct Session {
    hub: Arc<Hub>,
    caller: Caller,
    /// Everything up to here was shown or was not for the caller.
    at: Vector,
    out: mpsc::Sender<Item>,
}

impl Session {
    async fn run(mut self, joined: Joined) -> Result<(), Ended> {
        if self.at.covers(&joined.base) {
            for happening in &joined.kept {
                self.show(happening).await?;
            }
        } else {
            self.catch_up(&joined.head).await?;
        }
        for (mine, theirs) in self.at.0.iter_mut().zip(joined.head.0) {
            *mine = (*mine).max(theirs);
        }
        self.mark().await?;
        let mut news = joined.news;
        let mut marked = Instant::now();
        loop {
            match tokio::time::timeout_at(marked + MARK_EVERY, news.recv()).await {
                Ok(Ok(happening)) => self.show(&happening).await?,
                // Too slow for the hub's memory: it comes back with its last id and reads from the broker.
                Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => return Err(Ended),
                Err(_) => {
                    self.mark().await?;
                    marked = Instant::now();
                }
            }
        }
    }

    /// Reads from the broker what was missed, up to where the news begin.
    async fn catch_up(&mut self, head: &Vector) -> Result<(), Ended> {
        let deadline = Instant::now() + LONGEST_CATCH_UP;
        let mut left = MOST_MISSED;
        for lane in 0..LANES {
            let reading = self.catch_up_lane(lane, head, &mut left);
            match tokio::time::timeout_at(deadline, reading).await {
                Ok(Ok(())) => {}
                Ok(Err(Missed::Ended)) => return Err(Ended),
                Ok(Err(Missed::Broken(error))) => {
                    tracing::warn!(error = format!("{error:#}"), "missed events cannot be read");
                    return Err(Ended);
                }
                Ok(Err(Missed::TooMany)) | Err(_) => return self.gap().await,
            }
        }
        Ok(())
    }

    async fn catch_up_lane(&mut self, lane: usize, head: &Vector, left: &mut usize) -> Result<(), Missed> {
        if self.at.0[lane] >= head.0[lane] {
            return Ok(());
        }
        let hub = Arc::clone(&self.hub);
        let mut reader =
            LaneReader::open(&hub.bus, lane, From::After(self.at.0[lane])).await.map_err(Missed::Broken)?;
        while reader.at < head.0[lane] {
            *left = left.checked_sub(1).ok_or(Missed::TooMany)?;
            let message = reader.next().await.map_err(Missed::Broken)?;
            // Later ones come as news.
            if reader.at > head.0[lane] {
                break;
            }
            match Happening::read(lane, &message) {
                Some(happening) => self.show(&happening).await.map_err(|Ended| Missed::Ended)?,
                None => self.at.0[lane] = reader.at,
            }
        }
        Ok(())
    }

    /// Shows an event unless it was shown before or is not for the caller.
    async fn show(&mut self, happening: &Happening) -> Result<(), Ended> {
        let at = &mut self.at.0[happening.lane];
        if happening.position <= *at {
            return Ok(());
        }
        *at = happening.position;
        let Some(shown) = happening.shown_to(&self.caller) else { return Ok(()) };
        self.send(Event::default().event(happening.name()).data(shown.to_string())).await
    }

    /// Sends the id alone.
    async fn mark(&mut self) -> Result<(), Ended> {
        self.send(Event::default().comment("")).await
    }

    /// Says that more was missed than is read again; lists have to be loaded anew.
    async fn gap(&mut self) -> Result<(), Ended> {
        self.send(Event::default().event("gap").data(r#"{"detail":"too much was missed: load your lists anew"}"#)).await
    }

    async fn send(&mut self, event: Event) -> Result<(), Ended> {
        self.out.send(Ok(event.id(self.at.text()))).await.map_err(|_| Ended)
    }
}

/// Why what was missed could not be read to its end.
enum Missed {
    Ended,
    TooMany,
    Broken(anyhow::Error),
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use shared_events::{Subject, TenantId};

    use super::*;

    #[test]
    fn a_stream_ends_with_its_token() {
        let now = DateTime::UNIX_EPOCH;
        let until = |expires_at| Caller {
            tenant: TenantId::try_new("demo").expect("valid"),
            subject: Subject::try_new("user123").expect("valid"),
            roles: vec![],
            partner: None,
            token: String::new(),
            expires_at,
        };
        assert_eq!(lasts(&until(None), now), LONGEST_STREAM);
        for (seconds, left) in [(-1, 0), (0, 0), (60, 60), (86_400, 900)] {
            let caller = until(Some(now + TimeDelta::seconds(seconds)));
            assert_eq!(lasts(&caller, now), Duration::from_secs(left), "{seconds}");
        }
    }
}
