//! A packet on demand: a draft as long as no money has arrived, then the sealed one, or what has happened since as an addendum. Asked again
//! while nothing has happened, it is the packet that is there.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::DraftPacket;
use shared_events::{PacketId, ProofRequestId};
use uuid::Uuid;

use crate::packet::contents;
use crate::packet::sha256::Sha256;
use crate::seal_packet::{Order, SEAL_PACKET};
use crate::{packet_asks, packet_facts, packet_row, record_payout, request_row};

/// Handles [`DraftPacket`].
pub struct Draft;

/// Where somebody who asks for a packet is led to.
pub(crate) struct Led {
    /// The packet that is there, or is made now.
    pub(crate) to: PacketId,
    /// Whether it is a draft.
    pub(crate) draft: bool,
}

impl Handles<DraftPacket> for Draft {
    async fn handle(&self, work: &mut Work, message: &Delivered<DraftPacket>) -> Result<Outcome, Failure> {
        let DraftPacket { packet_id, request_id } = message.data;
        let led = draft(work, packet_id, request_id, Cause::from(&message.envelope)).await?;
        let led = led.ok_or_else(no_request)?;
        Ok(Outcome::ids(&serde_json::json!({ "packet_id": led.to, "request_id": request_id, "draft": led.draft })))
    }
}

fn no_request() -> Failure {
    Failure::reject("request_not_found", "there is no such request")
}

/// Has a packet made that tells what is known of a request now, unless there is one. None when there is no such request.
///
/// # Errors
/// When the database is away.
pub(crate) async fn draft(
    work: &mut Work,
    packet_id: PacketId,
    request_id: ProofRequestId,
    cause: Cause,
) -> Result<Option<Led>, Failure> {
    // Locked, so that of two who ask at once the second finds what the first has asked for.
    if request_row::lock(work, request_id).await?.is_none() {
        return Ok(None);
    }
    let (tenant, due_at) = (work.tenant().clone(), work.now());
    let first_payout = sqlx::query_scalar!(
        "SELECT id FROM request_payouts WHERE tenant = $1 AND request_id = $2 ORDER BY seq LIMIT 1",
        tenant.as_str(),
        request_id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    let (there, facts) = match first_payout {
        Some(payout) => (told(work, request_id, payout).await?, None),
        None => {
            let facts = facts(work, request_id).await?;
            (packet_asks::draft_of(work, request_id, facts).await?, Some(facts))
        }
    };
    let draft = first_payout.is_none();
    let to = there.unwrap_or(packet_id);
    packet_asks::keep(work, packet_id, request_id, to, facts).await?;
    if there.is_none() {
        let payload = Order { packet_id, request_id, draft }.to_json();
        work.enqueue(NewJob { kind: SEAL_PACKET, key: packet_id.to_string(), due_at, payload, cause }).await?;
    }
    Ok(Some(Led { to, draft }))
}

/// What a packet of the request would tell now.
async fn facts(work: &mut Work, request: ProofRequestId) -> Result<Sha256, Failure> {
    let contents = packet_facts::gather(work, request).await?;
    let contents = contents.ok_or_else(no_request)?;
    Ok(contents::facts(&contents))
}

/// The sealed packet that tells everything already, or the one that is being sealed for the first payout; none when something new happened.
async fn told(work: &mut Work, request: ProofRequestId, payout: Uuid) -> Result<Option<PacketId>, Failure> {
    let Some(newest) = packet_row::newest(work, request).await? else {
        return Ok(Some(record_payout::packet_of(work.tenant(), payout)));
    };
    let facts = facts(work, request).await?;
    Ok((newest.facts_sha256 == facts.to_string()).then_some(PacketId(newest.packet_id)))
}
