//! A person has a packet tried again that could not be sealed, after whatever was in its way is gone.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::ProofRequestId;
use shared_events::evidence::RetryPacket;

use crate::seal_packet::{Order, SEAL_PACKET};

/// Handles [`RetryPacket`].
pub struct Retry;

impl Handles<RetryPacket> for Retry {
    async fn handle(&self, work: &mut Work, message: &Delivered<RetryPacket>) -> Result<Outcome, Failure> {
        let (packet_id, cause) = (message.data.packet_id, Cause::from(&message.envelope));
        let (tenant, now) = (work.tenant().clone(), work.now());
        let retried = sqlx::query!(
            "UPDATE packet_failures SET retried_at = $3, retried_by = $4 WHERE tenant = $1 AND packet_id = $2 AND retried_at IS NULL
             RETURNING request_id, draft",
            tenant.as_str(),
            packet_id.0,
            now,
            message.envelope.actor,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = retried else { return Err(nothing_to_retry(work, packet_id.0).await?) };
        let order = Order { packet_id, request_id: ProofRequestId(row.request_id), draft: row.draft };
        let payload = order.to_json();
        work.enqueue(NewJob { kind: SEAL_PACKET, key: packet_id.to_string(), due_at: now, payload, cause }).await?;
        Ok(Outcome::ids(&serde_json::json!({ "packet_id": packet_id, "request_id": order.request_id })))
    }
}

async fn nothing_to_retry(work: &mut Work, packet: uuid::Uuid) -> Result<Failure, sqlx::Error> {
    let tenant = work.tenant().clone();
    let state = sqlx::query_scalar!(
        r#"SELECT state AS "state!" FROM packets_shown WHERE tenant = $1 AND packet_id = $2"#,
        tenant.as_str(),
        packet,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(match state {
        Some(state) => Failure::reject("packet_not_failed", format!("the packet is {state}")),
        None => Failure::reject("packet_not_found", "there is no such packet"),
    })
}
