//! What a claim does next after something about it changed: it becomes ready, goes by itself, asks for a second person, or waits.

use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::Subject;
use shared_events::claims::{ClaimAmended, ClaimApprovalWanted, ClaimReady};

use crate::claim_row::Claim;
use crate::claim_settings;
use crate::claiming::decision::{Decision, Facts, decide};
use crate::claiming::state::{State, Step};
use crate::queue_claim::queue;

/// Looks at a claim whose check-list or match changed, and stores it.
///
/// # Errors
/// When the database is away.
pub async fn weigh(work: &mut Work, cause: &Cause, claim: &mut Claim, why: &str) -> Result<(), Failure> {
    let complete = claim.checklist.is_complete();
    match claim.state() {
        State::EvidencePending | State::PromptOpen if complete => {
            claim.step(Step::Complete)?;
            go(work, cause, claim).await
        }
        State::Ready if complete => go(work, cause, claim).await,
        State::Ready | State::Approval if !complete => {
            claim.step(Step::MissAgain)?;
            amended(work, cause, claim, why).await
        }
        State::Denied | State::InfoRequested if complete && claim.denial.is_some() => {
            claim.step(Step::Mend)?;
            let waits_because = Some("it can be sent again with what was missing".to_owned());
            claim.tell(work, cause, &ClaimReady { claim_id: claim.claim_id(), waits_because }).await
        }
        _ => amended(work, cause, claim, why).await,
    }
}

async fn amended(work: &mut Work, cause: &Cause, claim: &mut Claim, why: &str) -> Result<(), Failure> {
    let (claim_id, units, amount) = (claim.claim_id(), claim.units, claim.amount());
    claim.tell(work, cause, &ClaimAmended { claim_id, units, amount, reason: why.to_owned() }).await
}

/// Lets a claim go that is ready, if it may go by itself now; what needs a person stays as it is.
///
/// # Errors
/// When the database is away.
pub async fn go_by_itself(work: &mut Work, cause: &Cause, claim: &mut Claim) -> Result<(), Failure> {
    let is_ready = claim.state() == State::Ready && claim.checklist.is_complete();
    if is_ready && !matches!(decision(work, claim).await?, Decision::Person(_)) {
        go(work, cause, claim).await?;
    }
    Ok(())
}

async fn decision(work: &mut Work, claim: &Claim) -> Result<Decision, Failure> {
    let settings = claim_settings::settings(work).await?;
    Ok(decide(&Facts {
        complete: true,
        matched: claim.matched(),
        amount: claim.amount(),
        limit: settings.limit,
        open: claim.bounds().is_open(work.now()),
        stopped: claim_settings::is_stopped(work).await?,
        allowed: settings.automatic,
    }))
}

async fn go(work: &mut Work, cause: &Cause, claim: &mut Claim) -> Result<(), Failure> {
    let claim_id = claim.claim_id();
    match decision(work, claim).await? {
        Decision::Automatic => {
            claim.tell(work, cause, &ClaimReady { claim_id, waits_because: None }).await?;
            queue(work, cause, claim, true, false).await
        }
        Decision::Approval => ask_approval(work, cause, claim, None).await,
        Decision::Person(reason) => {
            claim.tell(work, cause, &ClaimReady { claim_id, waits_because: Some(reason.to_owned()) }).await
        }
    }
}

/// Asks a second person. `wanted_by`: who wants to send it; none: the service.
///
/// # Errors
/// `claim_state_conflict`.
pub async fn ask_approval(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    wanted_by: Option<Subject>,
) -> Result<(), Failure> {
    claim.step(Step::AskApproval)?;
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO claim_approvals (tenant, claim_id, wanted_by, wanted_at) VALUES ($1, $2, $3, $4)",
        tenant.as_str(),
        claim.id,
        wanted_by.as_ref().map(|by| by.as_str()),
        now,
    )
    .execute(work.conn())
    .await?;
    let wanted = ClaimApprovalWanted { claim_id: claim.claim_id(), amount: claim.amount(), wanted_by };
    claim.tell(work, cause, &wanted).await
}
