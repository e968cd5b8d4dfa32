//! Orders that have left and of which nobody says that they arrived: parcels whose labels were bought by hand, a marketplace's own, or such
//! as a carrier has lost sight of. After a month a person is asked, so that none of them waits for ever.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::OrderId;

use crate::domain::approval::Kind;
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::{steps, tasks};

/// How long parcels may take before somebody has to look after them.
const PATIENCE: TimeDelta = TimeDelta::days(30);

/// Has a person asked about an order, should it not have arrived by then.
///
/// # Errors
/// When the database is away.
pub async fn remember(work: &mut Work, cause: &Cause, order: OrderId) -> Result<(), sqlx::Error> {
    let (due_at, payload) = (work.now() + PATIENCE, serde_json::json!({ "order_id": order }));
    work.enqueue(NewJob { kind: AskArrival::KIND, key: order.to_string(), due_at, payload, cause: cause.clone() }).await
}

/// Asks a person whether an order has arrived.
pub struct AskArrival;

impl RunsJob for AskArrival {
    const KIND: &'static str = "orders.ask_arrival";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = steps::order_of(job)?;
        let mut work = store.read(&job.tenant).await?;
        let order = Order::lock(&mut work, id).await?;
        if order.standing.status == Status::Shipped {
            let summary =
                "it left a month ago, and nobody has said that it arrived; say so by its status, or look for it";
            tasks::open(&mut work, &job.cause, &order, Kind::CarrierException, "arrival", summary).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
