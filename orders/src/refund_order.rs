//! Pays back: whole, by line or an amount, never more than was captured. What is being paid back is set aside at once, so that two refunds
//! cannot give the same money.

use chrono::TimeDelta;
use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{LineQuantity, OrderRefunded, RefundOrder, RefundWish};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, RefundId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::calls::{self, Begun, Call, Payment};
use crate::config::Parts;
use crate::domain::refund::{Books, Line, Refund, Wish};
use crate::domain::status::Change;
use crate::order_row::Order;
use crate::payments::{Answer, Purpose};
use crate::sent_units;

/// Handles [`RefundOrder`].
pub struct PayBack;

/// A line of a refund as it is kept: number, quantity, minor units.
pub type KeptLine = (i32, i64, i64);

impl Handles<RefundOrder> for PayBack {
    async fn handle(&self, work: &mut Work, message: &Delivered<RefundOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        if !order.standing.status.is_refundable() {
            let status = order.standing.status.name();
            let detail = format!("the order is {status}; nothing was taken for it that could be paid back");
            return Err(Rejection::new("order_state_conflict", detail).into());
        }
        let books = books(work, &order).await?;
        let wish = match &data.wish {
            RefundWish::Whole => Wish::Whole,
            RefundWish::Lines(lines) => Wish::Lines(lines.iter().map(|line| (line.line, line.quantity)).collect()),
            RefundWish::Amount(money) if money.currency != order.currency => {
                return Err(Rejection::new("invalid_amount", "must be in the order's currency").at("amount").into());
            }
            RefundWish::Amount(money) => Wish::Amount(money.minor),
        };
        let refund = books.refund(&wish)?;
        let payment = calls::open_payment(work, order.id).await?;
        let Some(payment) = payment.filter(|payment| payment.captured_minor > 0) else {
            return Err(Rejection::new("nothing_to_refund_conflict", "nothing was captured yet").into());
        };
        insert(work, data, &payment, &refund).await?;
        set_aside(work, order.id, &refund.lines, 1).await?;
        order.refunded_minor += refund.amount_minor;
        order.save(work, None, None).await?;
        let payload = serde_json::json!({ "order_id": order.id, "refund_id": data.refund_id });
        let (key, due_at) = (data.refund_id.to_string(), work.now());
        work.enqueue(NewJob { kind: RunRefund::KIND, key, due_at, payload, cause }).await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "refund",
            subject: order.id.to_string(),
            before: serde_json::json!({ "refunded_minor": order.refunded_minor - refund.amount_minor }),
            after: serde_json::json!({ "refunded_minor": order.refunded_minor, "refund_id": data.refund_id }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        let amount = order.money(refund.amount_minor).decimal();
        Ok(Outcome::ids(&serde_json::json!({
            "refund_id": data.refund_id, "order_id": order.id, "amount": amount, "currency": order.currency, "status": "requested"
        })))
    }
}

async fn books(work: &mut Work, order: &Order) -> Result<Books, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT line, quantity, refunded_quantity, net_minor + tax_minor AS "gross!", refunded_minor FROM order_lines
           WHERE tenant = $1 AND order_id = $2 ORDER BY line"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let lines = rows.into_iter().map(|row| Line {
        number: row.line,
        quantity: row.quantity,
        refunded_quantity: row.refunded_quantity,
        gross_minor: row.gross,
        refunded_minor: row.refunded_minor,
    });
    Ok(Books { captured_minor: order.captured_minor, refunded_minor: order.refunded_minor, lines: lines.collect() })
}

async fn insert(work: &mut Work, data: &RefundOrder, payment: &Payment, refund: &Refund) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let written = sqlx::query!(
        "INSERT INTO refunds (tenant, id, order_id, payment_id, amount_minor, lines, reason, restock, state, requested_by, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        data.refund_id.0,
        data.order_id.0,
        payment.id.0,
        refund.amount_minor,
        Json(&refund.lines) as Json<&Vec<KeptLine>>,
        data.reason,
        data.restock,
        data.by.as_str(),
        now,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::reject("refund_exists", "this refund was asked for before"));
    }
    Ok(())
}

