//! An order that waits for stock may be served from what warehouses keep back: one person asks, another allows it.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::AskStockOverride;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::domain::approval::Kind;
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::steer_order;
use crate::tasks::{self, DEADLINE, Opening};

/// Handles [`AskStockOverride`].
pub struct AskIt;

impl Handles<AskStockOverride> for AskIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<AskStockOverride>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let order = Order::lock(work, data.order_id).await?;
        let conflict = |detail: String| Failure::from(Rejection::new("stock_conflict", detail));
        if !waits_for_stock(&order) {
            return Err(conflict(format!("the order is {}; it does not wait for stock", order.standing.status.name())));
        }
        let short = short_of(work, order.id).await?;
        if !short.is_empty() {
            let words = short.join(", ");
            return Err(conflict(format!("even with what warehouses keep back, there is too little of {words}")));
        }
        if is_asked(work, order.id).await? {
            return Err(conflict("this was asked already; it waits to be decided".to_owned()));
        }
        let (by, summary) = (data.by.as_str(), format!("stock that is kept back is wanted: {}", data.reason));
        let (id, kind) = (data.task_id, Kind::StockOverride);
        let opening = Opening { id, kind, summary: &summary, requested_by: by, patience: DEADLINE };
        let due_at = tasks::insert(work, &cause, order.id, &opening).await?;
        let entry = Entry {
            who: by,
            what: "ask_stock_override",
            subject: order.id.to_string(),
            before: serde_json::json!({ "uses_safety": order.uses_safety }),
            after: serde_json::json!({ "task_id": data.task_id }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({
            "task_id": data.task_id, "order_id": order.id, "kind": kind.name(), "state": "open", "due_at": due_at
        })))
    }
}

/// Another person allowed it: the order draws on all that is there from now on, and is tried again when it still waits for stock.
///
/// # Errors
/// When the database is away.
pub async fn allow(work: &mut Work, cause: &Cause, order: &mut Order, by: &str) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    sqlx::query!("UPDATE orders SET uses_safety = true WHERE tenant = $1 AND id = $2", tenant.as_str(), order.id.0)
        .execute(work.conn())
        .await?;
    order.uses_safety = true;
    if waits_for_stock(order) {
        steer_order::go_on(work, cause, order, by).await?;
    }
    Ok(())
}

fn waits_for_stock(order: &Order) -> bool {
    order.standing.status == Status::OnHold
        && order.progress.next() == Some(Step::ReserveStock)
        && order.hold_reason.as_deref() == Some(HoldReason::Stock.name())
}

/// The articles of which there is too little in all, whatever is kept back.
async fn short_of(work: &mut Work, order: OrderId) -> Result<Vec<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT l.sku FROM order_lines l WHERE l.tenant = $1 AND l.order_id = $2 GROUP BY l.sku
           HAVING sum(l.quantity) > COALESCE((SELECT sum(s.on_hand - s.reserved) FROM stock_items s
              JOIN warehouses w ON w.tenant = s.tenant AND w.id = s.warehouse_id AND w.is_active
              WHERE s.tenant = $1 AND s.sku = l.sku), 0) ORDER BY l.sku"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await
}

async fn is_asked(work: &mut Work, order: OrderId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM order_tasks WHERE tenant = $1 AND order_id = $2 AND kind = 'stock_override'
           AND state IN ('open', 'claimed')) AS "asked!""#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}
