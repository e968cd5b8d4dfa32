//! Stock is set aside, and let go when the order is not paid in time.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{OrderHeld, StockReleased, StockReserved, StockShort};

use super::order_of;
use crate::advance::{Ending, note_step, run_step};
use crate::config::Parts;
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::stock::{self, Reserved};

/// How long stock is set aside for an order that is not paid.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// Sets stock aside; short, the order waits for a person.
pub async fn run(parts: &Parts, work: &mut Work, cause: &Cause, order: &Order) -> Result<Ending, Failure> {
    let expires_at = work.now() + PATIENCE;
    let version = order.sequence() + 1;
    let (single, uses_safety) = (!parts.config.splits, order.uses_safety);
    match stock::reserve(work, cause, order.id, &order.ship_country, expires_at, single, uses_safety).await? {
        Reserved::In(warehouses) => {
            let reserved = StockReserved {
                order_id: order.id,
                warehouses: i64::try_from(warehouses).unwrap_or(i64::MAX),
                expires_at,
            };
            work.emit(cause, version, &reserved);
            let payload = serde_json::json!({ "order_id": order.id });
            // One timer for each reservation: the version tells a later one of the same order apart.
            let key = format!("{}:{version}", order.id);
            work.enqueue(NewJob { kind: Expire::KIND, key, due_at: expires_at, payload, cause: cause.clone() }).await?;
            Ok(Ending::done(format!("set aside in {warehouses} warehouse(s)")))
        }
        Reserved::Short(missing) => {
            let words: Vec<String> =
                missing.iter().map(|short| format!("{} x {}", short.quantity, short.sku)).collect();
            work.emit(cause, version, &StockShort { order_id: order.id, missing });
            Ok(Ending::held(HoldReason::Stock, format!("missing: {}", words.join(", "))))
        }
    }
}

/// Ends a reservation that was not used in time. A payment that may hold money keeps it: that is found out first.
pub struct Expire;

impl RunsJob for Expire {
    const KIND: &'static str = "orders.expire_reservation";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = order_of(job)?;
        let mut work = store.read(&job.tenant).await?;
        let mut order = Order::lock(&mut work, id).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let due = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM reservations WHERE tenant = $1 AND order_id = $2 AND state = 'held' AND expires_at <= $3)
               AND NOT EXISTS (SELECT 1 FROM payments WHERE tenant = $1 AND order_id = $2 AND state IN ('created', 'unknown')) AS "due!""#,
            tenant.as_str(),
            id.0,
            now,
        )
        .fetch_one(work.conn())
        .await?;
        job.finish(&mut work).await?;
        if due && stock::release(&mut work, id, "expired").await? {
            expired(&mut work, &job.cause, &mut order).await?;
        } else if is_undecided(&mut work, &order).await? {
            // The provider may yet say that it was paid.
            let due_at = now + TimeDelta::minutes(1);
            let (key, payload) = (job.key.clone(), job.payload.clone());
            work.enqueue(NewJob { kind: Self::KIND, key, due_at, payload, cause: job.cause.clone() }).await?;
        }
        Ok(work.commit().await?)
    }
}

async fn is_undecided(work: &mut Work, order: &Order) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM payments WHERE tenant = $1 AND order_id = $2 AND state IN ('created', 'unknown')) AS "open!""#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await
}

/// The order goes back to where it has no stock; it waits for a person, who may reserve again or give it up.
async fn expired(work: &mut Work, cause: &Cause, order: &mut Order) -> Result<(), Failure> {
    if !order.progress.has(Step::ReserveStock) || order.standing.status == Status::Cancelled {
        return Ok(());
    }
    order.progress = order.progress.reservation_lapsed();
    order.standing = order.standing.beneath(Change::Deallocate)?;
    let was_held = order.standing.status == Status::OnHold;
    if !was_held {
        order.change(Change::Hold)?;
    }
    let detail = "it was not paid in time, and its stock is free again";
    note_step(work, order.id, Step::ReserveStock, "lapsed", detail, None).await?;
    order.save(work, Some((HoldReason::Payment, detail)), None).await?;
    work.emit(cause, order.sequence(), &StockReleased { order_id: order.id, reason: "expired".into() });
    if !was_held {
        let held = OrderHeld {
            order_id: order.id,
            reason: HoldReason::Payment.name().into(),
            step: Step::ReserveStock.name().into(),
            detail: detail.into(),
        };
        work.emit(cause, order.sequence(), &held);
    }
    Ok(())
}

/// Goes on with an order whose authorisation lapsed: it is asked for again.
pub(super) async fn again(work: &mut Work, cause: &Cause, order: &Order) -> Result<(), sqlx::Error> {
    run_step(work, cause, order.id, Step::AuthorizePayment, 0).await
}
