//! A part of an order has left and the rest cannot be sent: a person gives the rest up, so that no order stands still for ever. Its stock is
//! free again, its labels are given back, its money is let go or, where it was taken already, paid back; and the order is closed as what was
//! sent.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::ids::derive;
use shared_events::orders::{
    GiveUpRest, LineQuantity, OrderDelivered, OrderRestGivenUp, RefundOrder, RefundWish, StockReleased,
};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, RefundId};

use crate::advance::{Ending, end_step};
use crate::audit::{self, Entry};
use crate::calls;
use crate::domain::process::Step;
use crate::domain::refund::Refund;
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::release_rest::ReleaseRest;
use crate::stock::{self, Movement};
use crate::{read_order, refund_order, steps, tasks};

/// Handles [`GiveUpRest`].
pub struct GiveUp;

/// So many of a line that were to leave from a warehouse.
struct Unsent {
    line: i32,
    quantity: i64,
    sku: String,
    warehouse_id: String,
    /// What they come to without tax, in minor units.
    net_minor: i64,
}

impl Handles<GiveUpRest> for GiveUp {
    async fn handle(&self, work: &mut Work, message: &Delivered<GiveUpRest>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let conflict = |detail: String| Failure::from(Rejection::new("order_state_conflict", detail));
        let waits =
            order.standing.status == Status::PartiallyShipped && order.progress.next() == Some(Step::CapturePayment);
        if !waits {
            let status = order.standing.status.name();
            return Err(conflict(format!("the order is {status}; it has no rest that could be given up")));
        }
        if is_leaving(work, order.id).await? {
            let detail = "a shipment of the order is leaving, or the gateway has not said whether it is paid";
            return Err(conflict(format!("{detail}; try again in a moment")));
        }
        let (unsent, worth) = (unsent(work, order.id).await?, worth(work, order.id).await?);
        free(work, &cause, &order, &unsent, data.by.as_str()).await?;
        let goods: i64 = unsent.iter().map(|part| part.net_minor).sum();
        let not_taken = order.grand_minor - order.captured_minor;
        if not_taken > 0 {
            let_go(work, &cause, &mut order, not_taken, goods).await?;
        } else {
            pay_back(work, &cause, &mut order, data, worth, goods).await?;
        }
        tasks::paid(work, order.id).await?;
        let detail = format!("{} gave up the rest: {}", data.by.as_str(), data.reason);
        end_step(work, &cause, &mut order, Step::CapturePayment, Ending::done(detail)).await?;
        arrive(work, &cause, &mut order).await?;
        let lines: Vec<LineQuantity> =
            unsent.iter().map(|part| LineQuantity { line: part.line, quantity: part.quantity }).collect();
        let entry = Entry {
            who: data.by.as_str(),
            what: "give_up_rest",
            subject: order.id.to_string(),
            before: serde_json::json!({ "status": Status::PartiallyShipped.name() }),
            after: serde_json::json!({
                "status": order.standing.status.name(), "lines": lines, "given_up_minor": order.given_up_minor,
                "refunded_minor": order.refunded_minor
            }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        let given_up = OrderRestGivenUp {
            order_id: order.id,
            lines,
            not_taken: order.money(order.given_up_minor),
            goods_not_taken_minor: order.given_up_goods_minor,
            reason: data.reason.clone(),
            by: data.by.to_string(),
        };
        work.emit(&cause, order.sequence(), &given_up);
        let shown = read_order::short(work, order.id).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// Whether money of the order moves right now, or may have: then something of the rest may be leaving.
async fn is_leaving(work: &mut Work, order: OrderId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM payment_calls c JOIN payments p ON p.tenant = c.tenant AND p.id = c.payment_id
           WHERE p.tenant = $1 AND p.order_id = $2 AND c.purpose IN ('capture', 'renew') AND c.state = 'begun') AS "leaving!""#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}

/// What was to leave and has not, in the order in which stock is locked.
async fn unsent(work: &mut Work, order: OrderId) -> Result<Vec<Unsent>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Unsent,
        r#"SELECT i.line, i.quantity, l.sku, s.warehouse_id, (l.net_minor::numeric * i.quantity / l.quantity)::bigint AS "net_minor!"
           FROM shipments s JOIN shipment_lines i ON i.tenant = s.tenant AND i.shipment_id = s.id
           JOIN order_lines l ON l.tenant = s.tenant AND l.order_id = s.order_id AND l.line = i.line
           WHERE s.tenant = $1 AND s.order_id = $2 AND s.state IN ('planned', 'labelled') ORDER BY l.sku, s.warehouse_id, i.line"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await
}

/// What the shipments that have not left come to, in minor units.
async fn worth(work: &mut Work, order: OrderId) -> Result<i64, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT COALESCE(sum(amount_minor), 0)::bigint AS "minor!" FROM shipments
           WHERE tenant = $1 AND order_id = $2 AND state IN ('planned', 'labelled')"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}

/// Stock and labels of what will not leave.
async fn free(work: &mut Work, cause: &Cause, order: &Order, unsent: &[Unsent], who: &str) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    for part in unsent {
        let movement = Movement {
            sku: &part.sku,
            warehouse: &part.warehouse_id,
            kind: "released",
            on_hand: 0,
            reserved: -part.quantity,
            order: Some(order.id),
            movement: None,
            reference: Some("the rest was given up"),
            who,
        };
        stock::post(work, &movement).await?;
    }
    sqlx::query!(
        "UPDATE reservations SET state = 'committed' WHERE tenant = $1 AND order_id = $2 AND state IN ('held', 'kept')",
        tenant.as_str(),
        order.id.0,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "UPDATE shipments SET state = 'cancelled' WHERE tenant = $1 AND order_id = $2 AND state IN ('planned', 'labelled')",
        tenant.as_str(),
        order.id.0,
    )
    .execute(work.conn())
    .await?;
    steps::give_labels_back(work, cause, order.id).await?;
    work.emit(cause, order.sequence() + 1, &StockReleased { order_id: order.id, reason: "given_up".into() });
    Ok(())
}

/// What was never taken is not taken any more; the gateway is told so by a job.
async fn let_go(work: &mut Work, cause: &Cause, order: &mut Order, minor: i64, goods: i64) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    (order.given_up_minor, order.given_up_goods_minor) = (minor, goods);
    sqlx::query!(
        "UPDATE orders SET given_up_minor = $3, given_up_goods_minor = $4 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        order.id.0,
        minor,
        goods,
    )
    .execute(work.conn())
    .await?;
    if let Some(payment) = calls::open_payment(work, order.id).await? {
        let (key, due_at) = (payment.id.to_string(), work.now());
        let payload = serde_json::json!({ "order_id": order.id, "payment_id": payment.id });
        work.enqueue(NewJob { kind: ReleaseRest::KIND, key, due_at, payload, cause: cause.clone() }).await?;
    }
    Ok(())
}

/// A gateway that takes no parts has taken all of it with the first shipment: what was not sent is paid back.
async fn pay_back(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    data: &GiveUpRest,
    worth: i64,
    goods: i64,
) -> Result<(), Failure> {
    let amount_minor = worth.min(order.captured_minor - order.refunded_minor);
    let Some(payment) = calls::open_payment(work, order.id).await?.filter(|_| amount_minor > 0) else { return Ok(()) };
    let refund_id = RefundId(derive(&["refund-of-rest", work.tenant().as_str(), &order.id.to_string()]));
    let wish = RefundWish::Amount(order.money(amount_minor));
    let (order_id, reason, by) = (order.id, data.reason.clone(), data.by.clone());
    let wanted = RefundOrder { refund_id, order_id, wish, reason, restock: false, by };
    let refund = Refund { amount_minor, goods_minor: goods.min(amount_minor), lines: vec![] };
    refund_order::begin(work, cause, order, &wanted, &payment, &refund, None).await
}

/// All that was sent may have arrived before the rest was given up: nothing will come then that the order could wait for.
async fn arrive(work: &mut Work, cause: &Cause, order: &mut Order) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let has_arrived = sqlx::query_scalar!(
        r#"SELECT COALESCE(bool_and(state = 'delivered'), false) AS "arrived!" FROM shipments
           WHERE tenant = $1 AND order_id = $2 AND state <> 'cancelled'"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    if has_arrived {
        order.change(Change::Deliver)?;
        order.save(work, None, Some(0)).await?;
        work.emit(cause, order.sequence(), &OrderDelivered { order_id: order.id });
    }
    Ok(())
}
