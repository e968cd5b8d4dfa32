//! The money is promised: by the best gateway that takes the order, by the next one only after a definite refusal.

use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::OrderId;
use shared_events::orders::{PaymentAuthorized, PaymentDeclined};

use super::choose::{Choice, choose};
use super::lapse::Lapse;
use super::{Turn, is_at, locked};
use crate::advance::{Ending, give_up};
use crate::calls::{self, Begun, Call};
use crate::config::Parts;
use crate::directory;
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::payment_row;
use crate::payments::{Answer, Authorize, Purpose};
use crate::private::Private;

/// Seconds after which an unknown end is looked up.
const LOOK_AGAIN: i64 = 5;

/// How long the promise of a gateway is relied on that is not connected any more.
const USUALLY: TimeDelta = TimeDelta::days(6);

/// A promise to ask for.
pub(super) struct Ask {
    call: Call,
    begun: Begun,
    token: Option<String>,
}

/// Chooses whom to ask, and writes down that they are asked.
pub(super) async fn begin(parts: &Parts, work: &mut Work, order: &Order) -> Result<Turn, Failure> {
    if order.grand_minor == 0 {
        return Ok(Turn::Ends(Ending::done("nothing has to be paid")));
    }
    let tenant = work.tenant().clone();
    let private = Private::open(&parts.config.key, &tenant, order.id, &order.private_sealed).unwrap_or_default();
    let payment = match calls::open_payment(work, order.id).await? {
        Some(payment) if payment.state == "authorized" => {
            return Ok(Turn::Ends(Ending::done(format!("promised by {}", payment.gateway))));
        }
        Some(payment) => payment,
        None => match choose(parts, work, order, &private).await? {
            Choice::Payment(payment) => payment,
            Choice::None(why) => return Ok(Turn::Ends(Ending::held(HoldReason::Payment, why))),
        },
    };
    let gateway = parts.providers.get(&payment.gateway);
    let token = gateway.and_then(|gateway| private.token_for(&payment.gateway, &**gateway)).map(str::to_owned);
    let call = payment.call(Purpose::Authorize, payment.id.0, payment.amount_minor);
    let begun = calls::begin(work, &call).await?;
    Ok(Turn::Asks(super::Ask::Authorize(Ask { call, begun, token })))
}

/// Asks, and writes down what came of it.
pub(super) async fn make(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    ask: Ask,
) -> Result<(Work, Order, Turn), Failure> {
    let Ask { call, begun, token } = ask;
    let token = token.as_deref();
    let (call, answer) = match prepare(parts, store, job, id, call, &begun, token).await? {
        Ok(call) => {
            let answer = calls::make(&parts.providers, &call, begun, token).await;
            (call, answer)
        }
        Err(ended) => ended,
    };
    settle(parts, store, job, id, &call, &answer).await
}

/// Has the gateway make what money is asked for with, or look at what the customer brought, and keeps its name; `Err` when that ends the
/// call already. A number that pays another order pays none but that.
async fn prepare(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    call: Call,
    begun: &Begun,
    token: Option<&str>,
) -> Result<Result<Call, (Call, Answer)>, Failure> {
    let gateway = parts.providers.get(&call.gateway).filter(|gateway| gateway.prepares() && call.draft.is_none());
    let (Some(gateway), Some(token), Begun::First | Begun::Again) = (gateway, token, begun) else {
        return Ok(Ok(call));
    };
    let wish = Authorize { key: call.id, payment: call.payment.0, amount: call.amount, token, draft: None };
    let draft = match gateway.prepare(wish).await {
        Answer::Done(draft) => draft,
        ended => return Ok(Err((call, ended))),
    };
    let mut work = store.read(&job.tenant).await?;
    let is_free = directory::enter(&mut work, &call.gateway, &draft, id, call.payment).await?;
    if is_free {
        payment_row::set_draft(&mut work, call.payment, &draft).await?;
    }
    work.commit().await?;
    if is_free {
        return Ok(Ok(Call { draft: Some(draft), ..call }));
    }
    Ok(Err((call, Answer::Refused("token_used".into()))))
}

async fn settle(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    call: &Call,
    answer: &Answer,
) -> Result<(Work, Order, Turn), Failure> {
    let (mut work, order) = locked(store, job, id).await?;
    calls::record(&mut work, call, answer).await?;
    let (tenant, version) = (work.tenant().clone(), order.sequence() + 1);
    let ending = match answer {
        Answer::Done(reference) => {
            payment_row::set_state(&mut work, call.payment, "authorized", Some(reference), None).await?;
            directory::enter(&mut work, &call.gateway, reference, id, call.payment).await?;
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
            let relied_on = parts.providers.get(&call.gateway).map_or(USUALLY, |gateway| gateway.relied_on());
            let (key, due_at) = (call.payment.to_string(), work.now() + relied_on);
            let payload = serde_json::json!({ "order_id": id, "payment_id": call.payment });
            work.enqueue(NewJob { kind: Lapse::KIND, key, due_at, payload, cause: job.cause.clone() }).await?;
            Ending::done(format!("{} promised by {}", call.amount, call.gateway))
        }
        Answer::Refused(refusal) => {
            payment_row::set_state(&mut work, call.payment, "declined", None, Some(refusal)).await?;
            let declined = PaymentDeclined {
                order_id: id,
                payment_id: call.payment,
                gateway: call.gateway.clone(),
                code: refusal.code.clone(),
            };
            work.emit(&job.cause, version, &declined);
            Ending::later(1, format!("{} refused it: {}", call.gateway, refusal.code))
        }
        Answer::Unknown(why) => {
            tracing::warn!(order.id = %id, gateway = call.gateway, why, "a payment's end is unknown; it will be looked up");
            payment_row::set_state(&mut work, call.payment, "unknown", None, None).await?;
            Ending::later(LOOK_AGAIN, format!("{} has not answered; it will be looked up", call.gateway))
        }
    };
    if order.standing.status == Status::Cancelled {
        give_up(&mut work, &job.cause, &order, "cancelled").await?;
    }
    let turn = if is_at(&order, Step::AuthorizePayment) { Turn::Ends(ending) } else { Turn::Leaves };
    Ok((work, order, turn))
}
