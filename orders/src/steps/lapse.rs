//! Promises of money end: before one lapses by itself, it is given back and asked for anew.

use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::OrderId;

use super::{order_of, reserve};
use crate::advance::note_step;
use crate::calls::{self, Begun, Call};
use crate::config::Parts;
use crate::domain::process::Step;
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::payment_row;
use crate::payments::{Answer, Purpose};

/// Gives a promise back before it lapses by itself, and asks for a new one, as long as nothing was taken.
pub struct Lapse {
    /// What it needs.
    pub parts: Parts,
}

impl RunsJob for Lapse {
    const KIND: &'static str = "orders.lapse_authorization";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = order_of(job)?;
        let Some((call, begun)) = self.begin(store, job, id).await? else { return Ok(()) };
        let answer = calls::make(&self.parts.providers, &call, begun, None).await;
        let mut work = store.read(&job.tenant).await?;
        let mut order = Order::lock(&mut work, id).await?;
        calls::record(&mut work, &call, &answer).await?;
        if let Answer::Unknown(why) = &answer {
            work.commit().await?;
            return Err(Failure::Retry(anyhow::anyhow!("the provider has not answered: {why}")));
        }
        // Refused: the provider has let it go already. Either way there is no promise any more.
        payment_row::set_state(&mut work, call.payment, "lapsed", None, None).await?;
        job.finish(&mut work).await?;
        renew(&mut work, &job.cause, &mut order).await?;
        Ok(work.commit().await?)
    }
}

impl Lapse {
    /// The call that gives the promise back; `None` (and the job is finished) when there is nothing to give back.
    async fn begin(&self, store: &Store, job: &Job, id: OrderId) -> Result<Option<(Call, Begun)>, Failure> {
        let mut work = store.read(&job.tenant).await?;
        let order = Order::lock(&mut work, id).await?;
        let payment = calls::open_payment(&mut work, id).await?;
        let named = job.payload["payment_id"].as_str().unwrap_or_default();
        let is_idle = order.standing.status.is_before_dispatch() && !capture_begun(&mut work, id).await?;
        let payment = payment.filter(|payment| {
            is_idle && payment.state == "authorized" && payment.captured_minor == 0 && payment.id.to_string() == named
        });
        let begun = match payment {
            Some(payment) => {
                let call = payment.call(Purpose::Void, payment.id.0, payment.amount_minor);
                let begun = calls::begin(&mut work, &call).await?;
                Some((call, begun))
            }
            None => {
                job.finish(&mut work).await?;
                None
            }
        };
        work.commit().await?;
        Ok(begun)
    }
}

/// Whether money of an order is being taken, or may have been; that begins with renewing the promise that it is taken by.
///
/// # Errors
/// When the database is away.
pub async fn capture_begun(work: &mut Work, order: OrderId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM payment_calls c JOIN payments p ON p.tenant = c.tenant AND p.id = c.payment_id
           WHERE p.tenant = $1 AND p.order_id = $2 AND (c.purpose = 'capture' AND c.state <> 'refused' OR c.purpose = 'renew' AND c.state = 'begun')) AS "begun!""#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}

async fn renew(work: &mut Work, cause: &Cause, order: &mut Order) -> Result<(), Failure> {
    if !order.progress.has(Step::AuthorizePayment) || order.standing.status == Status::Cancelled {
        return Ok(());
    }
    order.progress = order.progress.authorization_lapsed();
    order.standing = order.standing.beneath(Change::Deauthorize)?;
    let detail = "the promise would have lapsed; it is asked for again";
    note_step(work, order.id, Step::AuthorizePayment, "lapsed", detail, None).await?;
    let is_held = order.standing.status == Status::OnHold;
    order.save(work, None, (!is_held).then_some(0)).await?;
    if !is_held {
        reserve::again(work, cause, order).await?;
    }
    Ok(())
}
