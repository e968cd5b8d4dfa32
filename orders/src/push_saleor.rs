//! Tells a Saleor shop what became of its orders: each shipment that left, with its number, and that an order was given up. One durable job
//! for each. The shop takes no idempotency key, so the order is looked at before anything is told, every time.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use providers::saleor::{self, Error, FulfilLine};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::OrderId;
use uuid::Uuid;

use crate::config::Parts;
use crate::import_saleor::pause_after;
use crate::steps::order_of;

/// Pushes that one look begins at most; the next one is a minute later.
const MOST: i64 = 200;
/// The subject of a push that tells of no shipment.
const CANCEL: &str = "cancel";

/// Finds what the shop was not told yet, and has it told.
///
/// # Errors
/// When the database is away.
pub async fn plan(work: &mut Work, cause: &Cause) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let begun = sqlx::query!(
        "INSERT INTO saleor_pushes (tenant, order_id, subject, shipment_id, state, asked_at)
         SELECT tenant, order_id, subject, shipment_id, 'open', $2 FROM (
             SELECT l.tenant, l.order_id, s.id::text AS subject, s.id AS shipment_id, l.seq FROM saleor_orders l
             JOIN shipments s ON s.tenant = l.tenant AND s.order_id = l.order_id
             WHERE l.tenant = $1 AND l.state = 'imported' AND s.state IN ('dispatched', 'delivered')
             UNION ALL
             SELECT l.tenant, l.order_id, 'cancel', NULL, l.seq FROM saleor_orders l
             JOIN orders o ON o.tenant = l.tenant AND o.id = l.order_id
             WHERE l.tenant = $1 AND l.state = 'imported' AND l.cancelled_at IS NULL AND o.status = 'cancelled') AS happened
         WHERE NOT EXISTS (SELECT 1 FROM saleor_pushes p
                           WHERE p.tenant = happened.tenant AND p.order_id = happened.order_id AND p.subject = happened.subject)
         ORDER BY seq LIMIT $3 ON CONFLICT DO NOTHING RETURNING order_id, subject",
        tenant.as_str(),
        now,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    for row in &begun {
        enqueue(work, cause, OrderId(row.order_id), &row.subject, TimeDelta::zero()).await?;
    }
    // Nothing more will happen to these.
    sqlx::query!(
        "UPDATE saleor_orders l SET state = 'closed' FROM orders o
         WHERE l.tenant = $1 AND l.state = 'imported' AND o.tenant = l.tenant AND o.id = l.order_id
           AND o.status IN ('completed', 'cancelled', 'returned', 'refunded')
           AND NOT EXISTS (SELECT 1 FROM saleor_pushes p WHERE p.tenant = l.tenant AND p.order_id = l.order_id AND p.state = 'open')
           AND (o.status <> 'cancelled' OR l.cancelled_at IS NOT NULL
                OR EXISTS (SELECT 1 FROM saleor_pushes p WHERE p.tenant = l.tenant AND p.order_id = l.order_id AND p.subject = 'cancel'))
           AND NOT EXISTS (SELECT 1 FROM shipments s WHERE s.tenant = l.tenant AND s.order_id = l.order_id AND s.state IN ('dispatched', 'delivered')
                AND NOT EXISTS (SELECT 1 FROM saleor_pushes p WHERE p.tenant = s.tenant AND p.order_id = s.order_id AND p.shipment_id = s.id))",
        tenant.as_str(),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn enqueue(
    work: &mut Work,
    cause: &Cause,
    order: OrderId,
    subject: &str,
    pause: TimeDelta,
) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "order_id": order, "subject": subject });
    let (key, due_at) = (format!("{order}:{subject}"), work.now() + pause);
    work.enqueue(NewJob { kind: Push::KIND, key, due_at, payload, cause: cause.clone() }).await
}

/// What the shop is to be told.
struct News {
    saleor_id: String,
    /// How many of each of the shop's lines left; nothing when the order was given up.
    left: Option<BTreeMap<String, i64>>,
    tracking: Option<String>,
}

