//! In-app notifications as they come, as server-sent events. They are read from the database, so that a stream goes on where it was cut
//! off, after a restart and from another process too.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::notifications::Notification;
use super::{Api, recipients_of};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// A comment is sent after this time without events, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After this time the listener has to come back, with a token that is checked again.
const LONGEST: Duration = Duration::from_secs(840);
/// Notifications that are read at a time.
const AT_ONCE: i64 = 100;

/// The caller's notifications from now on, or after `Last-Event-ID`. `data` is the notification; an event's id is its place.
#[utoipa::path(get, path = "/api/v1/notifications/stream", operation_id = "stream_notifications", tag = "notifications",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen; what came after it follows")),
    security(("bearer" = [])), responses((status = 200, description = "Events called `notification`", body = String, content_type = "text/event-stream")))]
pub async fn stream(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let odd = || Problem::bad_request("Last-Event-ID is none of ours").field("Last-Event-ID", "is none of ours");
    let asked = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().ok().and_then(Place::parse).ok_or_else(odd)?),
        None => None,
    };
    let mut work = api.store.read(&caller.tenant).await?;
    let bounds = sqlx::query!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "first!", pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS "last!""#
    )
    .fetch_one(work.conn())
    .await?;
    drop(work);
    // A place that lies ahead of the database is from before it was restored: the stream begins now.
    let seen = asked.filter(|place| place.written <= bounds.last).unwrap_or(Place { written: bounds.first, seq: 0 });
    let (out, mut queue) = mpsc::channel(16);
    tokio::spawn(async move { follow(&api, &caller, seen, &out).await });
    let events = futures::stream::poll_fn(move |context| queue.poll_recv(context));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// Where a stream stands: the transaction that wrote the last notification, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    written: i64,
    seq: i64,
}

impl Place {
    fn text(self) -> String {
        format!("{}.{}", self.written, self.seq)
    }

    fn parse(text: &str) -> Option<Self> {
        let (written, seq) = text.split_once('.')?;
        Some(Self { written: written.parse().ok()?, seq: seq.parse().ok()? })
    }
}

async fn follow(api: &Api, caller: &Caller, mut seen: Place, out: &mpsc::Sender<Result<Event, Infallible>>) {
    let recipients = recipients_of(caller);
    let until = Instant::now() + LONGEST;
    // Says where it stands, so that a listener that is cut off before the first event misses nothing.
    if out.send(Ok(Event::default().id(seen.text()).comment("here"))).await.is_err() {
        return;
    }
    while Instant::now() < until {
        let news = match read(api, caller, &recipients, seen).await {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(%error, "notifications cannot be read, the stream ends");
                return;
            }
        };
        let is_full = i64::try_from(news.len()).is_ok_and(|count| count >= AT_ONCE);
        for notification in news {
            seen = Place { written: notification.written, seq: notification.seq };
            let data = serde_json::to_string(&notification).unwrap_or_default();
            if out.send(Ok(Event::default().id(seen.text()).event("notification").data(data))).await.is_err() {
                return;
            }
        }
        if is_full {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = out.closed() => return,
            () = api.stop.cancelled() => return,
        }
    }
}

async fn read(
    api: &Api,
    caller: &Caller,
    recipients: &[String],
    seen: Place,
) -> Result<Vec<Notification>, sqlx::Error> {
    let mut work = api.store.read(&caller.tenant).await?;
    // In the order of transactions, and only what is older than all that still run: whatever is committed later comes after it.
    sqlx::query_as!(
        Notification,
        "SELECT n.id, n.seq, n.written, n.recipient, n.template, n.category, n.language, n.subject, n.text, n.created_at, n.read_at
         FROM notifications n JOIN sendings s
           ON s.tenant = n.tenant AND s.notification_id = n.id AND s.channel = 'in_app' AND s.state = 'sent'
         WHERE n.tenant = $1 AND n.recipient = ANY($2) AND (n.written, n.seq) > ($3, $4)
           AND n.written < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         ORDER BY n.written, n.seq LIMIT $5",
        caller.tenant.as_str(),
        recipients,
        seen.written,
        seen.seq,
        AT_ONCE,
    )
    .fetch_all(work.conn())
    .await
}
