//! A person tells how a sending went that they did themselves, or whose end nobody saw.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimReady, RecordCase};

use crate::claim_row::{self, Claim};
use crate::claiming::state::{State, Step};
use crate::drop_claim::{Why, drop_it};
use crate::queue_claim::key_of;
use crate::sending_ends::arrived;

/// Handles [`RecordCase`].
pub struct Record;

impl Handles<RecordCase> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordCase>) -> Result<Outcome, Failure> {
        let (command, cause) = (&message.data, Cause::from(&message.envelope));
        let mut claim = claim_row::lock(work, command.claim_id).await?;
        let told = Outcome::ids(&serde_json::json!({ "claim_id": claim.id, "case_id": command.case_id }));
        // Told twice.
        if claim.state() == State::Submitted && claim.case_id == command.case_id {
            return Ok(told);
        }
        if claim.state() == State::Expired {
            let late = "its window closed before somebody told of its case";
            return Err(Failure::reject("claim_window_expired", late));
        }
        let (tenant, key) = (work.tenant().clone(), key_of(claim.id, claim.attempt));
        let sending = sqlx::query!(
            "SELECT state, is_appeal FROM claim_submissions WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            key,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(sending) = sending.filter(|row| ["handed_over", "unknown"].contains(&row.state.as_str())) else {
            return Err(Failure::reject("claim_state_conflict", "nobody has to say how this claim was sent"));
        };
        match &command.case_id {
            Some(case) => {
                close(work, &claim, "accepted", Some(case)).await?;
                arrived(work, &cause, &mut claim, case, sending.is_appeal).await?;
            }
            None => {
                claim.step(if sending.is_appeal { Step::AppealNeverArrived } else { Step::NeverArrived })?;
                close(work, &claim, "not_sent", None).await?;
                if sending.is_appeal {
                    claim.appeals -= 1;
                } else if claim.bounds().is_over(work.now()) {
                    drop_it(work, &cause, &mut claim, Why::Expired).await?;
                    return Ok(told);
                }
                let waits_because = Some("it never arrived, somebody said; a person has to send it".to_owned());
                claim.tell(work, &cause, &ClaimReady { claim_id: claim.claim_id(), waits_because }).await?;
            }
        }
        Ok(told)
    }
}

async fn close(work: &mut Work, claim: &Claim, state: &str, case: Option<&str>) -> Result<(), sqlx::Error> {
    let (tenant, now, key) = (work.tenant().clone(), work.now(), key_of(claim.id, claim.attempt));
    sqlx::query!(
        "UPDATE claim_submissions SET state = $3, case_id = $4, ended_at = $5 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        key,
        state,
        case,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
