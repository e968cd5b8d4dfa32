//! A claim that was never sent goes: withdrawn, or because its window closed. Its units are free again. One that was handed to a person,
//! who told of no case, was not sent either.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimExpired, ClaimWithdrawn, ProofUnwanted, WithdrawClaim};

use crate::claim_row::{self, Claim};
use crate::claiming::state::{State, Step};
use crate::queue_claim::key_of;
use crate::{detection_row, hold_units};

/// Why a claim goes.
#[derive(Debug, Clone, Copy)]
pub enum Why<'a> {
    /// Somebody, or what the reports say now, took it back.
    Withdrawn(&'a str),
    /// Its window closed.
    Expired,
}

/// Lets a claim go.
///
/// # Errors
/// `claim_state_conflict` when it was sent.
pub async fn drop_it(work: &mut Work, cause: &Cause, claim: &mut Claim, why: Why<'_>) -> Result<(), Failure> {
    let was_tried = claim.attempt > 0;
    let claim_id = claim.claim_id();
    take_back(work, claim).await?;
    cancel_sending(work, claim).await?;
    hold_units::release(work, claim).await?;
    let reason = match why {
        Why::Withdrawn(reason) => {
            claim.step(Step::Withdraw)?;
            claim.tell(work, cause, &ClaimWithdrawn { claim_id, reason: reason.to_owned() }).await?;
            reason
        }
        Why::Expired => {
            claim.step(Step::Expire)?;
            claim.tell(work, cause, &ClaimExpired { claim_id }).await?;
            "its window closed"
        }
    };
    claim.tell(work, cause, &ProofUnwanted { claim_id, reason: reason.to_owned() }).await?;
    if was_tried {
        detection_row::release(work, cause, claim.detection()).await?;
    }
    detection_row::link(work, claim.detection(), None).await?;
    Ok(())
}

/// Takes a claim back that was handed to a person and of whose case nobody told; `false` when it is not with a person, or the marketplace
/// has it already.
///
/// # Errors
/// When the database is away.
pub async fn take_back(work: &mut Work, claim: &mut Claim) -> Result<bool, Failure> {
    if claim.state() != State::Submitting {
        return Ok(false);
    }
    let (tenant, now) = (work.tenant().clone(), work.now());
    let dropped = sqlx::query!(
        "UPDATE claim_submissions SET state = 'dropped', ended_at = $3
         WHERE tenant = $1 AND id = $2 AND state = 'handed_over' AND NOT is_appeal",
        tenant.as_str(),
        key_of(claim.id, claim.attempt),
        now,
    )
    .execute(work.conn())
    .await?;
    let is_back = dropped.rows_affected() == 1;
    if is_back {
        claim.step(Step::NeverArrived)?;
    }
    Ok(is_back)
}

/// Takes a claim out of the line; the caller says what becomes of it.
///
/// # Errors
/// When the database is away.
pub async fn leave_the_line(work: &mut Work, claim: &mut Claim) -> Result<(), sqlx::Error> {
    cancel_sending(work, claim).await?;
    claim.state_name = State::Ready.name().to_owned();
    Ok(())
}

/// The job of a sending that was dropped finds nothing to do.
async fn cancel_sending(work: &mut Work, claim: &Claim) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE claim_submissions SET state = 'dropped', ended_at = $3 WHERE tenant = $1 AND claim_id = $2 AND state = 'queued'",
        tenant.as_str(),
        claim.id,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Handles [`WithdrawClaim`].
pub struct Withdraw;

impl Handles<WithdrawClaim> for Withdraw {
    async fn handle(&self, work: &mut Work, message: &Delivered<WithdrawClaim>) -> Result<Outcome, Failure> {
        let mut claim = claim_row::lock(work, message.data.claim_id).await?;
        claim.dropped_by = Some(message.data.withdrawn_by.to_string());
        drop_it(work, &Cause::from(&message.envelope), &mut claim, Why::Withdrawn(&message.data.reason)).await?;
        Ok(Outcome::ids(&serde_json::json!({ "claim_id": claim.id })))
    }
}
