//! A request is withdrawn: nothing is matched against it any more.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ProofRequestId;
use shared_events::evidence::{ProofRequestWithdrawn, WithdrawProofRequest};

use crate::{prompts, request_row};

/// Handles [`WithdrawProofRequest`].
pub struct Withdraw;

impl Handles<WithdrawProofRequest> for Withdraw {
    async fn handle(&self, work: &mut Work, message: &Delivered<WithdrawProofRequest>) -> Result<Outcome, Failure> {
        let WithdrawProofRequest { request_id, reason } = message.data.clone();
        let request = request_row::lock(work, request_id)
            .await?
            .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
        if request.state == "withdrawn" {
            return Err(Failure::reject("request_state_conflict", "the request is withdrawn already"));
        }
        withdraw(work, &Cause::from(&message.envelope), request_id, reason).await?;
        Ok(Outcome::ids(&serde_json::json!({ "request_id": request_id })))
    }
}

/// Withdraws a locked request that is not withdrawn yet.
///
/// # Errors
/// When the database is away.
pub async fn withdraw(
    work: &mut Work,
    cause: &Cause,
    request_id: ProofRequestId,
    reason: String,
) -> Result<(), Failure> {
    let version = request_row::advance(work, request_id, "withdrawn").await?;
    work.emit(cause, version, &ProofRequestWithdrawn { request_id, reason });
    prompts::cancel_for_request(work, cause, request_id, "the request was withdrawn").await?;
    Ok(())
}
