//! The money is promised: by the best provider that takes the order, by the next one only after a definite refusal.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::ids::derive;
use shared_events::orders::{PaymentAuthorized, PaymentDeclined};
use shared_events::{OrderId, PaymentId};

use super::{at_step, order_of, reserve};
use crate::advance::{Ending, end_step, give_up, note_step};
use crate::calls::{self, Begun, Call, Payment};
use crate::config::Parts;
use crate::domain::process::{HoldReason, Step};
use crate::domain::routing::{Wish, route};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::payments::{Answer, Purpose};
use crate::private::Private;

/// How long a promise is relied on; providers keep it for about seven days.
pub const RELIED_ON: TimeDelta = TimeDelta::days(6);
/// Seconds after which an unknown end is looked up.
const LOOK_AGAIN: i64 = 5;

/// What is to be done, found out before anything is asked of the outside.
enum Plan {
    /// The step ends without a call.
    End(Ending),
    /// This call is made.
    Make(Call, Begun, Option<String>),
}

pub async fn run(parts: &Parts, store: &Store, job: &Job, id: OrderId) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let Some(mut order) = at_step(&mut work, id, Step::AuthorizePayment).await? else {
        job.finish(&mut work).await?;
        return Ok(work.commit().await?);
    };
    match plan(parts, &mut work, &order).await? {
        Plan::End(ending) => {
            job.finish(&mut work).await?;
            end_step(&mut work, &job.cause, &mut order, Step::AuthorizePayment, &ending).await?;
            Ok(work.commit().await?)
        }
        Plan::Make(call, begun, token) => {
            work.commit().await?;
            let answer = calls::make(&parts.providers, &call, begun, token.as_deref()).await;
            settle(store, job, id, &call, &answer).await
        }
    }
}

async fn plan(parts: &Parts, work: &mut Work, order: &Order) -> Result<Plan, Failure> {
    if order.grand_minor == 0 {
        return Ok(Plan::End(Ending::done("nothing has to be paid")));
    }
    let tenant = work.tenant().clone();
    let payment = match calls::open_payment(work, order.id).await? {
        Some(payment) if payment.state == "authorized" => {
            return Ok(Plan::End(Ending::done(format!("promised by {}", payment.gateway))));
        }
        Some(payment) => payment,
        None => match choose(parts, work, order).await? {
            Some(payment) => payment,
            None => {
                let detail = "no payment provider takes it, or every one that does has refused it";
                return Ok(Plan::End(Ending::held(HoldReason::Payment, detail)));
            }
        },
    };
    let private = Private::open(&parts.config.key, &tenant, order.id, &order.private_sealed);
    let token = private.ok().and_then(|private| private.payment_token);
    let call = payment.call(Purpose::Authorize, payment.id.0, payment.amount_minor);
    let begun = calls::begin(work, &call).await?;
    Ok(Plan::Make(call, begun, token))
}

