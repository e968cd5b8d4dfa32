//! A person attaches a document for one item of a claim's check-list.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::AttachToClaim;

use crate::claim_row;
use crate::claiming::checklist::Item;
use crate::weigh_claim::weigh;

/// Handles [`AttachToClaim`].
pub struct Attach;

impl Handles<AttachToClaim> for Attach {
    async fn handle(&self, work: &mut Work, message: &Delivered<AttachToClaim>) -> Result<Outcome, Failure> {
        let command = &message.data;
        let mut claim = claim_row::lock(work, command.claim_id).await?;
        let item: Option<Item> = serde_json::from_value(serde_json::json!(command.item)).ok();
        let document = command.document_id.to_string();
        if !item.is_some_and(|item| claim.checklist.attached(item, &document)) {
            return Err(Failure::reject("not_on_the_checklist", "nobody has to attach that to this claim"));
        }
        let why = format!("{} was attached", command.item);
        weigh(work, &Cause::from(&message.envelope), &mut claim, &why).await?;
        let missing: Vec<String> = claim.checklist.missing().map(|item| item.name()).collect();
        Ok(Outcome::ids(&serde_json::json!({ "claim_id": claim.id, "status": claim.state_name, "missing": missing })))
    }
}
