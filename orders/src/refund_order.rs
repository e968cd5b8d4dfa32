//! Pays back: whole, by line or an amount, never more than was captured. What is being paid back is set aside at once, so that two refunds
//! cannot give the same money.

use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::orders::{RefundOrder, RefundWish};
use shared_events::outcome::Rejection;
use shared_events::{Money, OrderId, ReturnId};
use sqlx::types::Json;

use crate::audit::{self, Entry};
use crate::calls::{self, Payment};
use crate::domain::refund::{Books, Line, Refund, Wish};
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::pay_refund::RunRefund;

/// Handles [`RefundOrder`].
pub struct PayBack;

/// A line of a refund as it is kept: number, quantity, minor units.
pub type KeptLine = (i32, i64, i64);

impl Handles<RefundOrder> for PayBack {
    async fn handle(&self, work: &mut Work, message: &Delivered<RefundOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let amount = pay_back(work, &cause, &mut order, data, None).await?.decimal();
        Ok(Outcome::ids(&serde_json::json!({
            "refund_id": data.refund_id, "order_id": order.id, "amount": amount, "currency": order.currency, "status": "requested"
        })))
    }
}

/// Has money of a locked order paid back; how much. `of_return`: the return that took the goods in.
///
/// # Errors
/// `order_state_conflict`, and what [`Books::refund`] refuses.
pub async fn pay_back(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    data: &RefundOrder,
    of_return: Option<ReturnId>,
) -> Result<Money, Failure> {
    if !order.standing.status.is_refundable() {
        let status = order.standing.status.name();
        let detail = format!("the order is {status}; nothing was taken for it that could be paid back");
        return Err(Rejection::new("order_state_conflict", detail).into());
    }
    let books = books(work, order).await?;
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
    if order.standing.status == Status::PartiallyShipped && order.captured_minor == order.grand_minor {
        // A gateway that takes no parts has taken all of it with the first shipment; what is still to be sent is not paid back.
        let detail = "all of it was paid with its first shipment; it can be refunded when the last one has left";
        return Err(Rejection::new("order_state_conflict", detail).into());
    }
    begin(work, cause, order, data, &payment, &refund, of_return).await?;
    let entry = Entry {
        who: data.by.as_str(),
        what: "refund",
        subject: order.id.to_string(),
        before: serde_json::json!({ "refunded_minor": order.refunded_minor - refund.amount_minor }),
        after: serde_json::json!({ "refunded_minor": order.refunded_minor, "refund_id": data.refund_id }),
        why: &data.reason,
    };
    audit::write(work, entry).await?;
    Ok(order.money(refund.amount_minor))
}

/// Sets a refund aside that was worked out, and has it paid by a job.
///
/// # Errors
/// `refund_exists`.
pub(crate) async fn begin(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    data: &RefundOrder,
    payment: &Payment,
    refund: &Refund,
    of_return: Option<ReturnId>,
) -> Result<(), Failure> {
    insert(work, data, payment, refund, of_return).await?;
    set_aside(work, order.id, &refund.lines, 1).await?;
    order.refunded_minor += refund.amount_minor;
    order.save(work, None, None).await?;
    let payload = serde_json::json!({ "order_id": order.id, "refund_id": data.refund_id });
    let (key, due_at) = (data.refund_id.to_string(), work.now());
    Ok(work.enqueue(NewJob { kind: RunRefund::KIND, key, due_at, payload, cause: cause.clone() }).await?)
}

async fn books(work: &mut Work, order: &Order) -> Result<Books, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT l.line, l.quantity, l.refunded_quantity, l.net_minor + l.tax_minor AS "gross!", l.net_minor, l.refunded_minor,
                  (SELECT COALESCE(sum(i.quantity), 0)::bigint FROM shipments s
                   JOIN shipment_lines i ON i.tenant = s.tenant AND i.shipment_id = s.id AND i.line = l.line
                   WHERE s.tenant = $1 AND s.order_id = $2 AND s.state IN ('dispatched', 'delivered')) AS "sent!"
           FROM order_lines l WHERE l.tenant = $1 AND l.order_id = $2 ORDER BY l.line"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let lines = rows.into_iter().map(|row| Line {
        number: row.line,
        quantity: row.quantity,
        // Refunds of before this was looked at may have named more than had left.
        sent_quantity: row.sent.max(row.refunded_quantity),
        refunded_quantity: row.refunded_quantity,
        gross_minor: row.gross,
        refunded_minor: row.refunded_minor,
        net_minor: row.net_minor,
    });
    // Refunds of before the column was there are counted by their proportion, as they were told then.
    let goods_refunded_minor = sqlx::query_scalar!(
        r#"SELECT COALESCE(sum(COALESCE(goods_minor, amount_minor * $3::bigint / GREATEST($4::bigint, 1))), 0)::bigint AS "minor!" FROM refunds
           WHERE tenant = $1 AND order_id = $2 AND state <> 'failed'"#,
        tenant.as_str(),
        order.id.0,
        order.subtotal_minor,
        order.grand_minor,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(Books {
        captured_minor: order.captured_minor,
        refunded_minor: order.refunded_minor,
        // What was given up before it was taken is no part of it any more.
        grand_minor: order.grand_minor - order.given_up_minor,
        goods_minor: order.subtotal_minor - order.given_up_goods_minor,
        goods_refunded_minor,
        lines: lines.collect(),
    })
}

async fn insert(
    work: &mut Work,
    data: &RefundOrder,
    payment: &Payment,
    refund: &Refund,
    of_return: Option<ReturnId>,
) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let written = sqlx::query!(
        "INSERT INTO refunds (tenant, id, order_id, payment_id, amount_minor, lines, reason, restock, state, requested_by, requested_at, goods_minor,
                              return_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10, $11, $12) ON CONFLICT DO NOTHING",
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
        refund.goods_minor,
        of_return.map(|id| id.0),
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::reject("refund_exists", "this refund was asked for before"));
    }
    Ok(())
}

/// Counts lines as refunded (`sign` 1), or takes that back (-1).
pub(crate) async fn set_aside(
    work: &mut Work,
    order: OrderId,
    lines: &[KeptLine],
    sign: i64,
) -> Result<(), sqlx::Error> {
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
            let amount = Money::new(row.amount_minor, crate::order_row::stored_currency(&row.currency));
            serde_json::json!({
                "refund_id": row.id, "amount": amount.decimal(), "status": row.state, "reason": row.reason,
                "restock": row.restock, "detail": row.detail, "created_at": row.requested_at
            })
        })
        .collect())
}
