//! What is promised of an order and will not be taken, because the rest of it was given up, is let go at the gateway.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::Store;
use shared_events::orders::PaymentVoided;

use crate::calls;
use crate::config::Parts;
use crate::order_row::Order;
use crate::payment_row;
use crate::payments::{Answer, LEFT_TO_LAPSE, Purpose};
use crate::steps::order_of;

/// How long after an unknown end it is looked up.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(10);

/// Lets the rest of a promise go. A gateway that will not is left alone: what is not taken lapses by itself.
pub struct ReleaseRest {
    /// What it needs.
    pub parts: Parts,
}

impl RunsJob for ReleaseRest {
    const KIND: &'static str = "orders.release_rest";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = order_of(job)?;
        let named = job.payload["payment_id"].as_str().unwrap_or_default();
        let mut work = store.read(&job.tenant).await?;
        Order::lock(&mut work, id).await?;
        let payment = calls::open_payment(&mut work, id).await?;
        let payment = payment.filter(|payment| payment.state == "authorized" && payment.id.to_string() == named);
        let Some(payment) = payment else {
            job.finish(&mut work).await?;
            return Ok(work.commit().await?);
        };
        let call = payment.call(Purpose::Void, payment.id.0, payment.amount_minor - payment.captured_minor);
        let begun = calls::begin(&mut work, &call).await?;
        work.commit().await?;
        let answer = calls::make(&self.parts.providers, &call, begun, None).await;
        let mut work = store.read(&job.tenant).await?;
        let order = Order::lock(&mut work, id).await?;
        calls::record(&mut work, &call, &answer).await?;
        job.finish(&mut work).await?;
        if let Answer::Unknown(why) = &answer {
            tracing::warn!(order.id = %id, gateway = call.gateway, why, "whether the rest is let go is unknown; it will be looked up");
            let (key, payload, due_at) = (job.key.clone(), job.payload.clone(), work.now() + LOOK_AGAIN);
            work.enqueue(NewJob { kind: Self::KIND, key, due_at, payload, cause: job.cause.clone() }).await?;
        } else if payment.captured_minor == 0 {
            let state = if answer == Answer::Done(LEFT_TO_LAPSE.into()) { "lapsed" } else { "voided" };
            payment_row::set_state(&mut work, call.payment, state, None, None).await?;
            work.emit(&job.cause, order.sequence(), &PaymentVoided { order_id: id, payment_id: call.payment });
        }
        Ok(work.commit().await?)
    }
}
