//! A promise that has become too old is renewed before money is taken by it. A gateway that refuses is taken at its word: the money is asked
//! for by the promise that there is.

use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::OrderId;
use shared_events::ids::derive;

use super::{Turn, is_at, locked};
use crate::advance::Ending;
use crate::calls::{self, Begun, Call, Payment};
use crate::config::Parts;
use crate::domain::process::Step;
use crate::order_row::Order;
use crate::payments::{Answer, Purpose};
use crate::{directory, payment_row};

/// Seconds after which an unknown end is looked up.
const LOOK_AGAIN: i64 = 5;

/// A promise to ask for anew.
pub(super) struct Ask {
    call: Call,
    begun: Begun,
}

/// The call that renews a promise, written down; `None` when it is fresh enough, or was refused before. What was taken in part is not renewed:
/// its rest is taken by what there is.
pub(super) async fn begin(parts: &Parts, work: &mut Work, payment: &Payment) -> Result<Option<Ask>, sqlx::Error> {
    let after = parts.providers.get(&payment.gateway).and_then(|gateway| gateway.renews_after());
    let (Some(after), Some(promised_at), Some(reference)) = (after, payment.promised_at, &payment.reference) else {
        return Ok(None);
    };
    if payment.captured_minor > 0 || work.now() - promised_at < after {
        return Ok(None);
    }
    // Each promise is renewed once; what it becomes is another.
    let subject = derive(&["renewal", &payment.id.to_string(), reference]);
    let call = payment.call(Purpose::Renew, subject, payment.amount_minor);
    let begun = calls::begin(work, &call).await?;
    Ok((!matches!(begun, Begun::Ended(_))).then_some(Ask { call, begun }))
}

/// Makes the call and writes down what came of it; the step that needed it runs again.
pub(super) async fn make(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    ask: Ask,
) -> Result<(Work, Order, Turn), Failure> {
    let Ask { call, begun } = ask;
    let answer = calls::make(&parts.providers, &call, begun, None).await;
    let (mut work, order) = locked(store, job, id).await?;
    calls::record(&mut work, &call, &answer).await?;
    let ending = match answer {
        Answer::Done(reference) => {
            payment_row::set_renewed(&mut work, call.payment, &reference).await?;
            directory::enter(&mut work, &call.gateway, &reference, id, call.payment).await?;
            Ending::later(1, format!("{} promised it anew", call.gateway))
        }
        Answer::Refused(refusal) => {
            tracing::warn!(order.id = %id, gateway = call.gateway, code = refusal.code, "a promise is not renewed");
            Ending::later(1, format!("{} did not promise it anew: {}", call.gateway, refusal.code))
        }
        Answer::Unknown(why) => Ending::later(LOOK_AGAIN, format!("{} has not answered: {why}", call.gateway)),
    };
    let turn = if is_at(&order, Step::CapturePayment) { Turn::Ends(ending) } else { Turn::Leaves };
    Ok((work, order, turn))
}
