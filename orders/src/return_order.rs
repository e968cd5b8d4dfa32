//! Goods come back, whole or by line: into stock or not, with the money or without it. When all that was sent is back, the order is returned.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{LineQuantity, OrderReturned, RefundOrder, RefundWish, ReturnOrder};
use shared_events::outcome::Rejection;
use sqlx::types::Json;

use crate::audit::{self, Entry};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::refund_order::pay_back;
use crate::sent_units::{self, Sent};

/// Handles [`ReturnOrder`].
pub struct TakeIn;

impl Handles<ReturnOrder> for TakeIn {
    async fn handle(&self, work: &mut Work, message: &Delivered<ReturnOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let lines = take_in(work, &cause, &mut order, data).await?;
        Ok(Outcome::ids(&serde_json::json!({
            "return_id": data.return_id, "order_id": order.id, "order_status": order.standing.status.name(), "lines": lines,
            "restock": data.restock, "refund_id": data.refund_id
        })))
    }
}

/// Takes goods of a locked order in; which.
///
/// # Errors
/// `order_state_conflict`, `nothing_to_return_conflict`, `unknown_line` or `invalid_quantity`, and what a refund is refused for.
pub async fn take_in(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    data: &ReturnOrder,
) -> Result<Vec<LineQuantity>, Failure> {
    let before = order.standing.status;
    if !before.is_refundable() && before != Status::Refunded {
        let detail = format!("the order is {}; nothing of it was sent that could come back", before.name());
        return Err(Rejection::new("order_state_conflict", detail).into());
    }
    let sent = sent_units::sent(work, order.id).await?;
    let lines = wanted(&sent, data.lines.as_deref())?;
    let pairs: Vec<(i32, i64)> = lines.iter().map(|line| (line.line, line.quantity)).collect();
    sent_units::count_back(work, order.id, &pairs).await?;
    if data.restock {
        sent_units::put_back(work, order.id, &pairs, &data.return_id.to_string(), data.by.as_str()).await?;
    }
    insert(work, data, &lines).await?;
    if let Some(refund_id) = data.refund_id {
        // All of it means the shipping, too; lines mean what they came to.
        let wish = data.lines.as_ref().map_or(RefundWish::Whole, |_| RefundWish::Lines(lines.clone()));
        let refund = RefundOrder {
            refund_id,
            order_id: order.id,
            wish,
            reason: data.reason.clone(),
            restock: data.restock,
            by: data.by.clone(),
        };
        pay_back(work, cause, order, &refund, Some(data.return_id)).await?;
    }
    let back: i64 = pairs.iter().map(|(_, quantity)| quantity).sum();
    let is_whole = sent.iter().map(|line| line.quantity - line.returned).sum::<i64>() == back;
    if is_whole && order.standing.after(Change::Return).is_ok() {
        order.change(Change::Return)?;
    }
    order.save(work, None, None).await?;
    let returned = OrderReturned {
        order_id: order.id,
        return_id: data.return_id,
        lines: lines.clone(),
        is_whole,
        restock: data.restock,
        refund_id: data.refund_id,
        reason: data.reason.clone(),
        by: data.by.to_string(),
    };
    work.emit(cause, order.sequence(), &returned);
    let entry = Entry {
        who: data.by.as_str(),
        what: "return",
        subject: order.id.to_string(),
        before: serde_json::json!({ "status": before.name() }),
        after: serde_json::json!({
            "status": order.standing.status.name(), "return_id": data.return_id, "lines": lines, "restock": data.restock
        }),
        why: &data.reason,
    };
    audit::write(work, entry).await?;
    Ok(lines)
}

/// Which lines come back: those that are named, or all that was sent and is not back.
fn wanted(sent: &[Sent], named: Option<&[LineQuantity]>) -> Result<Vec<LineQuantity>, Rejection> {
    let open = |line: &Sent| line.quantity - line.returned;
    let Some(named) = named else {
        let all = sent.iter().filter(|line| open(line) > 0);
        let all: Vec<_> = all.map(|line| LineQuantity { line: line.line, quantity: open(line) }).collect();
        if all.is_empty() {
            return Err(Rejection::new("nothing_to_return_conflict", "all that was sent is back"));
        }
        return Ok(all);
    };
    if named.is_empty() {
        return Err(Rejection::new("invalid_quantity", "name at least one line").at("lines"));
    }
    for (index, LineQuantity { line, quantity }) in named.iter().enumerate() {
        let field = format!("lines[{index}]");
        let found = sent.iter().find(|sent| sent.line == *line);
        let found =
            found.ok_or_else(|| Rejection::new("unknown_line", format!("the order has no line {line}")).at(&field))?;
        let is_repeated = named[..index].iter().any(|earlier| earlier.line == *line);
        if is_repeated || *quantity <= 0 || *quantity > open(found) {
            let detail = format!("{} of line {line} can come back; each line may be named once", open(found));
            return Err(Rejection::new("invalid_quantity", detail).at(&format!("{field}.quantity")));
        }
    }
    Ok(named.to_vec())
}

async fn insert(work: &mut Work, data: &ReturnOrder, lines: &[LineQuantity]) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let written = sqlx::query!(
        "INSERT INTO returns (tenant, id, order_id, lines, restock, refund_id, reason, taken_by, taken_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        data.return_id.0,
        data.order_id.0,
        Json(lines) as Json<&[LineQuantity]>,
        data.restock,
        data.refund_id.map(|id| id.0),
        data.reason,
        data.by.as_str(),
        now,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::reject("return_exists", "this return was taken in before"));
    }
    Ok(())
}
