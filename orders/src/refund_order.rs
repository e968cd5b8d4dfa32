//! Pays back: whole, by line or an amount, never more than was captured. What is being paid back is set aside at once, so that two refunds
//! cannot give the same money.

use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::{RefundOrder, RefundWish};
use shared_events::outcome::Rejection;
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
        if order.standing.status == Status::PartiallyShipped && order.captured_minor == order.grand_minor {
            // A gateway that takes no parts has taken all of it with the first shipment; what is still to be sent is not paid back.
            let detail = "all of it was paid with its first shipment; it can be refunded when the last one has left";
            return Err(Rejection::new("order_state_conflict", detail).into());
        }
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
            let amount = shared_events::Money::new(row.amount_minor, crate::order_row::stored_currency(&row.currency));
            serde_json::json!({
                "refund_id": row.id, "amount": amount.decimal(), "status": row.state, "reason": row.reason,
                "restock": row.restock, "detail": row.detail, "created_at": row.requested_at
            })
        })
        .collect())
}
