//! The jobs that carry an order along its way, one for each step that asks the outside. What a step asks is written down before it is asked,
//! in the transaction that ended the steps before it; steps within the database run in that transaction, too: the job of each would be
//! enqueued and finished in it.

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

use crate::advance::{Ending, STEP_JOB, UNDO_JOB, Way, end_step, run_step, step_job};
use crate::config::Parts;
use crate::domain::process::{HoldReason, Next, Step};
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

/// Whether an order is at this step and not held.
fn is_at(order: &Order, step: Step) -> bool {
    let waits =
        matches!(order.standing.status, Status::OnHold | Status::Cancelled | Status::Returned | Status::Refunded);
    !waits && order.progress.next() == Some(step)
}

/// Opens a transaction with the order of a job under lock.
async fn locked(store: &Store, job: &Job, id: OrderId) -> Result<(Work, Order), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let order = Order::lock(&mut work, id).await?;
    Ok((work, order))
}

/// What a step asks of the outside; it is written down that it is asked.
enum Ask {
    Authorize(authorize::Ask),
    Rate(Vec<rate::Ask>),
    Label(Vec<label::Ask>),
    Capture(capture::Ask),
    Renew(renew::Ask),
}

/// How a step goes on.
enum Turn {
    /// It ended.
    Ends(Ending),
    /// It asks the outside, as soon as that is committed.
    Asks(Ask),
    /// It begins again: more of the same is to be done.
    Again,
    /// The same, in a transaction of its own.
    AnotherTime,
    /// The order is not at this step any more.
    Leaves,
}

impl RunsJob for RunStep {
    const KIND: &'static str = STEP_JOB;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = order_of(job)?;
        let step = job.payload["step"].as_str().and_then(Step::from_name);
        let step = step.ok_or_else(|| Failure::reject("malformed", "the job names no step"))?;
        let mut ended = self.carry(store, job, id, step, job.attempt == 1).await;
        if job.attempt == 1 && ended.as_ref().is_err_and(|failure| !failure.is_infrastructure()) {
            // One of the steps after it may have failed: alone, each fails for itself.
            ended = self.carry(store, job, id, step, false).await;
        }
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

/// How far an order came in one transaction.
struct Walk {
    way: Way,
    /// The steps that ended.
    passed: Vec<Step>,
    /// The step that it is at.
    step: Step,
    /// What that step asks of the outside.
    ask: Option<Ask>,
    /// What comes next, where nothing is asked.
    next: Next,
}

impl RunStep {
    /// Carries an order on from a step, until the outside is to be asked by another step or nothing is to be done now. Not `far`:
    /// no further than the end of this step.
    async fn carry(&self, store: &Store, job: &Job, id: OrderId, first: Step, far: bool) -> Result<(), Failure> {
        let mut asked = job.handed::<Ask>();
        loop {
            let was_asked = asked.is_some();
            let (mut work, mut order, turn) = match asked.take() {
                Some(ask) => self.ask(store, job, id, ask).await?,
                None => {
                    let (work, order) = locked(store, job, id).await?;
                    let turn = if is_at(&order, first) { Turn::Again } else { Turn::Leaves };
                    (work, order, turn)
                }
            };
            let walk = self.walk(&mut work, job, &mut order, first, turn, far).await?;
            // The first thing that a step does is to ask: its own job does.
            let asks_itself = !was_asked && walk.passed.is_empty() && walk.ask.is_some();
            if !asks_itself {
                job.finish(&mut work).await?;
            }
            if order.has_moved() {
                walk.way.write(&mut work, &job.cause, &mut order, walk.next).await?;
            }
            match (walk.ask, walk.next) {
                (Some(ask), _) if asks_itself => asked = Some(ask),
                (Some(ask), _) => {
                    let due_at = work.now();
                    work.go_on(step_job(&job.cause, id, walk.step, due_at), ask).await?;
                }
                (None, Next::Run(step, seconds)) => run_step(&mut work, &job.cause, id, step, seconds).await?,
                (None, _) => {}
            }
            work.commit().await?;
            for step in walk.passed {
                faults::point_of("orders.after_step", step.name());
            }
            if asked.is_none() {
                return Ok(());
            }
        }
    }

