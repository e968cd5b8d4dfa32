//! Trains a model, measures it on labels that it has not seen, and lets it decide only if it is better than what decides now.

use anyhow::Context;
use serde::Deserialize;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Store, Work};
use shared_events::ModelId;
use shared_events::evidence::ModelTrained;
use sqlx::types::Json;

use crate::judge_again;
use crate::labels::{self, Label};
use crate::match_judge::Judge;
use crate::match_metrics::{Metrics, takes_over};
use crate::match_training::{Example, Trained, train};
use crate::matching::scorer::Effort;
use crate::models::{self, Decider};
use crate::train_model::TRAIN_MODEL;
use crate::weigh_labels::on_held_out;

/// Runs [`TRAIN_MODEL`].
#[derive(Default)]
pub struct TrainIt {
    /// How much is trained.
    pub effort: Effort,
}

#[derive(Deserialize)]
struct Payload {
    model_id: ModelId,
    claim_type: String,
}

impl RunsJob for TrainIt {
    const KIND: &'static str = TRAIN_MODEL;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let Payload { model_id, claim_type } = serde_json::from_value(job.payload.clone())
            .map_err(|error| Failure::reject("malformed", error.to_string()))?;
        let mut reading = store.read(&job.tenant).await?;
        let labels = labels::all(&mut reading, &claim_type).await?;
        drop(reading);
        let lessons: Vec<Example> =
            labels.iter().filter(|label| !label.held_out).map(|label| label.example.clone()).collect();
        let (version, effort, learned) = (models::version_of(model_id.0), self.effort.clone(), lessons.len());
        let name = version.clone();
        let Trained { judge, explanation } =
            tokio::task::spawn_blocking(move || train(&name, &lessons, &effort)).await.context("training")?;
        let mut work = store.read(&job.tenant).await?;
        models::lock(&mut work, &claim_type).await?;
        let new = Decider { id: Some(model_id.0), version, judge, gate: models::unknown_gate() };
        let told = Told { model_id, claim_type, learned, explanation };
        settle(&mut work, job, &told, &new, &labels).await?;
        job.finish(&mut work).await?;
        work.commit().await?;
        Ok(())
    }
}

/// What is told of a training.
struct Told {
    model_id: ModelId,
    claim_type: String,
    learned: usize,
    explanation: String,
}

/// Stores a model in shadow, and lets it decide if it is better.
async fn settle(work: &mut Work, job: &Job, told: &Told, new: &Decider, labels: &[Label]) -> Result<(), Failure> {
    if !is_wanted(work, told.model_id).await? {
        return Ok(());
    }
    let (active, shadow) = models::deciders(work, &told.claim_type).await?;
    if let Some(old) = shadow.and_then(|old| old.id) {
        models::retire(work, old).await?;
    }
    let (metrics, gate) = on_held_out(new, labels);
    let (promoted, reason) = takes_over((&metrics, &gate), (&on_held_out(&active, labels).0, &active.gate));
    let explanation = format!("{}; {reason}", told.explanation);
    let learned = i32::try_from(told.learned).unwrap_or(i32::MAX);
    let mut version = store_shadow(work, told.model_id, &new.judge, learned, &metrics, &explanation).await?;
    models::set_gate(work, &told.claim_type, &new.version, &gate, &metrics).await?;
    if promoted {
        version = models::promote(work, told.model_id, active.id).await?;
        judge_again::ask_for(work, &job.cause, &told.claim_type, &new.version).await?;
    }
    let trained = ModelTrained {
        model_id: told.model_id,
        claim_type: told.claim_type.clone(),
        labels: learned.unsigned_abs(),
        gate_open: gate.open,
        gate: gate.reason(),
        promoted,
        explanation,
    };
    work.emit(&job.cause, version, &trained);
    Ok(())
}

/// Whether the model is still to be trained: a job that is run again may find it done.
async fn is_wanted(work: &mut Work, model: ModelId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    let state = sqlx::query_scalar!(
        r#"SELECT state::text AS "state!" FROM models WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        model.0,
    );
    Ok(state.fetch_optional(work.conn()).await?.as_deref() == Some("training"))
}

async fn store_shadow(
    work: &mut Work,
    model: ModelId,
    judge: &Judge,
    learned: i32,
    metrics: &Metrics,
    explanation: &str,
) -> Result<u64, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let body = serde_json::to_vec(judge).context("storing a model")?;
    let events = sqlx::query_scalar!(
        "UPDATE models SET state = 'shadow', kind = $3, body = $4, trained_on = $5, metrics = $6, explanation = $7, trained_at = $8,
                events = events + 1
         WHERE tenant = $1 AND id = $2 RETURNING events",
        tenant.as_str(),
        model.0,
        judge.kind(),
        body,
        learned,
        Json(metrics) as _,
        explanation,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(events.unsigned_abs()))
}
