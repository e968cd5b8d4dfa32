//! Shipments leave, one by one: each takes its part of the money first, and its stock is gone then.

use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{PaymentCaptured, ShipmentDispatched};
use shared_events::{OrderId, ShipmentId};
use uuid::Uuid;

use super::{Turn, is_at, locked, renew};
use crate::advance::Ending;
use crate::calls::{self, Begun, Call};
use crate::config::Parts;
use crate::directory;
use crate::domain::approval::Kind;
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::{Change, Status};
use crate::order_row::Order;
use crate::payments::{Answer, Purpose};
use crate::stock::{self, Movement};
use crate::tasks;

/// Seconds after which an unknown end is looked up.
const LOOK_AGAIN: i64 = 5;
/// Seconds after which a refused capture is tried again, when a part of the order is under way already.
const TRY_AGAIN: i64 = 3_600;

/// The next shipment to leave.
struct Leaving {
    id: Uuid,
    amount_minor: i64,
    is_last: bool,
}

/// Money to take for a shipment.
pub(super) struct Ask {
    call: Call,
    begun: Begun,
    leaving: Leaving,
}

/// Looks which shipment leaves next, and writes down that its money is taken; one that nothing is to be taken for leaves at once.
pub(super) async fn begin(parts: &Parts, work: &mut Work, cause: &Cause, order: &mut Order) -> Result<Turn, Failure> {
    let Some(leaving) = next(work, order.id).await? else {
        return Ok(Turn::Ends(Ending::held(HoldReason::Stock, "nothing is planned to be sent")));
    };
    if leaving.amount_minor == 0 {
        return leave_unpaid(work, cause, order, &leaving).await;
    }
    let Some(payment) = calls::open_payment(work, order.id).await?.filter(|payment| payment.state == "authorized")
    else {
        return Ok(Turn::Ends(Ending::held(HoldReason::Payment, "no money is promised to the order")));
    };
    let takes_parts = parts.providers.takes_parts(&payment.gateway);
    if !takes_parts && payment.captured_minor > 0 {
        // All of it was taken with the first shipment.
        return leave_unpaid(work, cause, order, &leaving).await;
    }
    if let Some(ask) = renew::begin(parts, work, &payment).await? {
        return Ok(Turn::Asks(super::Ask::Renew(ask)));
    }
    let (minor, is_last) =
        if takes_parts { (leaving.amount_minor, leaving.is_last) } else { (payment.amount_minor, true) };
    let mut call = Call { is_last, ..payment.call(Purpose::Capture, leaving.id, minor) };
    let mut begun = calls::begin(work, &call).await?;
    if matches!(begun, Begun::Ended(Answer::Refused(_))) {
        // A definite no took nothing. What is tried again is another call: this one has its answer.
        call.id = calls::next_try(work, &call).await?;
        begun = calls::begin(work, &call).await?;
    }
    Ok(Turn::Asks(super::Ask::Capture(Ask { call, begun, leaving })))
}

/// Takes the money, and lets the shipment leave in the transaction that writes that down.
pub(super) async fn make(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    ask: Ask,
) -> Result<(Work, Order, Turn), Failure> {
    let Ask { call, begun, leaving } = ask;
    let answer = calls::make(&parts.providers, &call, begun, None).await;
    let (mut work, mut order) = locked(store, job, id).await?;
    calls::record(&mut work, &call, &answer).await?;
    let turn = match answer {
        Answer::Done(reference) => {
            // Disputes name what was taken.
            directory::enter(&mut work, &call.gateway, &reference, id, call.payment).await?;
            let turn = dispatch(&mut work, &job.cause, &mut order, &leaving, Some(&call)).await?;
            match turn {
                Turn::Again if !parts.providers.takes_parts(&call.gateway) => Turn::AnotherTime,
                other => other,
            }
        }
        Answer::Unknown(why) => {
            Turn::Ends(Ending::later(LOOK_AGAIN, format!("{} has not answered: {why}", call.gateway)))
        }
        Answer::Refused(refusal) if order.standing.status.is_before_dispatch() => Turn::Ends(Ending::held(
            HoldReason::Payment,
            format!("{} refused to capture: {}", call.gateway, refusal.code),
        )),
        Answer::Refused(refusal) => {
            // It cannot be held any more; somebody has to talk to the customer or the gateway, and it is tried again meanwhile.
            let summary = format!("{} does not pay the next shipment: {}", call.gateway, refusal.code);
            tasks::open(&mut work, &job.cause, &order, Kind::PaymentException, &leaving.id.to_string(), &summary)
                .await?;
            Turn::Ends(Ending::later(TRY_AGAIN, format!("{} refused to capture: {}", call.gateway, refusal.code)))
        }
    };
    Ok((work, order, turn))
}

