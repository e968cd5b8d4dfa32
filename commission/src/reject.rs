//! A manager refuses a commission of which no payout holds anything.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::Money;
use shared_events::commission::{CommissionRejected, RejectCommission};

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::stored::{self, partner_id};

/// Handles [`RejectCommission`].
pub struct Reject;

impl Handles<RejectCommission> for Reject {
    async fn handle(&self, work: &mut Work, message: &Delivered<RejectCommission>) -> Result<Outcome, Failure> {
        let id = message.data.commission_id;
        let row = stored::lock_by_id(work, id)
            .await?
            .ok_or_else(|| Failure::reject("commission_not_found", "there is no such commission"))?;
        let movement = match row.state.as_str() {
            "pending" => Movement::RejectedPending,
            "approved" if row.reverses.is_none() && row.amounts.allocated == 0 => Movement::RejectedPayable,
            state => {
                let detail = format!("the commission is {state}; only one that no payout holds can be rejected");
                return Err(Failure::reject("commission_state_conflict", detail));
            }
        };
        let who = message.envelope.actor.as_deref().unwrap_or("a manager");
        let reason = format!("rejected by {who}: {}", message.data.reason);
        let version = stored::close(work, row.id, "rejected", &reason).await?;
        let cause = Some(message.envelope.id.0);
        let entry =
            Entry { owner: row.owner(), movement, minor: row.left(), commission: Some(row.id), payout: None, cause };
        accounts::post(work, &[entry]).await?;
        let earnings = Money::new(row.left(), stored_currency(&row.currency));
        let rejected = CommissionRejected { commission_id: id, partner: partner_id(&row.partner), earnings, reason };
        work.emit(&Cause::from(&message.envelope), version, &rejected);
        Ok(Outcome::ids(&serde_json::json!({ "commission_id": id })))
    }
}
