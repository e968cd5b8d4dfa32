//! Moves an order along its way: writes down how a step ended, says what happened, and enqueues what comes next.

use chrono::{DateTime, TimeDelta, Utc};
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

/// The steps that ended in one transaction: said as they end, written down together before it commits.
#[derive(Debug, Default)]
pub struct Way {
    ended: Vec<Noted>,
    hold: Option<(HoldReason, String)>,
    gives_up: Option<String>,
}

#[derive(Debug)]
struct Noted {
    step: Step,
    state: &'static str,
    detail: String,
}

impl Way {
    /// Ends a step of an order that is under lock; what comes next.
    ///
    /// # Errors
    /// `order_state_conflict` when the machine does not allow what the step did, which would be a defect.
    pub fn end(
        &mut self,
        work: &mut Work,
        cause: &Cause,
        order: &mut Order,
        step: Step,
        ending: Ending,
    ) -> Result<Next, Failure> {
        let Decision { progress, changes, next } = decide(order.progress, step, ending.report);
        order.progress = progress;
        for change in &changes {
            order.change(*change)?;
        }
        order.move_on();
        say(work, cause, order, step, &changes, &ending);
        let state = match ending.report {
            Report::Done => "done",
            Report::Held(_) => "held",
            Report::Later(_) => "later",
            Report::Failed => "failed",
        };
        self.ended.push(Noted { step, state, detail: ending.detail.clone() });
        if let Report::Held(reason) = ending.report {
            self.hold = Some((reason, ending.detail.clone()));
        }
        if next == Next::Undo {
            self.gives_up = Some(ending.detail);
        }
        // It may have arrived before the customer was told that it left: then nothing will come that it could wait for.
        Ok(match next {
            Next::Delivery if order.standing.status == Status::Delivered => Next::Run(Step::Close, 0),
            other => other,
        })
    }

    /// Writes it down, with where the order stands now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn write(&self, work: &mut Work, cause: &Cause, order: &mut Order, next: Next) -> Result<(), Failure> {
        self.note(work, order.id).await?;
        let next_in = match next {
            Next::Run(_, seconds) => Some(seconds),
            _ => None,
        };
        let hold = self.hold.as_ref().map(|(reason, detail)| (*reason, detail.as_str()));
        order.write(work, hold, next_in).await?;
        if let Some(reason) = &self.gives_up {
            give_up(work, cause, order, reason).await?;
        }
        Ok(())
    }

    async fn note(&self, work: &mut Work, order: OrderId) -> Result<(), sqlx::Error> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let (tenant, now) = (work.tenant().clone(), work.now());
        let steps: Vec<String> = self.ended.iter().map(|noted| noted.step.name().to_owned()).collect();
        let states: Vec<String> = self.ended.iter().map(|noted| noted.state.to_owned()).collect();
        let details: Vec<String> = self.ended.iter().map(|noted| noted.detail.clone()).collect();
        sqlx::query!(
            "INSERT INTO order_steps (tenant, order_id, step, state, attempts, detail, first_at, last_at)
             SELECT $1, $2, step, state, 1, detail, $6, $6 FROM unnest($3::text[], $4::text[], $5::text[]) AS ended (step, state, detail)
             ON CONFLICT (tenant, order_id, step) DO UPDATE SET state = excluded.state, attempts = order_steps.attempts + 1,
               detail = excluded.detail, by = NULL, last_at = excluded.last_at",
            tenant.as_str(),
            order.0,
            &steps,
            &states,
            &details,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}

/// Ends one step of an order that is under lock, and enqueues what comes next. A job that runs the same step must have been finished in this
/// transaction before.
///
/// # Errors
/// `order_state_conflict` when the machine does not allow what the step did, which would be a defect.
pub async fn end_step(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    step: Step,
    ending: Ending,
) -> Result<(), Failure> {
    let mut way = Way::default();
    let next = way.end(work, cause, order, step, ending)?;
    way.write(work, cause, order, next).await?;
    if let Next::Run(step, seconds) = next {
        run_step(work, cause, order.id, step, seconds).await?;
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
    let due_at = work.now() + TimeDelta::seconds(seconds);
    work.enqueue(step_job(cause, order, step, due_at)).await
}

/// The job that runs a step.
pub fn step_job(cause: &Cause, order: OrderId, step: Step, due_at: DateTime<Utc>) -> NewJob {
    let payload = serde_json::json!({ "order_id": order, "step": step.name() });
    NewJob { kind: STEP_JOB, key: format!("{order}:{}", step.name()), due_at, payload, cause: cause.clone() }
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
