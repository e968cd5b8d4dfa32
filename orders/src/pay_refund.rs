//! Refunds that were asked for are paid by the gateway, and counted when they are.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{LineQuantity, OrderRefundFailed, OrderRefunded};
use shared_events::{OrderId, RefundId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::calls::{self, Begun, Call};
use crate::config::Parts;
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::payments::{Answer, Purpose};
use crate::refund_order::{KeptLine, set_aside};
use crate::sent_units;

/// Has a refund paid by the gateway.
pub struct RunRefund {
    /// What it needs.
    pub parts: Parts,
}

/// A refund as its job needs it.
struct Kept {
    amount_minor: i64,
    /// Of it for goods; not known of refunds that were asked for before it was written down.
    goods_minor: Option<i64>,
    lines: Vec<KeptLine>,
    restock: bool,
    /// Whether a return took its goods in, so that nothing is left to be done about them.
    is_of_return: bool,
}

impl RunsJob for RunRefund {
    const KIND: &'static str = "orders.refund";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let order = crate::steps::order_of(job)?;
        let id = job.payload["refund_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let id = id.ok_or_else(|| Failure::reject("malformed", "the job names no refund"))?;
        let mut work = store.read(&job.tenant).await?;
        let begun = begin(&mut work, order, id).await?;
        let Some((kept, call, begun)) = begun else {
            job.finish(&mut work).await?;
            return Ok(work.commit().await?);
        };
        work.commit().await?;
        let answer = calls::make(&self.parts.providers, &call, begun, None).await;
        let mut work = store.read(&job.tenant).await?;
        let mut order = Order::lock(&mut work, order).await?;
        calls::record(&mut work, &call, &answer).await?;
        job.finish(&mut work).await?;
        match answer {
            Answer::Done(_) => succeed(&mut work, job, &mut order, &kept, &call).await?,
            Answer::Refused(refusal) => fail(&mut work, job, &mut order, &kept, &call, &refusal.code).await?,
            Answer::Unknown(why) => {
                tracing::warn!(order.id = %order.id, gateway = call.gateway, why, "a refund's end is unknown; it will be looked up");
                let (key, payload) = (job.key.clone(), job.payload.clone());
                let due_at = work.now() + TimeDelta::seconds(10);
                work.enqueue(NewJob { kind: Self::KIND, key, due_at, payload, cause: job.cause.clone() }).await?;
            }
        }
        Ok(work.commit().await?)
    }
}

async fn begin(work: &mut Work, order: OrderId, id: Uuid) -> Result<Option<(Kept, Call, Begun)>, Failure> {
    // The order is locked first, as everywhere.
    Order::lock(work, order).await?;
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT amount_minor, goods_minor, lines AS "lines: Json<Vec<KeptLine>>", restock,
                  return_id IS NOT NULL AS "is_of_return!" FROM refunds
           WHERE tenant = $1 AND id = $2 AND state = 'requested'"#,
        tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    let (Some(row), Some(payment)) = (row, calls::open_payment(work, order).await?) else { return Ok(None) };
    let call = payment.call(Purpose::Refund, id, row.amount_minor);
    let begun = calls::begin(work, &call).await?;
    let kept = Kept {
        amount_minor: row.amount_minor,
        goods_minor: row.goods_minor,
        lines: row.lines.0,
        restock: row.restock,
        is_of_return: row.is_of_return,
    };
    Ok(Some((kept, call, begun)))
}

async fn end(work: &mut Work, id: Uuid, state: &str, detail: Option<&str>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE refunds SET state = $3::text::refund_state, detail = $4, ended_at = $5 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id,
        state,
        detail,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn succeed(work: &mut Work, job: &Job, order: &mut Order, kept: &Kept, call: &Call) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    end(work, call.subject, "succeeded", None).await?;
    let total = sqlx::query_scalar!(
        "UPDATE payments SET refunded_minor = refunded_minor + $3 WHERE tenant = $1 AND id = $2 RETURNING refunded_minor",
        tenant.as_str(),
        call.payment.0,
        kept.amount_minor,
    )
    .fetch_one(work.conn())
    .await?;
    if kept.restock && !kept.is_of_return {
        sent_units::restock(work, order.id, &kept.lines).await?;
    }
    // All of it is back only when all shipments have left and every refund has succeeded.
    if total == order.grand_minor - order.given_up_minor && order.standing.status.is_refundable() {
        order.change(Change::RefundAll)?;
    }
    order.save(work, None, None).await?;
    let lines = kept.lines.iter().map(|(line, quantity, _)| LineQuantity { line: *line, quantity: *quantity });
    let marketplace_units = if kept.restock || kept.is_of_return {
        vec![]
    } else {
        sent_units::of_marketplaces(work, order, &kept.lines).await?
    };
    let refunded = OrderRefunded {
        order_id: order.id,
        refund_id: RefundId(call.subject),
        amount: call.amount,
        refunded_total_minor: total,
        total_minor: order.grand_minor - order.given_up_minor,
        lines: lines.collect(),
        restock: kept.restock,
        goods_minor: Some(order.subtotal_minor),
        goods_refunded_minor: kept.goods_minor,
        marketplace_units,
    };
    work.emit(&job.cause, order.sequence(), &refunded);
    Ok(())
}

async fn fail(
    work: &mut Work,
    job: &Job,
    order: &mut Order,
    kept: &Kept,
    call: &Call,
    code: &str,
) -> Result<(), Failure> {
    end(work, call.subject, "failed", Some(code)).await?;
    set_aside(work, order.id, &kept.lines, -1).await?;
    order.refunded_minor -= kept.amount_minor;
    order.save(work, None, None).await?;
    let failed = OrderRefundFailed {
        order_id: order.id,
        refund_id: RefundId(call.subject),
        amount: call.amount,
        refunded_total_minor: order.refunded_minor,
        was_told: false,
        reason: code.to_owned(),
    };
    work.emit(&job.cause, order.sequence(), &failed);
    Ok(())
}

/// A refund that had been accepted was not paid after all: it counts no more, can be asked for again, and whoever had acted on it is told
/// to undo that. An order that it had closed stands where it stood before. Goods that were put back stay there.
///
/// # Errors
/// When the database is away.
pub async fn fell_through(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    refund: Uuid,
    gateway: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT amount_minor, payment_id, lines AS "lines: Json<Vec<KeptLine>>" FROM refunds
           WHERE tenant = $1 AND id = $2 AND state = 'succeeded'"#,
        tenant.as_str(),
        refund,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    let reason = "the gateway could not pay it after all";
    end(work, refund, "failed", Some(reason)).await?;
    set_aside(work, order.id, &row.lines.0, -1).await?;
    sqlx::query!(
        "UPDATE payments SET refunded_minor = refunded_minor - $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        row.payment_id,
        row.amount_minor,
    )
    .execute(work.conn())
    .await?;
    let (before, was) = (order.refunded_minor, order.standing.status);
    order.refunded_minor -= row.amount_minor;
    if was == Status::Refunded {
        order.standing = order.standing.unrefunded(refunded_from(work, order.id).await?);
    }
    order.save(work, None, None).await?;
    let failed = OrderRefundFailed {
        order_id: order.id,
        refund_id: RefundId(refund),
        amount: order.money(row.amount_minor),
        refunded_total_minor: order.refunded_minor,
        was_told: true,
        reason: reason.to_owned(),
    };
    work.emit(cause, order.sequence(), &failed);
    tracing::error!(order.id = %order.id, refund.id = %refund, gateway, "a refund that was accepted was not paid");
    let entry = Entry {
        who: gateway,
        what: "refund_fell_through",
        subject: order.id.to_string(),
        before: serde_json::json!({ "refunded_minor": before, "status": was.name() }),
        after: serde_json::json!({
            "refunded_minor": order.refunded_minor, "refund_id": refund, "status": order.standing.status.name()
        }),
        why: "the gateway said so by webhook",
    };
    audit::write(work, entry).await?;
    Ok(())
}

/// Where an order stood before it was refunded whole. Of orders from before that was kept, what is known is that they were sent.
async fn refunded_from(work: &mut Work, order: OrderId) -> Result<Status, sqlx::Error> {
    let tenant = work.tenant().clone();
    let from = sqlx::query_scalar!(
        "SELECT refunded_from::text FROM orders WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        order.0
    )
    .fetch_one(work.conn())
    .await?;
    Ok(from.as_deref().and_then(Status::from_name).unwrap_or(Status::Shipped))
}
