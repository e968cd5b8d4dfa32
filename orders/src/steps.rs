//! The jobs that carry an order along its way, one for each step. A step within the database ends in the transaction of its job; one that
//! asks the outside first writes down that it will.

mod authorize;
mod capture;
mod check;
mod choose;
mod label;
mod lapse;
mod rate;
mod renew;
mod reserve;
mod send;
mod void;

use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::OrderId;
use uuid::Uuid;

use crate::advance::{Ending, STEP_JOB, UNDO_JOB, end_step};
use crate::config::Parts;
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;

pub use label::{VoidLabel, give_back as give_labels_back};
pub use lapse::{Lapse, capture_begun};
pub use reserve::Expire;

/// After so many attempts at a step a person has to look at it.
const PATIENCE: i32 = 8;

/// Runs the steps of orders.
pub struct RunStep {
    /// What the steps need.
    pub parts: Parts,
}

/// Undoes what was done for a cancelled order.
pub struct RunUndo {
    /// What that needs.
    pub parts: Parts,
}

/// The order that a job names.
pub(crate) fn order_of(job: &Job) -> Result<OrderId, Failure> {
    let id = job.payload["order_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
    id.map(OrderId).ok_or_else(|| Failure::reject("malformed", "the job names no order"))
}

/// Locks the order of a job, if it is at this step and not held.
async fn at_step(work: &mut Work, id: OrderId, step: Step) -> Result<Option<Order>, Failure> {
    let order = Order::lock(work, id).await?;
    let waits =
        matches!(order.standing.status, Status::OnHold | Status::Cancelled | Status::Returned | Status::Refunded);
    Ok((!waits && order.progress.next() == Some(step)).then_some(order))
}

impl RunsJob for RunStep {
    const KIND: &'static str = STEP_JOB;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = order_of(job)?;
        let step = job.payload["step"].as_str().and_then(Step::from_name);
        let step = step.ok_or_else(|| Failure::reject("malformed", "the job names no step"))?;
        faults::point_of("orders.before_step", step.name());
        let ended = self.step(store, job, id, step).await;
        faults::point_of("orders.after_step", step.name());
        match ended {
            Err(failure)
                if !failure.is_infrastructure()
                    && (job.attempt >= PATIENCE || matches!(failure, Failure::Reject(_))) =>
            {
                trouble(store, job, id, step, &failure).await
            }
            ended => ended,
        }
    }
}

impl RunStep {
    async fn step(&self, store: &Store, job: &Job, id: OrderId, step: Step) -> Result<(), Failure> {
        match step {
            Step::AuthorizePayment => return authorize::run(&self.parts, store, job, id).await,
            Step::CapturePayment => return capture::run(&self.parts, store, job, id).await,
            Step::ChooseCarrier if let Some(post) = &self.parts.post => {
                return rate::run(&self.parts, post, store, job, id).await;
            }
            Step::BuyLabel if let Some(post) = &self.parts.post => return label::run(post, store, job, id).await,
            _ => {}
        }
        let mut work = store.read(&job.tenant).await?;
        if let Some(mut order) = at_step(&mut work, id, step).await? {
            if step == Step::Validate && order.standing.status == Status::Placed {
                order.change(Change::Validate)?;
            }
            let ending = match step {
                Step::Validate => check::validate(&self.parts, &mut work, &order).await?,
                Step::ScoreFraud => check::score(&self.parts, &mut work, &mut order).await?,
                Step::Approve => check::approve(&self.parts, &mut work, &job.cause, &order).await?,
                Step::ReserveStock => reserve::run(&self.parts, &mut work, &job.cause, &order).await?,
                Step::ChooseWarehouses => send::plan(self.parts.config.router, &mut work, &order).await?,
                Step::ChooseCarrier => send::choose_carrier(&mut work, &order).await?,
                Step::BuyLabel => send::label(&mut work, &order).await?,
                Step::QualityCheck => send::check(&self.parts, &mut work, &job.cause, &order).await?,
                Step::Notify => send::notify(&mut work, &job.cause, &order).await?,
                Step::Close => Ending::done("everything arrived"),
                Step::AuthorizePayment | Step::CapturePayment => return Ok(()),
            };
            job.finish(&mut work).await?;
            end_step(&mut work, &job.cause, &mut order, step, &ending).await?;
        } else {
            job.finish(&mut work).await?;
        }
        Ok(work.commit().await?)
    }
}

/// A step that cannot be run, for a reason that nobody foresaw, waits for a person: no order stands still unseen.
async fn trouble(store: &Store, job: &Job, id: OrderId, step: Step, failure: &Failure) -> Result<(), Failure> {
    let detail = match failure {
        Failure::Retry(error) => {
            tracing::error!(order.id = %id, step = step.name(), error = format!("{error:#}"), "a step failed again and again");
            "the step failed again and again; the log says why".to_owned()
        }
        Failure::Reject(rejection) => rejection.detail.clone(),
    };
    let mut work = store.read(&job.tenant).await?;
    let order = at_step(&mut work, id, step).await?;
    job.finish(&mut work).await?;
    if let Some(mut order) = order {
        // What has begun to leave cannot be held any more; the step is tried again later instead.
        let ending = if order.standing.status.is_before_dispatch() {
            Ending::held(HoldReason::Trouble, detail)
        } else {
            Ending::later(3_600, detail)
        };
        end_step(&mut work, &job.cause, &mut order, step, &ending).await?;
    }
    Ok(work.commit().await?)
}

impl RunsJob for RunUndo {
    const KIND: &'static str = UNDO_JOB;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        void::undo(&self.parts, store, job, order_of(job)?).await
    }
}
