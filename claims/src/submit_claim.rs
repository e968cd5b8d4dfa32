//! A person sends a claim, or sends it again; and a second person allows what is over the limit.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimDecided, DecideClaim, SubmitClaim};

use crate::claim_row::{self, Claim};
use crate::claim_settings;
use crate::claiming::decision::needs_approval;
use crate::claiming::refusal::{MOST_FEE_APPEALS, MOST_RESUBMISSIONS};
use crate::claiming::state::{State, Step};
use crate::queue_claim::queue;
use crate::weigh_claim::ask_approval;

/// Handles [`SubmitClaim`].
pub struct Submit;

impl Handles<SubmitClaim> for Submit {
    async fn handle(&self, work: &mut Work, message: &Delivered<SubmitClaim>) -> Result<Outcome, Failure> {
        let (command, cause) = (&message.data, Cause::from(&message.envelope));
        let mut claim = claim_row::lock(work, command.claim_id).await?;
        let missing: Vec<String> = claim.checklist.missing().map(|item| item.name()).collect();
        if !missing.is_empty() {
            return Err(Failure::reject("claim_not_ready", format!("still missing: {}", missing.join(", "))));
        }
        let again = matches!(claim.state(), State::Denied | State::InfoRequested | State::PartiallyApproved);
        if again {
            claim.step(Step::Mend)?;
        }
        let is_appeal = claim.state() == State::AppealReady;
        if is_appeal {
            let most = if claim.is_of_fee() { MOST_FEE_APPEALS } else { MOST_RESUBMISSIONS };
            if claim.appeals >= most {
                return Err(Failure::reject("appeals_used_up", "it was sent again as often as the marketplace allows"));
            }
            claim.appeals += 1;
        } else {
            check_window(work, &claim)?;
        }
        claim.note.clone_from(&command.note);
        let limit = claim_settings::settings(work).await?.limit;
        if !is_appeal && needs_approval(claim.amount(), limit) && !is_allowed(work, &claim).await? {
            ask_approval(work, &cause, &mut claim, Some(command.wanted_by.clone())).await?;
        } else {
            queue(work, &cause, &mut claim, false, is_appeal).await?;
        }
        Ok(Outcome::ids(&serde_json::json!({ "claim_id": claim.id, "status": claim.state_name })))
    }
}

fn check_window(work: &Work, claim: &Claim) -> Result<(), Failure> {
    let (bounds, now) = (claim.bounds(), work.now());
    if bounds.is_over(now) {
        return Err(Failure::reject("claim_window_expired", "the window of this claim is over"));
    }
    if !bounds.is_open(now) {
        return Err(Failure::reject("claim_window_not_open", "the window of this claim is not open yet"));
    }
    Ok(())
}

/// Whether a second person allowed a claim before, for at least what it is about now.
async fn is_allowed(work: &mut Work, claim: &Claim) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM claim_approvals WHERE tenant = $1 AND claim_id = $2 AND allowed AND amount_minor >= $3) AS "allowed!""#,
        tenant.as_str(),
        claim.id,
        claim.amount_minor,
    )
    .fetch_one(work.conn())
    .await
}

/// Handles [`DecideClaim`].
pub struct Decide;

impl Handles<DecideClaim> for Decide {
    async fn handle(&self, work: &mut Work, message: &Delivered<DecideClaim>) -> Result<Outcome, Failure> {
        let (command, cause) = (&message.data, Cause::from(&message.envelope));
        let mut claim = claim_row::lock(work, command.claim_id).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let open = sqlx::query!(
            "SELECT seq, wanted_by FROM claim_approvals WHERE tenant = $1 AND claim_id = $2 AND decided_at IS NULL",
            tenant.as_str(),
            claim.id,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(open) = open.filter(|_| claim.state() == State::Approval) else {
            return Err(Failure::reject("claim_state_conflict", "nobody has to decide about this claim"));
        };
        if open.wanted_by.as_deref() == Some(command.decided_by.as_str()) {
            return Err(Failure::reject("self_approval", "whoever wants to send a claim cannot allow it"));
        }
        sqlx::query!(
            "UPDATE claim_approvals SET allowed = $4, decided_by = $5, reason = $6, decided_at = $7, amount_minor = $8
             WHERE tenant = $1 AND claim_id = $2 AND seq = $3",
            tenant.as_str(),
            claim.id,
            open.seq,
            command.allowed,
            command.decided_by.as_str(),
            command.reason,
            now,
            claim.amount_minor,
        )
        .execute(work.conn())
        .await?;
        let DecideClaim { claim_id, allowed, decided_by, .. } = command.clone();
        if !allowed {
            claim.step(Step::Decline)?;
        }
        claim.tell(work, &cause, &ClaimDecided { claim_id, allowed, decided_by }).await?;
        if allowed {
            queue(work, &cause, &mut claim, false, false).await?;
        }
        Ok(Outcome::ids(&serde_json::json!({ "claim_id": claim.id, "status": claim.state_name })))
    }
}
