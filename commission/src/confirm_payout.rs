//! An operator confirms that a payout arrived.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{ConfirmPayout, PayoutCompleted};

use crate::domain::payout::Step;
use crate::payout_row::{Note, Payout};

/// Handles [`ConfirmPayout`].
pub struct Confirm;

impl Handles<ConfirmPayout> for Confirm {
    async fn handle(&self, work: &mut Work, message: &Delivered<ConfirmPayout>) -> Result<Outcome, Failure> {
        let (reference, payout) = (&message.data.reference, Payout::lock(work, message.data.payout_id).await?);
        let version = payout.step(work, Step::Confirm, Note { reference: Some(reference), ..Note::default() }).await?;
        payout.settle(work, message.envelope.id.0).await?;
        let completed = PayoutCompleted {
            payout_id: payout.id,
            partner: payout.partner,
            amount: payout.amount,
            reference: reference.clone(),
        };
        work.emit(&Cause::from(&message.envelope), version, &completed);
        Ok(Outcome::ids(&serde_json::json!({ "payout_id": payout.id })))
    }
}
