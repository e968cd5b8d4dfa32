//! A person runs the step again that an order waits at, or goes on without it.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::{OrderReleased, Steer, SteerOrder};
use shared_events::outcome::Rejection;

use crate::advance::{STEP_JOB, note_step, run_step};
use crate::audit::{self, Entry};
use crate::domain::process::{Next, Step, check_skip};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::read_order;
use crate::tasks::{self, Verdict};

/// Handles [`SteerOrder`].
pub struct SteerIt;

impl Handles<SteerOrder> for SteerIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<SteerOrder>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let mut order = Order::lock(work, data.order_id).await?;
        let step = Step::from_name(&data.step)
            .ok_or_else(|| Rejection::new("invalid_step", "is no step of an order").at("step"))?;
        // What has begun to leave is not held any more; its step can be tried at once all the same.
        let tries_again = order.standing.status == Status::PartiallyShipped && data.action == Steer::Retry;
        if !(order.standing.status == Status::OnHold || tries_again) || order.progress.next() != Some(step) {
            return Err(Rejection::new("step_conflict", "the order does not wait at this step").at("step").into());
        }
        if tasks::verdict(work, order.id).await? == Verdict::Open {
            return Err(Rejection::new("step_conflict", "a task about the order is open; decide it instead").into());
        }
        match data.action {
            Steer::Skip => {
                check_skip(order.progress, step)?;
                order.progress = order.progress.with(step);
                note_step(work, order.id, step, "skipped", &data.reason, Some(data.by.as_str())).await?;
            }
            Steer::Retry if step == Step::AuthorizePayment => ask_all_again(work, order.id).await?,
            Steer::Retry => {}
        }
        let before = order.standing.status.name();
        if tries_again {
            hurry(work, &mut order, step).await?;
        } else {
            go_on(work, &cause, &mut order, data.by.as_str()).await?;
        }
        let what = match data.action {
            Steer::Retry => "retry_step",
            Steer::Skip => "skip_step",
        };
        let entry = Entry {
            who: data.by.as_str(),
            what,
            subject: order.id.to_string(),
            before: serde_json::json!({ "status": before, "step": step.name() }),
            after: serde_json::json!({ "status": order.standing.status.name(), "step": order.progress.next().map(Step::name) }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        let shown = read_order::short(work, data.order_id).await?;
        Ok(Outcome::ids(&shown))
    }
}

/// Lets a held order go on with its next step.
///
/// # Errors
/// `order_state_conflict` when it is not held.
pub async fn go_on(work: &mut Work, cause: &Cause, order: &mut Order, by: &str) -> Result<(), Failure> {
    order.change(Change::Release)?;
    let next = order.progress.then();
    order.save(work, None, matches!(next, Next::Run(..)).then_some(0)).await?;
    work.emit(cause, order.sequence(), &OrderReleased { order_id: order.id, by: by.to_owned() });
    if let Next::Run(step, seconds) = next {
        forget_failed(work, order.id, step).await?;
        run_step(work, cause, order.id, step, seconds).await?;
    }
    Ok(())
}

/// Has a step that waits for its time run now.
///
/// # Errors
/// When the database is away.
pub async fn hurry(work: &mut Work, order: &mut Order, step: Step) -> Result<(), Failure> {
    let (key, now) = (format!("{}:{}", order.id, step.name()), work.now());
    sqlx::query!(
        "UPDATE jobs SET due_at = $3, failed_at = NULL WHERE kind = $1 AND key = $2 AND (due_at > $3 OR failed_at IS NOT NULL)",
        STEP_JOB,
        key,
        now,
    )
    .execute(work.conn())
    .await?;
    order.save(work, None, Some(0)).await
}

/// A job that was set aside as failed would keep a new one of the same step from being enqueued.
///
/// # Errors
/// When the database is away.
pub async fn forget_failed(work: &mut Work, order: OrderId, step: Step) -> Result<(), sqlx::Error> {
    let key = format!("{order}:{}", step.name());
    sqlx::query!("DELETE FROM jobs WHERE kind = $1 AND key = $2 AND failed_at IS NOT NULL", STEP_JOB, key)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// Providers that refused may be asked again: the customer has named another card, say.
///
/// # Errors
/// When the database is away.
pub async fn ask_all_again(work: &mut Work, order: OrderId) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE payments SET superseded_at = $3 WHERE tenant = $1 AND order_id = $2 AND state = 'declined' AND superseded_at IS NULL",
        tenant.as_str(),
        order.0,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