    /// Runs step after step within the transaction, with the order under lock.
    async fn walk(
        &self,
        work: &mut Work,
        job: &Job,
        order: &mut Order,
        first: Step,
        mut turn: Turn,
        far: bool,
    ) -> Result<Walk, Failure> {
        let next = Next::Run(first, 0);
        let mut walk = Walk { way: Way::default(), passed: vec![], step: first, ask: None, next };
        loop {
            turn = match turn {
                Turn::Again => {
                    faults::point_of("orders.before_step", walk.step.name());
                    self.begin(work, job, order, walk.step).await?
                }
                Turn::Ends(ending) => {
                    walk.passed.push(walk.step);
                    walk.next = walk.way.end(work, &job.cause, order, walk.step, ending)?;
                    match walk.next {
                        Next::Run(following, 0) if far => walk.step = following,
                        _ => return Ok(walk),
                    }
                    Turn::Again
                }
                Turn::AnotherTime => return Ok(walk),
                Turn::Asks(ask) => return Ok(Walk { ask: Some(ask), ..walk }),
                Turn::Leaves => {
                    if first == Step::BuyLabel {
                        // It may have been given up while a label was being bought.
                        label::give_back(work, &job.cause, order.id).await?;
                    }
                    return Ok(Walk { next: Next::End, ..walk });
                }
            };
        }
    }

    /// Begins a step of an order that is under lock and at it.
    async fn begin(&self, work: &mut Work, job: &Job, order: &mut Order, step: Step) -> Result<Turn, Failure> {
        let (parts, cause) = (&self.parts, &job.cause);
        if step == Step::Validate && order.standing.status == Status::Placed {
            order.change(Change::Validate)?;
        }
        Ok(Turn::Ends(match (step, &parts.post) {
            (Step::Validate, _) => check::validate(parts, work, order).await?,
            (Step::ScoreFraud, _) => check::score(parts, work, order).await?,
            (Step::Approve, _) => check::approve(parts, work, cause, order).await?,
            (Step::ReserveStock, _) => reserve::run(parts, work, cause, order).await?,
            (Step::AuthorizePayment, _) => return authorize::begin(parts, work, order).await,
            (Step::ChooseWarehouses, _) => send::plan(parts.config.router, work, order).await?,
            (Step::ChooseCarrier, Some(_)) => return rate::begin(parts, work, order).await,
            (Step::ChooseCarrier, None) => send::choose_carrier(work, order).await?,
            (Step::BuyLabel, Some(_)) => return label::begin(work, order).await,
            (Step::BuyLabel, None) => send::label(work, order).await?,
            (Step::QualityCheck, _) => send::check(parts, work, cause, order).await?,
            (Step::CapturePayment, _) => return capture::begin(parts, work, cause, order).await,
            (Step::Notify, _) => send::notify(work, cause, order).await?,
            (Step::Close, _) => Ending::done("everything arrived"),
        }))
    }

    /// Asks, and writes down what came of it, with the order under lock. It may have been held or given up meanwhile: what the outside did
    /// counts all the same.
    async fn ask(&self, store: &Store, job: &Job, id: OrderId, ask: Ask) -> Result<(Work, Order, Turn), Failure> {
        let parts = &self.parts;
        match ask {
            Ask::Authorize(ask) => authorize::make(parts, store, job, id, ask).await,
            Ask::Rate(asks) => rate::make(parts, store, job, id, asks).await,
            Ask::Label(asks) => label::make(parts, store, job, id, asks).await,
            Ask::Capture(ask) => capture::make(parts, store, job, id, ask).await,
            Ask::Renew(ask) => renew::make(parts, store, job, id, ask).await,
        }
    }
}

/// The carriers' provider was there when the question was written down: the process has another configuration now, and asks by that.
fn not_connected() -> Failure {
    Failure::Retry(anyhow::anyhow!("no provider of labels is connected"))
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
    let (mut work, mut order) = locked(store, job, id).await?;
    job.finish(&mut work).await?;
    if is_at(&order, step) {
        // What has begun to leave cannot be held any more; the step is tried again later instead.
        let ending = if order.standing.status.is_before_dispatch() {
            Ending::held(HoldReason::Trouble, detail)
        } else {
            Ending::later(3_600, detail)
        };
        end_step(&mut work, &job.cause, &mut order, step, ending).await?;
    }
    Ok(work.commit().await?)
}

impl RunsJob for RunUndo {
    const KIND: &'static str = UNDO_JOB;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        void::undo(&self.parts, store, job, order_of(job)?).await
    }
}
