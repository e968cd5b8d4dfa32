//! Goods of an order of ours that a marketplace had sent were refunded: from that day on they have the policy's time to come back, and
//! after it the marketplace can be asked to pay for them, until the window closes. Both ends are timers in the database.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::claims::{ReturnClockStarted, ReturnOverdue};
use shared_events::ids::derive;
use shared_events::orders::{MarketplaceUnits, OrderRefundFailed, OrderRefunded};
use shared_events::{OrderId, ReturnClockId};
use uuid::Uuid;

use crate::marketplace::Marketplace;
use crate::policy::{ClaimType, Policy, Window};

/// Handles [`OrderRefunded`], and [`OrderRefundFailed`], which ends the clocks that it started.
pub struct StartClocks;

impl Handles<OrderRefunded> for StartClocks {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderRefunded>) -> Result<Outcome, Failure> {
        for units in message.data.marketplace_units.iter().filter(|units| units.quantity > 0) {
            start(work, message, units).await?;
        }
        Ok(Outcome::none())
    }
}

impl Handles<OrderRefundFailed> for StartClocks {
    /// A refund that was not paid after all: nobody owes us for its goods.
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderRefundFailed>) -> Result<Outcome, Failure> {
        let (tenant, now) = (work.tenant().clone(), work.now());
        sqlx::query!(
            "UPDATE return_clocks SET state = 'closed', changed_at = $4, version = version + 1
             WHERE tenant = $1 AND order_id = $2 AND refund_id = $3 AND state <> 'closed'",
            tenant.as_str(),
            message.data.order_id.0,
            message.data.refund_id.0,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(Outcome::none())
    }
}

async fn start(work: &mut Work, message: &Delivered<OrderRefunded>, units: &MarketplaceUnits) -> Result<(), Failure> {
    let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
    let (cause, refunded_at) = (Cause::from(&message.envelope), message.envelope.time);
    let known = Marketplace::of_country(&units.marketplace);
    let refunded_on = known.map_or_else(|| refunded_at.date_naive(), |place| place.date_of(&refunded_at));
    let window =
        known.and_then(|place| Window::of(Policy::embedded(), place, ClaimType::ReturnNotReceived, refunded_on));
    let (opens_at, closes_at) =
        (window.as_ref().map(|window| window.opens_at), window.as_ref().map(|window| window.closes_at));
    let line = units.line.to_string();
    let id = derive(&["return clock", tenant.as_str(), &data.refund_id.to_string(), &line, &units.marketplace]);
    let written = sqlx::query!(
        "INSERT INTO return_clocks (tenant, id, order_id, refund_id, line, marketplace, sku, units, amount_minor, currency, refunded_on, opens_at,
                                    closes_at, policy_version, state, started_at, changed_at, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        id,
        data.order_id.0,
        data.refund_id.0,
        units.line,
        units.marketplace,
        units.sku,
        units.quantity,
        units.amount.minor,
        units.amount.currency.code(),
        refunded_on,
        opens_at,
        closes_at,
        window.map(|window| window.policy_version),
        if opens_at.is_some() { "running" } else { "unknown" },
        now,
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Ok(());
    }
    let started = ReturnClockStarted {
        clock_id: ReturnClockId(id),
        order_id: data.order_id,
        refund_id: data.refund_id,
        marketplace: units.marketplace.clone(),
        sku: units.sku.clone(),
        units: units.quantity,
        refunded_on,
        opens_at,
        closes_at,
    };
    work.emit(&cause, 1, &started);
    match opens_at {
        Some(opens_at) => wake_at(work, &cause, id, opens_at).await?,
        None => {
            tracing::warn!(order.id = %data.order_id, units.marketplace, "no policy says how long a return may take there")
        }
    }
    Ok(())
}

async fn wake_at(work: &mut Work, cause: &Cause, id: Uuid, due_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "clock_id": id });
    work.enqueue(NewJob { kind: Tick::KIND, key: id.to_string(), due_at, payload, cause: cause.clone() }).await
}

/// Runs both ends of a clock.
pub struct Tick;

impl RunsJob for Tick {
    const KIND: &'static str = "claims.return_clock";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["clock_id"].clone()).context("which clock")?;
        let mut work = store.read(&job.tenant).await?;
        let now = work.now();
        let row = sqlx::query!(
            "SELECT order_id, sku, units, state, opens_at, closes_at, version FROM return_clocks WHERE tenant = $1 AND id = $2 FOR UPDATE",
            job.tenant.as_str(),
            id,
        )
        .fetch_optional(work.conn())
        .await?;
        job.finish(&mut work).await?;
        // Closed before its time: the refund was not paid after all.
        let Some(row) = row.filter(|row| row.state != "closed") else { return Ok(work.commit().await?) };
        let (Some(opens_at), Some(closes_at)) = (row.opens_at, row.closes_at) else { return Ok(work.commit().await?) };
        // The last second counts to its end.
        let end = closes_at + TimeDelta::seconds(1);
        let (state, next) = match () {
            () if now >= end => ("closed", None),
            () if now >= opens_at => ("overdue", Some(end)),
            () => ("running", Some(opens_at)),
        };
        if state != row.state {
            sqlx::query!(
                "UPDATE return_clocks SET state = $3, changed_at = $4, version = version + 1 WHERE tenant = $1 AND id = $2",
                job.tenant.as_str(),
                id,
                state,
                now,
            )
            .execute(work.conn())
            .await?;
            if state == "overdue" {
                let (order_id, clock_id) = (OrderId(row.order_id), ReturnClockId(id));
                let overdue = ReturnOverdue { clock_id, order_id, sku: row.sku, units: row.units, closes_at };
                work.emit(&job.cause, u64::from(row.version.unsigned_abs()) + 1, &overdue);
            }
        }
        if let Some(due_at) = next {
            wake_at(&mut work, &job.cause, id, due_at).await?;
        }
        Ok(work.commit().await?)
    }
}