/// Counts lines as refunded (`sign` 1), or takes that back (-1).
async fn set_aside(work: &mut Work, order: OrderId, lines: &[KeptLine], sign: i64) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    for (line, quantity, minor) in lines {
        sqlx::query!(
            "UPDATE order_lines SET refunded_quantity = refunded_quantity + $4, refunded_minor = refunded_minor + $5
             WHERE tenant = $1 AND order_id = $2 AND line = $3",
            tenant.as_str(),
            order.0,
            line,
            sign * quantity,
            sign * minor,
        )
        .execute(work.conn())
        .await?;
    }
    Ok(())
}

/// Has a refund paid by the provider.
pub struct RunRefund {
    /// What it needs.
    pub parts: Parts,
}

/// A refund as its job needs it.
struct Kept {
    amount_minor: i64,
    lines: Vec<KeptLine>,
    restock: bool,
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
            Answer::Refused(code) => fail(&mut work, &mut order, &kept, id, &code).await?,
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
        r#"SELECT amount_minor, lines AS "lines: Json<Vec<KeptLine>>", restock FROM refunds
           WHERE tenant = $1 AND id = $2 AND state = 'requested'"#,
        tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    let (Some(row), Some(payment)) = (row, calls::open_payment(work, order).await?) else { return Ok(None) };
    let call = payment.call(Purpose::Refund, id, row.amount_minor);
    let begun = calls::begin(work, &call).await?;
    Ok(Some((Kept { amount_minor: row.amount_minor, lines: row.lines.0, restock: row.restock }, call, begun)))
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
    if kept.restock {
        sent_units::restock(work, order.id, &kept.lines).await?;
    }
    // All of it is back only when all shipments have left and every refund has succeeded.
    if total == order.grand_minor && order.standing.status.is_refundable() {
        order.change(Change::RefundAll)?;
    }
    order.save(work, None, None).await?;
    let lines = kept.lines.iter().map(|(line, quantity, _)| LineQuantity { line: *line, quantity: *quantity });
    let marketplace_units =
        if kept.restock { vec![] } else { sent_units::of_marketplaces(work, order, &kept.lines).await? };
    let refunded = OrderRefunded {
        order_id: order.id,
        refund_id: RefundId(call.subject),
        amount: call.amount,
        refunded_total_minor: total,
        total_minor: order.grand_minor,
        lines: lines.collect(),
        restock: kept.restock,
        goods_minor: Some(order.subtotal_minor),
        marketplace_units,
    };
    work.emit(&job.cause, order.sequence(), &refunded);
    Ok(())
}

async fn fail(work: &mut Work, order: &mut Order, kept: &Kept, id: Uuid, code: &str) -> Result<(), Failure> {
    end(work, id, "failed", Some(code)).await?;
    set_aside(work, order.id, &kept.lines, -1).await?;
    order.refunded_minor -= kept.amount_minor;
    order.save(work, None, None).await
}

/// The refunds of an order as they are shown.
///
/// # Errors
/// When the database is away.
pub async fn shown(work: &mut Work, order: OrderId) -> Result<Vec<Value>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT r.id, r.amount_minor, r.reason, r.restock, r.state::text AS "state!", r.detail, r.requested_at, o.currency
           FROM refunds r JOIN orders o ON o.tenant = r.tenant AND o.id = r.order_id
           WHERE r.tenant = $1 AND r.order_id = $2 ORDER BY r.requested_at, r.id LIMIT 200"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let amount = shared_events::Money::new(row.amount_minor, crate::order_row::stored_currency(&row.currency));
            serde_json::json!({
                "refund_id": row.id, "amount": amount.decimal(), "status": row.state, "reason": row.reason,
                "restock": row.restock, "detail": row.detail, "created_at": row.requested_at
            })
        })
        .collect())
}
