//! Undoes what was done for a cancelled order: only what this order took, each effect once. It finds out from the database what is left to
//! undo, so that it goes on after a crash where it was.

use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob};
use service_kit::store::{Store, Work};
use shared_events::OrderId;
use shared_events::orders::{PaymentVoided, StockReleased};

use crate::advance::UNDO_JOB;
use crate::calls::{self, Begun, Call, Payment};
use crate::config::Parts;
use crate::domain::status::Status;
use crate::domain::undo::{Compensation, Taken, undo as plan};
use crate::order_row::Order;
use crate::payment_row;
use crate::payments::{Answer, LEFT_TO_LAPSE, Purpose};
use crate::{stock, tasks};

/// Seconds after which an unknown end is looked up again.
const LOOK_AGAIN: i64 = 10;

pub async fn undo(parts: &Parts, store: &Store, job: &Job, id: OrderId) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let order = Order::lock(&mut work, id).await?;
    if order.standing.status != Status::Cancelled {
        job.finish(&mut work).await?;
        return Ok(work.commit().await?);
    }
    let payment = calls::open_payment(&mut work, id).await?;
    let taken =
        Taken { reserved: true, authorized: payment.is_some(), captured_minor: order.captured_minor, labelled: false };
    let list = plan(taken);
    let void = payment.filter(|_| list.contains(&Compensation::VoidAuthorization));
    if list.contains(&Compensation::ReleaseStock) {
        free(&mut work, job, &order).await?;
    }
    let Some(payment) = void else {
        job.finish(&mut work).await?;
        return Ok(work.commit().await?);
    };
    let (call, begun) = first_call(&mut work, &payment).await?;
    work.commit().await?;
    let answer = calls::make(&parts.providers, &call, begun, None).await;
    settle(store, job, id, &call, &answer).await
}

/// Stock, shipments and tasks: all within the database.
async fn free(work: &mut Work, job: &Job, order: &Order) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    if stock::release(work, order.id, "released").await? {
        let released = StockReleased { order_id: order.id, reason: "cancelled".into() };
        work.emit(&job.cause, order.sequence(), &released);
    }
    super::label::give_back(work, &job.cause, order.id).await?;
    sqlx::query!(
        "UPDATE shipments SET state = 'cancelled' WHERE tenant = $1 AND order_id = $2 AND state IN ('planned', 'labelled')",
        tenant.as_str(),
        order.id.0,
    )
    .execute(work.conn())
    .await?;
    tasks::withdraw(work, order.id).await?;
    Ok(())
}

/// A promise that is known is given back; one that may have been made is looked up first, which takes no token: it is not asked for anew.
async fn first_call(work: &mut Work, payment: &Payment) -> Result<(Call, Begun), sqlx::Error> {
    let purpose = if payment.state == "authorized" { Purpose::Void } else { Purpose::Authorize };
    let call = payment.call(purpose, payment.id.0, payment.amount_minor);
    let begun = calls::begin(work, &call).await?;
    Ok((call, begun))
}

async fn settle(store: &Store, job: &Job, id: OrderId, call: &Call, answer: &Answer) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let order = Order::lock(&mut work, id).await?;
    calls::record(&mut work, call, answer).await?;
    let again_in = match (call.purpose, answer) {
        (_, Answer::Unknown(why)) => {
            tracing::warn!(order.id = %id, gateway = call.gateway, why, "whether money is promised is unknown; it will be looked up");
            Some(LOOK_AGAIN)
        }
        // It was promised after all, so it has to be given back.
        (Purpose::Authorize, Answer::Done(reference)) => {
            payment_row::set_state(&mut work, call.payment, "authorized", Some(reference), None).await?;
            Some(0)
        }
        (Purpose::Authorize, Answer::Refused(refusal)) => {
            payment_row::set_state(&mut work, call.payment, "declined", None, Some(refusal)).await?;
            None
        }
        // Refused means that the provider has nothing to give back any more.
        (_, Answer::Done(_) | Answer::Refused(_)) => {
            let lapses = *answer == Answer::Done(LEFT_TO_LAPSE.into());
            payment_row::set_state(&mut work, call.payment, if lapses { "lapsed" } else { "voided" }, None, None)
                .await?;
            work.emit(&job.cause, order.sequence(), &PaymentVoided { order_id: id, payment_id: call.payment });
            None
        }
    };
    job.finish(&mut work).await?;
    if let Some(seconds) = again_in {
        let due_at = work.now() + chrono::TimeDelta::seconds(seconds);
        let (key, payload) = (job.key.clone(), job.payload.clone());
        work.enqueue(NewJob { kind: UNDO_JOB, key, due_at, payload, cause: job.cause.clone() }).await?;
    }
    Ok(work.commit().await?)
}
