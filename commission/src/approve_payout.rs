//! Somebody other than the requester allows a payout above the limit.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{ApprovePayout, PayoutApproved};

use crate::domain::payout::Step;
use crate::payout_row::{Note, Payout};

/// Handles [`ApprovePayout`].
pub struct Approve;

impl Handles<ApprovePayout> for Approve {
    async fn handle(&self, work: &mut Work, message: &Delivered<ApprovePayout>) -> Result<Outcome, Failure> {
        let approver = message.data.approved_by.as_str();
        let payout = Payout::lock(work, message.data.payout_id).await?;
        // The token's subject counts as well as the name in the command: neither may be the requester.
        if [Some(approver), message.envelope.actor.as_deref()].contains(&Some(payout.requested_by.as_str())) {
            return Err(Failure::reject("self_approval", "whoever asks for a payout may not approve it"));
        }
        let version = payout.step(work, Step::Approve, Note { approved_by: Some(approver), ..Note::default() }).await?;
        let approved =
            PayoutApproved { payout_id: payout.id, partner: payout.partner, approved_by: approver.to_owned() };
        work.emit(&Cause::from(&message.envelope), version, &approved);
        Ok(Outcome::ids(&serde_json::json!({ "payout_id": payout.id })))
    }
}
