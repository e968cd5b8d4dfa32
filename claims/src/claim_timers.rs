//! The timers of a claim: the end of its window, and money that was granted and does not come.

use anyhow::Context;
use chrono::TimeDelta;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::ClaimId;
use shared_events::claims::PayoutOverdue;
use uuid::Uuid;

use crate::claim_row::{self, Claim};
use crate::claiming::settle::overdue_on;
use crate::claiming::state::State;
use crate::drop_claim::{Why, drop_it, take_back};

/// Sets the timer of a new claim's window.
///
/// # Errors
/// When the database is away.
pub async fn expire_at_the_end(work: &mut Work, cause: &Cause, claim: &Claim) -> Result<(), sqlx::Error> {
    let Some(closes_at) = claim.closes_at else { return Ok(()) };
    // The last second counts to its end.
    let due_at = closes_at + TimeDelta::seconds(1);
    let payload = serde_json::json!({ "claim_id": claim.id });
    work.enqueue(NewJob { kind: Expire::KIND, key: claim.id.to_string(), due_at, payload, cause: cause.clone() }).await
}

/// The news of money travel apart from those of its approval: an approval that is old when it is heard of is no alarm before both were read.
const NEWS_OF_MONEY: TimeDelta = TimeDelta::days(1);

/// Sets the timer of a claim that was granted.
///
/// # Errors
/// When the database is away.
pub async fn watch_for_money(work: &mut Work, cause: &Cause, claim: &Claim) -> Result<(), sqlx::Error> {
    let Some(approved_at) = claim.approved_at else { return Ok(()) };
    let place = claim.place();
    let due_at = place.start_of(overdue_on(place.date_of(&approved_at))).max(work.now() + NEWS_OF_MONEY);
    let payload = serde_json::json!({ "claim_id": claim.id });
    work.enqueue(NewJob { kind: Overdue::KIND, key: claim.id.to_string(), due_at, payload, cause: cause.clone() }).await
}

async fn claim_of(work: &mut Work, job: &Job) -> Result<Option<Claim>, Failure> {
    let id: Uuid = serde_json::from_value(job.payload["claim_id"].clone()).context("which claim")?;
    Ok(claim_row::find(work, ClaimId(id)).await?)
}

/// Runs the end of a window.
pub struct Expire;

impl RunsJob for Expire {
    const KIND: &'static str = "claims.expire_claim";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        let claim = claim_of(&mut work, job).await?;
        job.finish(&mut work).await?;
        let may_end = |claim: &Claim| claim.state().is_unsent() || claim.state() == State::Submitting;
        if let Some(mut claim) = claim.filter(may_end) {
            if !claim.bounds().is_over(work.now()) {
                // The window became longer meanwhile.
                expire_at_the_end(&mut work, &job.cause, &claim).await?;
            } else if claim.state().is_unsent() || take_back(&mut work, &mut claim).await? {
                drop_it(&mut work, &job.cause, &mut claim, Why::Expired).await?;
            }
        }
        Ok(work.commit().await?)
    }
}

/// Runs the alarm for money that does not come.
pub struct Overdue;

impl RunsJob for Overdue {
    const KIND: &'static str = "claims.payout_overdue";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        let waits = |claim: &Claim| matches!(claim.state(), State::Approved | State::PartiallyApproved);
        if let Some(mut claim) = claim_of(&mut work, job).await?.filter(waits)
            && let Some(approved_at) = claim.approved_at
        {
            let overdue = PayoutOverdue { claim_id: claim.claim_id(), approved_at };
            claim.tell(&mut work, &job.cause, &overdue).await?;
            tracing::warn!(claim.id = %claim.id, "granted and not paid within five business days");
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
