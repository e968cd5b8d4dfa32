//! Orders of a Saleor shop are taken in, once each, when they are paid there; and what became of them is told to the shop by
//! [`crate::push_saleor`]. One durable job reads what changed, in the order in which it changed, and comes again.

mod feed;
mod translate;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use providers::saleor::{self, Saleor};
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::ids::derive;
use shared_events::orders::CancelOrder;
use shared_events::outcome::Rejection;
use shared_events::{Envelope, Message, MessageId, OrderId, Subject, TenantId};

use crate::cancel_order;
use crate::config::Parts;
use crate::place_order;
use crate::push_saleor;

use feed::{Feed, feed, note};
pub use translate::SALEOR;
use translate::{Translated, translate};

/// After which time a database that is away is asked again, at the start.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the shop is asked.
const EVERY: TimeDelta = TimeDelta::seconds(60);
/// ... after it turned us away.
const AFTER_REFUSAL: TimeDelta = TimeDelta::minutes(10);
/// What changed so shortly before the newest change is read again: a change may become visible later than one that was made after it.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// The shop.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Its API.
    pub client: Saleor,
    /// Whose it is.
    pub tenant: TenantId,
    /// Orders that changed before are left alone; absent = those before it was first connected.
    pub since: Option<DateTime<Utc>>,
}

/// Begins to read the shop, where one is configured, as soon as the database answers; again is harmless. A job that was set aside as failed
/// gives way to a new one: it would hold its place for good, and the shop would never be read again.
pub async fn begin(store: &Store, parts: &Parts) {
    let Some(shop) = &parts.config.saleor else { return };
    while let Err(error) = enqueue(store, &shop.tenant).await {
        tracing::warn!(%error, "the saleor shop is read later");
        tokio::time::sleep(PATIENCE).await;
    }
}

async fn enqueue(store: &Store, tenant: &TenantId) -> Result<(), sqlx::Error> {
    let mut work = store.read(tenant).await?;
    let key = work.tenant().to_string();
    sqlx::query!("DELETE FROM jobs WHERE kind = $1 AND key = $2 AND failed_at IS NOT NULL", Import::KIND, key)
        .execute(work.conn())
        .await?;
    let cause = Cause::root(new_id(work.now()), Some(SALEOR.to_owned()));
    again(&mut work, cause, TimeDelta::zero()).await?;
    work.commit().await
}

async fn again(work: &mut Work, cause: Cause, pause: TimeDelta) -> Result<(), sqlx::Error> {
    let (key, due_at) = (work.tenant().to_string(), work.now() + pause);
    work.enqueue(NewJob { kind: Import::KIND, key, due_at, payload: serde_json::json!({}), cause }).await
}

/// Reads a page of what changed in the shop.
pub struct Import {
    /// What that needs.
    pub parts: Parts,
}

impl RunsJob for Import {
    const KIND: &'static str = "orders.import_saleor";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Some(shop) = self.parts.config.saleor.as_ref().filter(|shop| shop.tenant == job.tenant) else {
            let mut work = store.read(&job.tenant).await?;
            job.finish(&mut work).await?;
            return Ok(work.commit().await?);
        };
        match self.look(store, job, shop).await {
            // It comes again by itself instead of running out of attempts: the next look may find that it was put right.
            Err(failure) if !failure.is_infrastructure() => self.look_later(store, job, shop, failure).await,
            result => result,
        }
    }
}

impl Import {
    async fn look(&self, store: &Store, job: &Job, shop: &Shop) -> Result<(), Failure> {
        let feed = feed(store, shop).await?;
        let read = shop.client.orders(feed.since, feed.after.as_deref()).await;
        if let Ok(page) = &read {
            for order in &page.orders {
                self.look_at(store, job, order).await?;
            }
        }
        let mut work = store.read(&job.tenant).await?;
        let pause = match read {
            Ok(page) => {
                let newest = page.orders.iter().map(|order| order.updated_at).fold(feed.newest, Ord::max);
                let is_last = page.next.is_none();
                let since = if is_last { feed.since.max(newest - OVERLAP) } else { feed.since };
                note(&mut work, &Feed { since, newest, after: page.next }, None).await?;
                push_saleor::plan(&mut work, &job.cause).await?;
                if is_last { EVERY } else { TimeDelta::zero() }
            }
            Err(error) => {
                tracing::warn!(%error, "the saleor shop cannot be read");
                // A cursor that the shop does not take any more must not keep it from being read for good.
                note(&mut work, &Feed { after: None, ..feed }, Some(&error.to_string())).await?;
                pause_after(&error)
            }
        };
        job.finish(&mut work).await?;
        let cause = Cause::root(new_id(work.now()), Some(SALEOR.to_owned()));
        again(&mut work, cause, pause).await?;
        Ok(work.commit().await?)
    }

    /// What was read could not be dealt with: the same page is read again later.
    async fn look_later(&self, store: &Store, job: &Job, shop: &Shop, failure: Failure) -> Result<(), Failure> {
        let why = match failure {
            Failure::Retry(error) => format!("{error:#}"),
            Failure::Reject(rejection) => words(&rejection),
        };
        tracing::error!(error = why, "what the saleor shop says cannot be dealt with");
        let feed = feed(store, shop).await?;
        let mut work = store.read(&job.tenant).await?;
        note(&mut work, &feed, Some("what it says could not be dealt with here; see the log")).await?;
        job.finish(&mut work).await?;
        let cause = Cause::root(new_id(work.now()), Some(SALEOR.to_owned()));
        again(&mut work, cause, AFTER_REFUSAL).await?;
        Ok(work.commit().await?)
    }
}

