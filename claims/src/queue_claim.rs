//! A claim gets in line: a sending is written down, and a durable job will do it.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::claims::ClaimQueued;
use shared_events::ids;
use uuid::Uuid;

use crate::channel;
use crate::claim_row::Claim;
use crate::claiming::state::Step;

/// Job: sends one claim once.
pub const SEND_CLAIM: &str = "claims.send_claim";

/// The idempotency key of a sending.
pub fn key_of(claim: Uuid, attempt: i32) -> Uuid {
    ids::derive(&["claim submission", &claim.to_string(), &attempt.to_string()])
}

/// Puts a claim in line. `automatic`: the service decided so by itself; `is_appeal`: the marketplace has it already.
///
/// # Errors
/// `claim_state_conflict`.
pub async fn queue(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    automatic: bool,
    is_appeal: bool,
) -> Result<(), Failure> {
    claim.step(Step::Queue)?;
    claim.attempt += 1;
    claim.automatic = automatic;
    claim.channel = channel::wanted(&claim.claim_type, is_appeal).to_owned();
    let (tenant, now, key) = (work.tenant().clone(), work.now(), key_of(claim.id, claim.attempt));
    sqlx::query!(
        "INSERT INTO claim_submissions (tenant, id, claim_id, attempt, channel, automatic, is_appeal, state, queued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8)",
        tenant.as_str(),
        key,
        claim.id,
        claim.attempt,
        claim.channel,
        automatic,
        is_appeal,
        now,
    )
    .execute(work.conn())
    .await?;
    let queued = ClaimQueued {
        claim_id: claim.claim_id(),
        channel: claim.channel.clone(),
        automatic,
        probability: claim.probability,
        model: claim.model.clone(),
    };
    claim.tell(work, cause, &queued).await?;
    let payload = serde_json::json!({ "claim_id": claim.id, "attempt": claim.attempt });
    work.enqueue(NewJob { kind: SEND_CLAIM, key: key.to_string(), due_at: now, payload, cause: cause.clone() }).await?;
    Ok(())
}
