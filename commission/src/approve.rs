//! A manager frees a commission that waits, for review or for its hold.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::Money;
use shared_events::commission::{ApproveCommission, CommissionApproved};

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::stored::{self, partner_id};

/// Handles [`ApproveCommission`].
pub struct Approve;

impl Handles<ApproveCommission> for Approve {
    async fn handle(&self, work: &mut Work, message: &Delivered<ApproveCommission>) -> Result<Outcome, Failure> {
        let id = message.data.commission_id;
        let row = stored::lock_by_id(work, id)
            .await?
            .ok_or_else(|| Failure::reject("commission_not_found", "there is no such commission"))?;
        if row.state != "pending" {
            let detail = format!("the commission is {}; only a pending one can be approved", row.state);
            return Err(Failure::reject("commission_state_conflict", detail));
        }
        let who = message.envelope.actor.as_deref().unwrap_or("a manager");
        let reason = format!("approved by {who}: {}", message.data.reason);
        let version = stored::approve(work, row.id, &reason).await?;
        let entry = Entry {
            owner: row.owner(),
            movement: Movement::Approved,
            minor: row.left(),
            commission: Some(row.id),
            payout: None,
            cause: Some(message.envelope.id.0),
        };
        accounts::post(work, &[entry]).await?;
        let earnings = Money::new(row.left(), stored_currency(&row.currency));
        let approved = CommissionApproved { commission_id: id, partner: partner_id(&row.partner), earnings, reason };
        work.emit(&Cause::from(&message.envelope), version, &approved);
        Ok(Outcome::ids(&serde_json::json!({ "commission_id": id })))
    }
}
