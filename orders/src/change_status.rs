//! A person moves an order on, through the same machine as the process: holds it, lets it go on, or says that it arrived, came back or
//! is to be cancelled.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ids::derive;
use shared_events::orders::{ChangeOrderStatus, OrderCompleted, OrderDelivered, OrderHeld, OrderReleased, ReturnOrder};
use shared_events::outcome::Rejection;
use shared_events::{MessageId, ReturnId};

use crate::advance::{note_step, run_step};
use crate::audit::{self, Entry};
use crate::cancel_order::cancel;
use crate::domain::process::{HoldReason, Next, Step};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::tasks::{self, Verdict};
use crate::{read_order, return_order, steer_order};

/// Handles [`ChangeOrderStatus`].
pub struct ChangeIt;

impl Handles<ChangeOrderStatus> for ChangeIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<ChangeOrderStatus>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let wanted = Status::from_name(&data.status).ok_or_else(|| {
            let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
            Rejection::new("invalid_status", format!("must be one of {}", names.join(", "))).at("status")
        })?;
        let change = order.standing.meant_by(wanted)?;
        match change {
            Change::Cancel => cancel(work, &cause, &mut order, data.by.as_str(), &data.reason).await?,
            Change::Return => take_all_in(work, &cause, &mut order, data, message.envelope.id).await?,
            _ => apply(work, &cause, &mut order, change, data).await?,
        }
        let shown = read_order::short(work, data.order_id).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// All that was sent is back, not for sale again and not refunded: whoever wants more says so by a return of its own.
async fn take_all_in(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    data: &ChangeOrderStatus,
    command: MessageId,
) -> Result<(), Failure> {
    let (order_id, reason, by) = (order.id, data.reason.clone(), data.by.clone());
    let return_id = ReturnId(derive(&["return", &command.to_string()]));
    let whole = ReturnOrder { return_id, order_id, lines: None, restock: false, refund_id: None, reason, by };
    return_order::take_in(work, cause, order, &whole).await.map(drop)
}

async fn apply(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    change: Change,
    data: &ChangeOrderStatus,
) -> Result<(), Failure> {
    let (before, by) = (order.standing.status.name(), data.by.as_str());
    if change == Change::Release && tasks::verdict(work, order.id).await? == Verdict::Open {
        return Err(Rejection::new("order_state_conflict", "a task about the order is open; decide it instead")
            .at("status")
            .into());
    }
    order.change(change)?;
    let hold = (change == Change::Hold).then_some((HoldReason::Manual, data.reason.as_str()));
    let mut next = None;
    match change {
        Change::Release => next = Some(order.progress.then()),
        Change::Deliver => deliver(work, order).await?,
        Change::Complete => {
            order.progress = order.progress.with(Step::Notify).with(Step::Close);
            note_step(work, order.id, Step::Close, "done", &data.reason, Some(by)).await?;
        }
        _ => {}
    }
    let next_in = matches!(next, Some(Next::Run(..))).then_some(0);
    order.save(work, hold, next_in).await?;
    let (order_id, version) = (order.id, order.sequence());
    match change {
        Change::Hold => {
            let step = order.progress.next().map_or("", Step::name).to_owned();
            let held =
                OrderHeld { order_id, reason: HoldReason::Manual.name().into(), step, detail: data.reason.clone() };
            work.emit(cause, version, &held);
        }
        Change::Release => {
            work.emit(cause, version, &OrderReleased { order_id, by: by.to_owned() });
            if let Some(Next::Run(step, seconds)) = next {
                steer_order::forget_failed(work, order_id, step).await?;
                run_step(work, cause, order_id, step, seconds).await?;
            }
        }
        Change::Deliver => {
            work.emit(cause, version, &OrderDelivered { order_id });
            // Telling the customer comes first, if that has not happened yet.
            let step = order.progress.next().unwrap_or(Step::Close);
            run_step(work, cause, order_id, step, 0).await?;
        }
        Change::Complete => work.emit(cause, version, &OrderCompleted { order_id }),
        _ => {}
    }
    let entry = Entry {
        who: by,
        what: "change_status",
        subject: order.id.to_string(),
        before: serde_json::json!({ "status": before }),
        after: serde_json::json!({ "status": order.standing.status.name() }),
        why: &data.reason,
    };
    Ok(audit::write(work, entry).await?)
}

async fn deliver(work: &mut Work, order: &Order) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE shipments SET state = 'delivered', delivered_at = $3 WHERE tenant = $1 AND order_id = $2 AND state = 'dispatched'",
        tenant.as_str(),
        order.id.0,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