/// Chooses a provider and writes the payment down.
async fn choose(parts: &Parts, work: &mut Work, order: &Order) -> Result<Option<Payment>, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let earlier = sqlx::query!(
        r#"SELECT gateway, state::text AS "state!", attempt FROM payments WHERE tenant = $1 AND order_id = $2"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    let refused: Vec<String> =
        earlier.iter().filter(|payment| payment.state == "declined").map(|payment| payment.gateway.clone()).collect();
    // Whoever has left a call without an answer lately is tried last.
    let sick = sqlx::query_scalar!(
        "SELECT DISTINCT p.gateway FROM payments p JOIN payment_calls c ON c.tenant = p.tenant AND c.payment_id = p.id
         WHERE p.tenant = $1 AND c.state = 'begun' AND c.detail IS NOT NULL AND c.begun_at > $2",
        tenant.as_str(),
        now - TimeDelta::minutes(5),
    )
    .fetch_all(work.conn())
    .await?;
    let wish = Wish {
        currency: order.currency.code(),
        country: &order.ship_country,
        method: &order.payment_method,
        amount_minor: order.grand_minor,
    };
    let terms = parts.providers.terms(&sick);
    let Some(chosen) = route(&terms, wish, &refused).first().map(|gateway| gateway.name.clone()) else {
        return Ok(None);
    };
    let attempt = earlier.iter().map(|payment| payment.attempt).max().unwrap_or_default() + 1;
    let id = PaymentId(derive(&["payment", tenant.as_str(), &order.id.to_string(), &attempt.to_string()]));
    sqlx::query!(
        "INSERT INTO payments (tenant, id, order_id, attempt, gateway, currency, amount_minor, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'created', $8)",
        tenant.as_str(),
        id.0,
        order.id.0,
        attempt,
        chosen,
        order.currency.code(),
        order.grand_minor,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(Some(Payment {
        id,
        gateway: chosen,
        currency: order.currency,
        amount_minor: order.grand_minor,
        captured_minor: 0,
        state: "created".into(),
        reference: None,
        created_at: now,
    }))
}

/// Writes down what came of it. The order may have been held or given up meanwhile: what the provider did counts all the same.
async fn settle(store: &Store, job: &Job, id: OrderId, call: &Call, answer: &Answer) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let mut order = Order::lock(&mut work, id).await?;
    job.finish(&mut work).await?;
    calls::record(&mut work, call, answer).await?;
    let (tenant, version) = (work.tenant().clone(), order.sequence() + 1);
    let ending = match answer {
        Answer::Done(reference) => {
            calls::set_state(&mut work, call.payment, "authorized", Some(reference), None).await?;
            sqlx::query!(
                "UPDATE reservations SET state = 'kept' WHERE tenant = $1 AND order_id = $2 AND state = 'held'",
                tenant.as_str(),
                id.0,
            )
            .execute(work.conn())
            .await?;
            let (gateway, amount) = (call.gateway.clone(), call.amount);
            let authorized = PaymentAuthorized { order_id: id, payment_id: call.payment, gateway, amount };
            work.emit(&job.cause, version, &authorized);
            let (key, due_at) = (call.payment.to_string(), work.now() + RELIED_ON);
            let payload = serde_json::json!({ "order_id": id, "payment_id": call.payment });
            work.enqueue(NewJob { kind: Lapse::KIND, key, due_at, payload, cause: job.cause.clone() }).await?;
            Ending::done(format!("{} promised by {}", call.amount, call.gateway))
        }
        Answer::Refused(code) => {
            calls::set_state(&mut work, call.payment, "declined", None, Some(code)).await?;
            let declined = PaymentDeclined {
                order_id: id,
                payment_id: call.payment,
                gateway: call.gateway.clone(),
                code: code.clone(),
            };
            work.emit(&job.cause, version, &declined);
            Ending::later(1, format!("{} refused it: {code}", call.gateway))
        }
        Answer::Unknown(why) => {
            tracing::warn!(order.id = %id, gateway = call.gateway, why, "a payment's end is unknown; it will be looked up");
            calls::set_state(&mut work, call.payment, "unknown", None, None).await?;
            Ending::later(LOOK_AGAIN, format!("{} has not answered; it will be looked up", call.gateway))
        }
    };
    match order.standing.status {
        Status::Cancelled => give_up(&mut work, &job.cause, &order, "cancelled").await?,
        Status::OnHold => {}
        _ if order.progress.next() == Some(Step::AuthorizePayment) => {
            end_step(&mut work, &job.cause, &mut order, Step::AuthorizePayment, &ending).await?;
        }
        _ => {}
    }
    Ok(work.commit().await?)
}

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
        calls::set_state(&mut work, call.payment, "lapsed", None, None).await?;
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

/// Whether money of an order is being taken, or may have been.
///
/// # Errors
/// When the database is away.
pub async fn capture_begun(work: &mut Work, order: OrderId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM payment_calls c JOIN payments p ON p.tenant = c.tenant AND p.id = c.payment_id
           WHERE p.tenant = $1 AND p.order_id = $2 AND c.purpose = 'capture' AND c.state <> 'refused') AS "begun!""#,
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
