//! How a sending ended, and what that means for the claim.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimFailed, ClaimSubmissionAttempted, ClaimSubmitUnknown, ClaimSubmitted, ReplyKind};
use shared_events::{ClaimId, PacketId, ids};
use uuid::Uuid;

use crate::channel::{ASSISTED, Sent};
use crate::claim_row::{self, Claim};
use crate::claiming::pace;
use crate::claiming::state::{State, Step};
use crate::queue_claim::SEND_CLAIM;
use crate::{detection_row, record_reply};

/// One sending of a claim.
#[derive(Debug, Clone)]
pub struct Sending {
    /// The claim.
    pub claim: ClaimId,
    /// Which sending of it.
    pub attempt: i32,
    /// The idempotency key.
    pub key: Uuid,
    /// By which channel.
    pub channel: String,
    /// Whether the marketplace has the claim already.
    pub is_appeal: bool,
    /// Which try of this sending.
    pub tries: i32,
}

/// How a sending ends here that a person has to finish.
pub const HANDED_OVER: &str = "handed_over";

impl Sending {
    /// The packet that goes along when a person sends it. It follows from the sending, so that it is asked for once.
    pub fn packet(&self) -> PacketId {
        PacketId(ids::derive(&["handed over", &self.key.to_string()]))
    }

    /// Tells that it was tried. One that is handed over asks for its packet with that.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn attempted(
        &self,
        work: &mut Work,
        cause: &Cause,
        claim: &mut Claim,
        outcome: &str,
    ) -> Result<(), Failure> {
        let attempted = ClaimSubmissionAttempted {
            claim_id: self.claim,
            attempt: self.attempt,
            tried: self.tries,
            channel: self.channel.clone(),
            outcome: outcome.to_owned(),
            packet_id: (outcome == HANDED_OVER).then(|| self.packet()),
        };
        claim.tell(work, cause, &attempted).await
    }

    async fn close(
        &self,
        work: &mut Work,
        state: &str,
        case: Option<&str>,
        problem: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        let (tenant, now) = (work.tenant().clone(), work.now());
        sqlx::query!(
            "UPDATE claim_submissions SET state = $3, case_id = $4, problem = $5, ended_at = CASE WHEN $3 = 'queued' THEN NULL ELSE $6::timestamptz END
             WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            self.key,
            state,
            case,
            problem,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}

/// Writes down how a sending ended. A sending that was settled meanwhile, by money or by a person, stays as it is.
///
/// # Errors
/// When the database is away.
pub async fn ended(work: &mut Work, cause: &Cause, sending: &Sending, sent: Sent) -> Result<(), Failure> {
    let mut claim = claim_row::lock(work, sending.claim).await?;
    if claim.state() != State::Submitting || claim.attempt != sending.attempt {
        tracing::info!(claim.id = %claim.id, state = claim.state_name, "the end of a sending came too late");
        return Ok(());
    }
    match sent {
        Sent::Accepted(case) => {
            sending.close(work, "accepted", Some(&case), None).await?;
            sending.attempted(work, cause, &mut claim, "accepted").await?;
            arrived(work, cause, &mut claim, &case, sending.is_appeal).await
        }
        Sent::Refused(words) => {
            sending.close(work, "refused", None, Some(&words)).await?;
            sending.attempted(work, cause, &mut claim, "refused").await?;
            record_reply::answered(work, cause, &mut claim, ReplyKind::Denied, &words, None).await
        }
        Sent::Unknown(reason) => {
            sending.close(work, "unknown", None, Some(&reason)).await?;
            sending.attempted(work, cause, &mut claim, "unknown").await?;
            claim.step(Step::Lose)?;
            let asked = claim.asked();
            claim.tell(work, cause, &ClaimSubmitUnknown { claim_id: sending.claim, reason, asked }).await
        }
        Sent::NotSent(problem) => not_sent(work, cause, &mut claim, sending, problem).await,
        Sent::ByHand(problem) => hand_over(work, cause, &mut claim, sending, &problem).await,
    }
}

/// Its channel cannot carry it: a person sends it, and tells how that went.
async fn hand_over(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    sending: &Sending,
    problem: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE claim_submissions SET state = 'handed_over', channel = $3, problem = $4, packet_id = $5 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        sending.key,
        ASSISTED,
        problem,
        sending.packet().0,
    )
    .execute(work.conn())
    .await?;
    claim.channel = ASSISTED.to_owned();
    let by_hand = Sending { channel: ASSISTED.to_owned(), ..sending.clone() };
    by_hand.attempted(work, cause, claim, HANDED_OVER).await
}

/// It did not leave: it is tried again after a pause, within its window, or given up.
async fn not_sent(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    sending: &Sending,
    problem: String,
) -> Result<(), Failure> {
    let chance = sending.key.as_u128() as u64;
    let due_at = pace::pause(sending.tries, chance).map(|pause| work.now() + pause);
    let Some(due_at) = due_at.filter(|due| sending.is_appeal || !claim.bounds().is_over(*due)) else {
        sending.close(work, "not_sent", None, Some(&problem)).await?;
        sending.attempted(work, cause, claim, "not_sent").await?;
        claim.step(Step::GiveUp)?;
        return claim.tell(work, cause, &ClaimFailed { claim_id: sending.claim, reason: problem }).await;
    };
    sending.close(work, "queued", None, Some(&problem)).await?;
    claim.step(Step::TryAgain)?;
    sending.attempted(work, cause, claim, "not_sent").await?;
    let payload = serde_json::json!({ "claim_id": claim.id, "attempt": sending.attempt });
    let key = sending.key.to_string();
    work.enqueue(NewJob { kind: SEND_CLAIM, key, due_at, payload, cause: cause.clone() }).await?;
    Ok(())
}

/// The marketplace has the claim.
///
/// # Errors
/// `claim_state_conflict`.
pub async fn arrived(
    work: &mut Work,
    cause: &Cause,
    claim: &mut Claim,
    case: &str,
    is_appeal: bool,
) -> Result<(), Failure> {
    claim.step(if is_appeal { Step::ArriveAgain } else { Step::Arrive })?;
    claim.case_id = Some(case.to_owned());
    claim.submitted_at = claim.submitted_at.or(Some(work.now()));
    claim.denial = None;
    detection_row::claim(work, cause, claim.detection(), claim.claim_id(), Some(case)).await?;
    let submitted = ClaimSubmitted {
        claim_id: claim.claim_id(),
        case_id: case.to_owned(),
        channel: claim.channel.clone(),
        // Whoever pasted the text was a person.
        automatic: claim.automatic && claim.channel != ASSISTED,
    };
    claim.tell(work, cause, &submitted).await
}
