//! Money or units arrived for what was proved, or were taken back: it is written down, learned from, and a packet is sealed.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::{PayoutRecorded, RecordPayout};
use shared_events::{PacketId, TenantId, ids};
use uuid::Uuid;

use crate::seal_packet::{Order, SEAL_PACKET};
use crate::{learn_from_outcome, request_row};

/// Handles [`RecordPayout`].
pub struct Record;

impl Handles<RecordPayout> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordPayout>) -> Result<Outcome, Failure> {
        record(work, message.envelope.id.0, &message.data, Cause::from(&message.envelope)).await
    }
}

/// Writes a payout down under this id and has a packet sealed; told twice, it counts once.
///
/// # Errors
/// `request_not_found`, `nothing_paid`, `payout_exists` for another payout of this reference.
pub async fn record(work: &mut Work, id: Uuid, payout: &RecordPayout, cause: Cause) -> Result<Outcome, Failure> {
    let request = request_row::lock(work, payout.request_id)
        .await?
        .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
    let units = payout.units.unwrap_or_default();
    if payout.amount.minor == 0 && units == 0 {
        return Err(Failure::reject("nothing_paid", "a payout is not zero"));
    }
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO request_payouts (tenant, id, request_id, amount_minor, currency, reference, paid_at, recorded_at, units)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        id,
        payout.request_id.0,
        payout.amount.minor,
        payout.amount.currency.code(),
        payout.reference,
        payout.paid_at,
        now,
        i64::from(units),
    )
    .execute(work.conn())
    .await?;
    let told = Outcome::ids(&serde_json::json!({ "request_id": payout.request_id }));
    if inserted.rows_affected() == 0 {
        return if is_known(work, payout).await? { Ok(told) } else { Err(known_otherwise()) };
    }
    let version = request_row::advance(work, payout.request_id, &request.state).await?;
    let (amount, units, reference) = (payout.amount, payout.units, payout.reference.clone());
    work.emit(&cause, version, &PayoutRecorded { request_id: payout.request_id, amount, units, reference });
    if amount.minor >= 0 {
        learn_from_outcome::learn(work, &cause, &request, true, &id.to_string()).await?;
    }
    let packet_id = packet_of(&tenant, id);
    let order = Order { packet_id, request_id: payout.request_id, draft: false };
    work.enqueue(NewJob {
        kind: SEAL_PACKET,
        key: packet_id.to_string(),
        due_at: now,
        payload: order.to_json(),
        cause,
    })
    .await?;
    Ok(told)
}

/// Whether just this payout was recorded before.
async fn is_known(work: &mut Work, payout: &RecordPayout) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM request_payouts WHERE tenant = $1 AND request_id = $2 AND reference = $3 AND amount_minor = $4
                                                       AND currency = $5 AND units = $6) AS "known!""#,
        tenant.as_str(),
        payout.request_id.0,
        payout.reference,
        payout.amount.minor,
        payout.amount.currency.code(),
        i64::from(payout.units.unwrap_or_default()),
    );
    known.fetch_one(work.conn()).await
}

fn known_otherwise() -> Failure {
    Failure::reject("payout_exists", "another payout with this reference is recorded already")
}

/// The packet that is sealed because of a payout. It follows from that, so that however often it is tried there is one.
pub fn packet_of(tenant: &TenantId, payout: Uuid) -> PacketId {
    PacketId(ids::derive(&["packet", tenant.as_str(), &payout.to_string()]))
}
