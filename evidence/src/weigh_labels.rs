//! New labels came: the gates are judged again, a model in shadow may turn out to be better, and a new one may be due.

use serde::Deserialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::ModelTrained;
use shared_events::{ModelId, ids};

use crate::judge_again;
use crate::labels::{self, Label};
use crate::match_metrics::{Metrics, measure, takes_over};
use crate::matching::decision::Gate;
use crate::models::{self, Decider};
use crate::train_model::{self, Wanted};

/// Job: judges the gates of a kind of claim by its labels.
pub const WEIGH_LABELS: &str = "evidence.weigh_labels";

/// Runs [`WEIGH_LABELS`].
pub struct WeighLabels {
    /// New labels after which a model is trained without anybody asking for it.
    pub retrain_after: u32,
}

#[derive(Deserialize)]
struct Payload {
    claim_type: String,
}

impl RunsJob for WeighLabels {
    const KIND: &'static str = WEIGH_LABELS;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Payload { claim_type } = serde_json::from_value(job.payload.clone())
            .map_err(|error| Failure::reject("malformed", error.to_string()))?;
        let mut work = store.read(&job.tenant).await?;
        models::lock(&mut work, &claim_type).await?;
        let labels = labels::all(&mut work, &claim_type).await?;
        let (active, shadow) = models::deciders(&mut work, &claim_type).await?;
        let (_, gate_of_active) = judge(&mut work, &claim_type, &active, &labels).await?;
        let mut news = gate_of_active.open && !active.gate.open;
        if let Some(shadow) = shadow {
            let (of_shadow, gate) = judge(&mut work, &claim_type, &shadow, &labels).await?;
            let (of_active, _) = on_held_out(&active, &labels);
            if let (true, reason) = takes_over((&of_shadow, &gate), (&of_active, &gate_of_active)) {
                promote(&mut work, &job.cause, &claim_type, (&active, &shadow), &gate, reason).await?;
                news = true;
            }
        }
        if news {
            judge_again::ask_for(&mut work, &job.cause, &claim_type, &job.key).await?;
        }
        self.train_if_due(&mut work, &job.cause, &claim_type).await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

/// Figures of a judge on the labels that it has not learned from. The fixed rules have learned from none.
pub fn on_unseen(decider: &Decider, labels: &[Label]) -> (Metrics, Gate) {
    let unseen = labels.iter().filter(|label| decider.id.is_none() || label.held_out);
    measure(&decider.judge, unseen.map(|label| &label.example))
}

/// Figures of a judge on the labels that no model learns from, to compare it with another.
pub fn on_held_out(decider: &Decider, labels: &[Label]) -> (Metrics, Gate) {
    measure(&decider.judge, labels.iter().filter(|label| label.held_out).map(|label| &label.example))
}

async fn judge(
    work: &mut Work,
    claim_type: &str,
    decider: &Decider,
    labels: &[Label],
) -> Result<(Metrics, Gate), sqlx::Error> {
    let (metrics, gate) = on_unseen(decider, labels);
    models::set_gate(work, claim_type, &decider.version, &gate, &metrics).await?;
    Ok((metrics, gate))
}

async fn promote(
    work: &mut Work,
    cause: &Cause,
    claim_type: &str,
    (active, shadow): (&Decider, &Decider),
    gate: &Gate,
    reason: String,
) -> Result<(), sqlx::Error> {
    let Some(id) = shadow.id.map(ModelId) else { return Ok(()) };
    let version = models::promote(work, id, active.id).await?;
    let tenant = work.tenant().clone();
    let learned = sqlx::query_scalar!(
        "UPDATE models SET explanation = $3 WHERE tenant = $1 AND id = $2 RETURNING trained_on",
        tenant.as_str(),
        id.0,
        reason,
    )
    .fetch_one(work.conn())
    .await?;
    let trained = ModelTrained {
        model_id: id,
        claim_type: claim_type.to_owned(),
        labels: learned.unwrap_or_default().unsigned_abs(),
        gate_open: gate.open,
        gate: gate.reason(),
        promoted: true,
        explanation: reason,
    };
    work.emit(cause, version, &trained);
    Ok(())
}

impl WeighLabels {
    async fn train_if_due(&self, work: &mut Work, cause: &Cause, claim_type: &str) -> Result<(), Failure> {
        let tenant = work.tenant().clone();
        let seen = sqlx::query_scalar!(
            r#"SELECT coalesce(max(labels_seen), 0) AS "seen!" FROM models WHERE tenant = $1 AND claim_type = $2"#,
            tenant.as_str(),
            claim_type,
        )
        .fetch_one(work.conn())
        .await?;
        let enough = train_model::count(work, claim_type).await?;
        if enough.all - seen < i64::from(self.retrain_after) || enough.too_few().is_some() {
            return Ok(());
        }
        // From the number of labels, so that whoever comes here at the same number asks for the same model.
        let id = ids::derive(&["model", tenant.as_str(), claim_type, &enough.all.to_string()]);
        let wanted = Wanted { model_id: ModelId(id), claim_type, by: None, labels: enough.all };
        train_model::ask_for(work, cause, &wanted).await?;
        Ok(())
    }
}
