//! An operator reports that a payout did not arrive; the money is payable again.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{FailPayout, PayoutFailed};

use crate::domain::payout::Step;
use crate::payout_row::{Note, Payout};

/// Handles [`FailPayout`].
pub struct Fail;

impl Handles<FailPayout> for Fail {
    async fn handle(&self, work: &mut Work, message: &Delivered<FailPayout>) -> Result<Outcome, Failure> {
        let (reason, payout) = (&message.data.reason, Payout::lock(work, message.data.payout_id).await?);
        let version = payout.step(work, Step::Fail, Note { reason: Some(reason), ..Note::default() }).await?;
        payout.give_back(work, message.envelope.id.0).await?;
        let failed = PayoutFailed {
            payout_id: payout.id,
            partner: payout.partner,
            amount: payout.amount,
            reason: reason.clone(),
        };
        work.emit(&Cause::from(&message.envelope), version, &failed);
        Ok(Outcome::ids(&serde_json::json!({ "payout_id": payout.id })))
    }
}