/// What has to be done for the shop to know.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Fulfil(Vec<FulfilLine>),
    Cancel,
    /// It knows already, and from where.
    Nothing(&'static str),
    /// It cannot be told, and why.
    Impossible(String),
}

/// How telling ended.
enum Told {
    Done(String),
    Refused(String),
    Later(TimeDelta, String),
}

/// Tells the shop one thing.
pub struct Push {
    /// What that needs.
    pub parts: Parts,
}

impl RunsJob for Push {
    const KIND: &'static str = "orders.push_saleor";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let order = order_of(job)?;
        let subject = job.payload["subject"].as_str().unwrap_or_default().to_owned();
        let mut work = store.read(&job.tenant).await?;
        let news = news(&mut work, order, &subject).await?;
        work.commit().await?;
        let shop = self.parts.config.saleor.as_ref().filter(|shop| shop.tenant == job.tenant);
        let told = match (news, shop) {
            // It was told before, and this process was stopped before it could end the job.
            (None, _) => None,
            (Some(_), None) => Some(Told::Later(TimeDelta::hours(1), "no saleor shop is configured".into())),
            (Some(news), Some(shop)) => Some(tell(&shop.client, &news).await),
        };
        let mut work = store.read(&job.tenant).await?;
        job.finish(&mut work).await?;
        match told {
            None => {}
            Some(Told::Done(detail)) => end(&mut work, order, &subject, "done", &detail).await?,
            Some(Told::Refused(detail)) => {
                tracing::warn!(order.id = %order, subject, detail, "the saleor shop cannot be told; a person has to look at it there");
                end(&mut work, order, &subject, "refused", &detail).await?;
            }
            Some(Told::Later(pause, detail)) => {
                tracing::info!(order.id = %order, subject, detail, "the saleor shop is told later");
                enqueue(&mut work, &job.cause, order, &subject, pause).await?;
            }
        }
        Ok(work.commit().await?)
    }
}

async fn news(work: &mut Work, order: OrderId, subject: &str) -> Result<Option<News>, Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT l.saleor_id, p.shipment_id FROM saleor_pushes p JOIN saleor_orders l ON l.tenant = p.tenant AND l.order_id = p.order_id
         WHERE p.tenant = $1 AND p.order_id = $2 AND p.subject = $3 AND p.state = 'open'",
        tenant.as_str(),
        order.0,
        subject,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(shipment) = row.shipment_id.filter(|_| subject != CANCEL) else {
        return Ok(Some(News { saleor_id: row.saleor_id, left: None, tracking: None }));
    };
    let (left, tracking) = shipped(work, order, shipment).await?;
    Ok(Some(News { saleor_id: row.saleor_id, left: Some(left), tracking }))
}

async fn shipped(
    work: &mut Work,
    order: OrderId,
    shipment: Uuid,
) -> Result<(BTreeMap<String, i64>, Option<String>), Failure> {
    let tenant = work.tenant().clone();
    let lines = sqlx::query!(
        r#"SELECT l.saleor_line, sum(i.quantity)::bigint AS "quantity!" FROM shipment_lines i
           JOIN saleor_lines l ON l.tenant = i.tenant AND l.order_id = $2 AND l.line = i.line
           WHERE i.tenant = $1 AND i.shipment_id = $3 GROUP BY l.saleor_line"#,
        tenant.as_str(),
        order.0,
        shipment,
    )
    .fetch_all(work.conn())
    .await?;
    let tracking = sqlx::query_scalar!(
        "SELECT tracking_number FROM shipments WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        shipment,
    )
    .fetch_one(work.conn())
    .await?;
    Ok((lines.into_iter().map(|line| (line.saleor_line, line.quantity)).collect(), tracking))
}

async fn end(work: &mut Work, order: OrderId, subject: &str, state: &str, detail: &str) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE saleor_pushes SET state = $4, detail = $5, ended_at = $6
         WHERE tenant = $1 AND order_id = $2 AND subject = $3 AND state = 'open'",
        tenant.as_str(),
        order.0,
        subject,
        state,
        detail,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Looks at the order there, and tells what it does not know.