/// When the shop is asked again after a failure.
pub(crate) fn pause_after(error: &saleor::Error) -> TimeDelta {
    match error {
        saleor::Error::Refused { .. } => AFTER_REFUSAL,
        saleor::Error::Unavailable { retry_after: Some(wished), .. } => {
            TimeDelta::from_std(*wished).unwrap_or(EVERY).clamp(EVERY, TimeDelta::hours(1))
        }
        saleor::Error::Unavailable { .. } | saleor::Error::Unknown(_) => EVERY,
    }
}

impl Import {
    /// Takes one order in, or notes that it was cancelled in the shop; what is neither is left alone. Seen again, nothing happens.
    async fn look_at(&self, store: &Store, job: &Job, order: &saleor::Order) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        let tenant = work.tenant().clone();
        let known = sqlx::query!(
            "SELECT l.order_id, l.changed_at, l.cancelled_at, o.status::text AS status FROM saleor_orders l
             LEFT JOIN orders o ON o.tenant = l.tenant AND o.id = l.order_id WHERE l.tenant = $1 AND l.saleor_id = $2",
            tenant.as_str(),
            order.id,
        )
        .fetch_optional(work.conn())
        .await?;
        match known {
            Some(row) if let Some(id) = row.order_id => {
                let ends_here = row.status.as_deref() == Some("cancelled");
                if order.is_cancelled() && row.cancelled_at.is_none() && !ends_here {
                    drop(work);
                    return cancelled(store, job, &order.id, OrderId(id)).await;
                }
                Ok(())
            }
            Some(row) if row.changed_at >= order.updated_at => Ok(()),
            _ if order.status == "UNFULFILLED" && order.is_paid() => self.take_in(work, store, job, order).await,
            _ => Ok(()),
        }
    }

    async fn take_in(&self, mut work: Work, store: &Store, job: &Job, order: &saleor::Order) -> Result<(), Failure> {
        let why = match translate(&self.parts.config.key, &job.tenant, order) {
            Ok(translated) => {
                let id = translated.command.order_id;
                match place(&mut work, job, translated).await {
                    Ok(()) => {
                        remember(&mut work, order, Some(id), None).await?;
                        tracing::info!(order.id = %id, saleor.number = order.number, "an order of the saleor shop was taken in");
                        return Ok(work.commit().await?);
                    }
                    Err(Failure::Reject(rejection)) => words(&rejection),
                    Err(other) => return Err(other),
                }
            }
            Err(why) => why,
        };
        // What was begun is undone with its transaction.
        drop(work);
        tracing::warn!(saleor.number = order.number, why, "an order of the saleor shop cannot be taken in");
        let mut work = store.read(&job.tenant).await?;
        remember(&mut work, order, None, Some(&why)).await?;
        Ok(work.commit().await?)
    }
}

fn words(rejection: &Rejection) -> String {
    match &rejection.field {
        Some(field) => format!("{}: {field}: {}", rejection.code, rejection.detail),
        None => format!("{}: {}", rejection.code, rejection.detail),
    }
}

/// Hands a wish to its handler as if it had come by the topic.
fn delivered<M: Message>(work: &Work, job: &Job, id: MessageId, data: M) -> Delivered<M> {
    let begun = Envelope::begin("/services/orders", &data, id, work.tenant().clone(), work.now());
    let envelope = Envelope { actor: Some(SALEOR.to_owned()), traceparent: job.cause.traceparent.clone(), ..begun };
    Delivered { envelope, data }
}

async fn place(work: &mut Work, job: &Job, translated: Translated) -> Result<(), Failure> {
    let Translated { command, lines } = translated;
    let (tenant, id) = (work.tenant().clone(), command.order_id);
    let message = MessageId(derive(&["saleor-place", &id.to_string()]));
    let wish = delivered(work, job, message, command);
    place_order::Place.handle(work, &wish).await?;
    sqlx::query!(
        "INSERT INTO saleor_lines (tenant, order_id, line, saleor_line)
         SELECT $1, $2, number::integer, saleor_line FROM unnest($3::text[]) WITH ORDINALITY AS l(saleor_line, number)",
        tenant.as_str(),
        id.0,
        &lines,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn remember(
    work: &mut Work,
    order: &saleor::Order,
    id: Option<OrderId>,
    why: Option<&str>,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO saleor_orders (tenant, saleor_id, number, state, order_id, reason, changed_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant, saleor_id) DO UPDATE SET state = $4, order_id = $5, reason = $6, changed_at = $7, seen_at = $8",
        tenant.as_str(),
        order.id,
        order.number,
        if id.is_some() { "imported" } else { "refused" },
        id.map(|id| id.0),
        why,
        order.updated_at,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The shop has given an order up: it is given up here, too, if it has not left yet.
async fn cancelled(store: &Store, job: &Job, saleor_id: &str, id: OrderId) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let by = Subject::try_new(SALEOR).map_err(anyhow::Error::from)?;
    let wish = CancelOrder { order_id: id, reason: "cancelled in the Saleor shop".into(), only_of: None, by };
    let message = MessageId(derive(&["saleor-cancel", &id.to_string()]));
    let wish = delivered(&work, job, message, wish);
    let why = match cancel_order::Cancel.handle(&mut work, &wish).await {
        Ok(_) => None,
        Err(Failure::Reject(rejection)) => {
            tracing::warn!(order.id = %id, code = rejection.code, "an order was cancelled in the saleor shop, but not here");
            drop(work);
            work = store.read(&job.tenant).await?;
            Some(format!("cancelled in the shop, but not here: {}", rejection.detail))
        }
        Err(other) => return Err(other),
    };
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE saleor_orders SET cancelled_at = $3, reason = $4 WHERE tenant = $1 AND saleor_id = $2",
        tenant.as_str(),
        saleor_id,
        now,
        why,
    )
    .execute(work.conn())
    .await?;
    Ok(work.commit().await?)
}