async fn next(work: &mut Work, order: OrderId) -> Result<Option<Leaving>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT id, amount_minor FROM shipments WHERE tenant = $1 AND order_id = $2 AND state IN ('planned', 'labelled') ORDER BY number LIMIT 2",
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await?;
    let is_last = rows.len() == 1;
    Ok(rows.into_iter().next().map(|row| Leaving { id: row.id, amount_minor: row.amount_minor, is_last }))
}

/// Nothing is to be taken for a shipment: it leaves, and what else there is leaves for itself.
async fn leave_unpaid(work: &mut Work, cause: &Cause, order: &mut Order, leaving: &Leaving) -> Result<Turn, Failure> {
    Ok(match dispatch(work, cause, order, leaving, None).await? {
        Turn::Again => Turn::AnotherTime,
        other => other,
    })
}

/// The money is taken (or none is due): the shipment leaves, in the transaction that says so.
async fn dispatch(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    leaving: &Leaving,
    call: Option<&Call>,
) -> Result<Turn, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = order.sequence() + 1;
    if let Some(call) = call {
        let total = sqlx::query_scalar!(
            "UPDATE payments SET captured_minor = captured_minor + $3 WHERE tenant = $1 AND id = $2 RETURNING captured_minor",
            tenant.as_str(),
            call.payment.0,
            call.amount.minor,
        )
        .fetch_one(work.conn())
        .await?;
        order.captured_minor += call.amount.minor;
        if order.standing.status == Status::PartiallyShipped {
            tasks::paid(work, order.id).await?;
        }
        let captured = PaymentCaptured {
            order_id: order.id,
            payment_id: call.payment,
            amount: call.amount,
            captured_total_minor: total,
        };
        work.emit(cause, version, &captured);
    }
    let shipment = sqlx::query!(
        "UPDATE shipments SET state = 'dispatched', dispatched_at = $3, carrier = COALESCE(carrier, 'own') WHERE tenant = $1 AND id = $2
         RETURNING warehouse_id, carrier, tracking_number, service",
        tenant.as_str(),
        leaving.id,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    let lines = sqlx::query!(
        r#"SELECT l.sku, sum(s.quantity)::bigint AS "quantity!" FROM shipment_lines s
           JOIN order_lines l ON l.tenant = s.tenant AND l.order_id = $3 AND l.line = s.line
           WHERE s.tenant = $1 AND s.shipment_id = $2 GROUP BY l.sku ORDER BY l.sku"#,
        tenant.as_str(),
        leaving.id,
        order.id.0,
    )
    .fetch_all(work.conn())
    .await?;
    for line in &lines {
        let movement = Movement {
            sku: &line.sku,
            warehouse: &shipment.warehouse_id,
            kind: "shipped",
            on_hand: -line.quantity,
            reserved: -line.quantity,
            order: Some(order.id),
            movement: None,
            reference: None,
            who: "process",
        };
        stock::post(work, &movement).await?;
    }
    let dispatched = ShipmentDispatched {
        order_id: order.id,
        shipment_id: ShipmentId(leaving.id),
        warehouse_id: shipment.warehouse_id,
        carrier: shipment.carrier.unwrap_or_default(),
        tracking_number: shipment.tracking_number.unwrap_or_default(),
        service: shipment.service,
    };
    work.emit(cause, version, &dispatched);
    if leaving.is_last {
        sqlx::query!(
            "UPDATE reservations SET state = 'committed' WHERE tenant = $1 AND order_id = $2 AND state IN ('held', 'kept')",
            tenant.as_str(),
            order.id.0,
        )
        .execute(work.conn())
        .await?;
        return Ok(Turn::Ends(Ending::done("everything left")));
    }
    order.standing = order.standing.beneath(Change::ShipPart)?;
    order.move_on();
    // A person may have held what is left.
    Ok(if is_at(order, Step::CapturePayment) { Turn::Again } else { Turn::Leaves })
}
