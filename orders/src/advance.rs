//! Moves an order along its way: writes down how a step ended, says what happened, and enqueues what comes next.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::{OrderCancelled, OrderCompleted, OrderConfirmed, OrderHeld};

use crate::domain::process::{Decision, HoldReason, Next, Report, Step, decide};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;

/// The kind of the jobs that run steps.
pub const STEP_JOB: &str = "orders.step";
/// The kind of the jobs that undo what was done for an order.
pub const UNDO_JOB: &str = "orders.undo";

/// How a step ended, in words.
#[derive(Debug, Clone)]
pub struct Ending {
    /// How.
    pub report: Report,
    /// What there is to say about it.
    pub detail: String,
}

impl Ending {
    /// It did its work.
    pub fn done(detail: impl Into<String>) -> Self {
        Self { report: Report::Done, detail: detail.into() }
    }

    /// A person has to act first.
    pub fn held(reason: HoldReason, detail: impl Into<String>) -> Self {
        Self { report: Report::Held(reason), detail: detail.into() }
    }

    /// It is not known yet.
    pub fn later(seconds: i64, detail: impl Into<String>) -> Self {
        Self { report: Report::Later(seconds), detail: detail.into() }
    }

    /// The order cannot be carried out.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self { report: Report::Failed, detail: detail.into() }
    }
}

/// Ends a step of an order that is under lock. A job that runs the same step must have been finished in this transaction before.
///
/// # Errors
/// `order_state_conflict` when the machine does not allow what the step did, which would be a defect.
pub async fn end_step(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    step: Step,
    ending: &Ending,
) -> Result<(), Failure> {
    let Decision { progress, changes, next } = decide(order.progress, step, ending.report);
    order.progress = progress;
    for change in &changes {
        order.change(*change)?;
    }
    let state = match ending.report {
        Report::Done => "done",
        Report::Held(_) => "held",
        Report::Later(_) => "later",
        Report::Failed => "failed",
    };
    note_step(work, order.id, step, state, &ending.detail, None).await?;
    // It may have arrived before the customer was told that it left: then nothing will come that it could wait for.
    let next = match next {
        Next::Delivery if order.standing.status == Status::Delivered => Next::Run(Step::Close, 0),
        other => other,
    };
    let hold = match ending.report {
        Report::Held(reason) => Some((reason, ending.detail.as_str())),
        _ => None,
    };
    let next_in = match next {
        Next::Run(_, seconds) => Some(seconds),
        _ => None,
    };
    order.save(work, hold, next_in).await?;
    say(work, cause, order, step, &changes, ending);
    match next {
        Next::Run(step, seconds) => run_step(work, cause, order.id, step, seconds).await?,
        Next::Undo => give_up(work, cause, order, &ending.detail).await?,
        Next::Person(_) | Next::Delivery | Next::End => {}
    }
    Ok(())
}

fn say(work: &mut Work, cause: &Cause, order: &Order, step: Step, changes: &[Change], ending: &Ending) {
    let version = order.sequence();
    for change in changes {
        match change {
            Change::Hold => {
                let reason = match ending.report {
                    Report::Held(reason) => reason.name(),
                    _ => HoldReason::Manual.name(),
                };
                let held = OrderHeld {
                    order_id: order.id,
                    reason: reason.to_owned(),
                    step: step.name().to_owned(),
                    detail: ending.detail.clone(),
                };
                work.emit(cause, version, &held);
            }
            Change::Confirm => work.emit(cause, version, &OrderConfirmed { order_id: order.id, total: order.total() }),
            Change::Complete => work.emit(cause, version, &OrderCompleted { order_id: order.id }),
            Change::Cancel => {
                let by = format!("the step {}", step.name());
                work.emit(cause, version, &OrderCancelled { order_id: order.id, reason: ending.detail.clone(), by });
            }
            _ => {}
        }
    }
}

/// Writes down how a step ended, or what a person did about it.
///
/// # Errors
/// When the database is away.
pub async fn note_step(
    work: &mut Work,
    order: OrderId,
    step: Step,
    state: &str,
    detail: &str,
    by: Option<&str>,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO order_steps (tenant, order_id, step, state, attempts, detail, by, first_at, last_at) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $7)
         ON CONFLICT (tenant, order_id, step) DO UPDATE SET state = $4, attempts = order_steps.attempts + 1, detail = $5, by = $6, last_at = $7",
        tenant.as_str(),
        order.0,
        step.name(),
        state,
        detail,
        by,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Enqueues a step, to run after so many seconds. One that is open already is kept.
///
/// # Errors
/// When the database is away.
pub async fn run_step(
    work: &mut Work,
    cause: &Cause,
    order: OrderId,
    step: Step,
    seconds: i64,
) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "order_id": order, "step": step.name() });
    let due_at = work.now() + chrono::TimeDelta::seconds(seconds);
    let key = format!("{order}:{}", step.name());
    work.enqueue(NewJob { kind: STEP_JOB, key, due_at, payload, cause: cause.clone() }).await
}

/// Has everything undone that was done for a cancelled order.
///
/// # Errors
/// When the database is away.
pub async fn give_up(work: &mut Work, cause: &Cause, order: &Order, reason: &str) -> Result<(), sqlx::Error> {
    debug_assert_eq!(order.standing.status, Status::Cancelled);
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE orders SET cancel_reason = COALESCE(cancel_reason, $3) WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        order.id.0,
        reason,
    )
    .execute(work.conn())
    .await?;
    let (due_at, payload) = (work.now(), serde_json::json!({ "order_id": order.id }));
    work.enqueue(NewJob { kind: UNDO_JOB, key: order.id.to_string(), due_at, payload, cause: cause.clone() }).await
}