async fn tell(client: &saleor::Saleor, news: &News) -> Told {
    let later = |error: &Error| Told::Later(pause_after(error), error.to_string());
    let known = match client.order(&news.saleor_id).await {
        Ok(Some(order)) => order,
        Ok(None) => return Told::Refused("the shop has no such order any more".into()),
        Err(error) => return later(&error),
    };
    let told = match wanted(&known, news) {
        Wanted::Nothing(why) => return Told::Done(why.into()),
        Wanted::Impossible(why) => return Told::Refused(why),
        Wanted::Cancel => client.cancel(&news.saleor_id).await,
        Wanted::Fulfil(lines) => client.fulfil(&news.saleor_id, &lines, news.tracking.as_deref()).await,
    };
    match told {
        Ok(()) => Told::Done("told".into()),
        // That the app may not is for an operator to set right; it is asked again.
        Err(Error::Refused { code, message }) if !is_about_us(&code) => Told::Refused(format!("{code}: {message}")),
        Err(error) => later(&error),
    }
}

/// Whether a refusal is about our token and its rights, not about the order.
fn is_about_us(code: &str) -> bool {
    code.starts_with("http_") || code.ends_with("Error") || code == "PermissionDenied"
}

/// What the shop has to be told, by what it knows.
fn wanted(known: &saleor::Order, news: &News) -> Wanted {
    let Some(left) = &news.left else {
        return if known.is_cancelled() { Wanted::Nothing("it is cancelled there already") } else { Wanted::Cancel };
    };
    let is_ours = |tracking: &String| {
        known.fulfillments.iter().any(|one| one.status != "CANCELED" && one.tracking_number == *tracking)
    };
    if news.tracking.as_ref().is_some_and(is_ours) {
        return Wanted::Nothing("it has a fulfilment of this number already");
    }
    if known.is_cancelled() {
        return Wanted::Impossible("it left, but is cancelled in the shop".into());
    }
    let waits =
        |line: &String| known.lines.iter().find(|known| known.id == *line).map_or(0, |known| known.quantity_to_fulfill);
    let (enough, short): (Vec<_>, Vec<_>) = left.iter().partition(|(line, quantity)| waits(line) >= **quantity);
    match (enough.is_empty(), short.is_empty()) {
        (_, true) => {}
        (true, false) => return Wanted::Nothing("all of it has been fulfilled there already"),
        (false, false) => return Wanted::Impossible("a part of it has been fulfilled there by somebody else".into()),
    }
    let mut lines = Vec::new();
    for (line, quantity) in left {
        let found = known.lines.iter().find(|known| known.id == *line);
        let stocks = found.map(|found| stocks(found, *quantity, &known.channel.warehouses)).unwrap_or_default();
        if stocks.is_empty() {
            return Wanted::Impossible("the shop names no warehouse that it could have left".into());
        }
        lines.push(FulfilLine { line: line.clone(), stocks });
    }
    Wanted::Fulfil(lines)
}

/// From which of the shop's warehouses so many are taken: where it has put them aside, the rest from the first of them, or of the channel's.
fn stocks(line: &saleor::Line, quantity: i64, channel: &[saleor::Warehouse]) -> Vec<(String, i64)> {
    let mut taken: Vec<(String, i64)> = Vec::new();
    let mut rest = quantity;
    for allocation in line.allocations.iter().flatten() {
        let some = allocation.quantity.min(rest);
        if some > 0 {
            taken.push((allocation.warehouse.id.clone(), some));
            rest -= some;
        }
    }
    if rest > 0 {
        match (taken.first_mut(), channel.first()) {
            (Some((_, first)), _) => *first += rest,
            (None, Some(warehouse)) => taken.push((warehouse.id.clone(), rest)),
            (None, None) => {}
        }
    }
    taken
}
