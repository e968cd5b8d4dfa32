//! Back to the model before the present one, in one command.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ModelId;
use shared_events::evidence::{ModelReverted, RevertModel};

use crate::judge_again;
use crate::labels;
use crate::match_judge::RULES_VERSION;
use crate::match_metrics::Metrics;
use crate::models;

/// Handles [`RevertModel`].
pub struct Revert;

impl Handles<RevertModel> for Revert {
    async fn handle(&self, work: &mut Work, message: &Delivered<RevertModel>) -> Result<Outcome, Failure> {
        let RevertModel { model_id, reason } = &message.data;
        let tenant = work.tenant().clone();
        let claim_type = sqlx::query_scalar!(
            "SELECT claim_type FROM models WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            model_id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(|| Failure::reject("model_not_found", "there is no such model"))?;
        models::lock(work, &claim_type).await?;
        let gone = sqlx::query!(
            "UPDATE models SET state = 'retired', retired_at = $3, events = events + 1 WHERE tenant = $1 AND id = $2 AND state = 'active'
             RETURNING previous, events",
            tenant.as_str(),
            model_id.0,
            work.now(),
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(|| Failure::reject("model_state_conflict", "only the model that decides can be taken back"))?;
        let back = match gone.previous {
            Some(previous) => {
                let version = sqlx::query_scalar!(
                    "UPDATE models SET state = 'active', retired_at = NULL WHERE tenant = $1 AND id = $2 RETURNING version",
                    tenant.as_str(),
                    previous,
                );
                version.fetch_one(work.conn()).await?
            }
            None => RULES_VERSION.to_owned(),
        };
        // Its gate is of another day: closed until it is judged by all labels.
        models::set_gate(work, &claim_type, &back, &models::unknown_gate(), &Metrics::default()).await?;
        let cause = Cause::from(&message.envelope);
        labels::weigh(work, &cause, &claim_type, &format!("revert/{model_id}")).await?;
        judge_again::ask_for(work, &cause, &claim_type, &message.envelope.id.to_string()).await?;
        let active = gone.previous.map(ModelId);
        let reverted = ModelReverted { model_id: *model_id, active, reason: reason.clone() };
        work.emit(&cause, u64::from(gone.events.unsigned_abs()), &reverted);
        Ok(Outcome::ids(&serde_json::json!({ "model_id": model_id, "active": active })))
    }
}
