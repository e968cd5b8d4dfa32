//! A payout is refused before it stands in a file; the money is payable again.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{PayoutRejected, RejectPayout};

use crate::domain::payout::Step;
use crate::payout_row::{Note, Payout};

/// Handles [`RejectPayout`].
pub struct Reject;

impl Handles<RejectPayout> for Reject {
    async fn handle(&self, work: &mut Work, message: &Delivered<RejectPayout>) -> Result<Outcome, Failure> {
        let (data, payout) = (&message.data, Payout::lock(work, message.data.payout_id).await?);
        if payout.batch.is_some() && payout.state.after(Step::Reject).is_ok() {
            return Err(Failure::reject("payout_state_conflict", "the payout is being written into a file"));
        }
        let version = payout.step(work, Step::Reject, Note { reason: Some(&data.reason), ..Note::default() }).await?;
        payout.give_back(work, message.envelope.id.0).await?;
        let rejected = PayoutRejected { payout_id: payout.id, partner: payout.partner, reason: data.reason.clone() };
        work.emit(&Cause::from(&message.envelope), version, &rejected);
        Ok(Outcome::ids(&serde_json::json!({ "payout_id": payout.id })))
    }
}
