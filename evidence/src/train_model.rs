//! A model is wanted: a job trains it from the labels of a kind of claim.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::ModelId;
use shared_events::evidence::TrainModel;

use crate::match_training::{FEWEST, FEWEST_OF_A_KIND};
use crate::models;

/// Job: trains one model.
pub const TRAIN_MODEL: &str = "evidence.train_model";

/// Handles [`TrainModel`].
pub struct Train;

impl Handles<TrainModel> for Train {
    async fn handle(&self, work: &mut Work, message: &Delivered<TrainModel>) -> Result<Outcome, Failure> {
        let TrainModel { model_id, claim_type } = &message.data;
        let labels = count(work, claim_type).await?;
        if let Some(reason) = labels.too_few() {
            return Err(Failure::reject("too_few_labels", reason));
        }
        let cause = Cause::from(&message.envelope);
        let wanted = Wanted { model_id: *model_id, claim_type, by: cause.actor.as_deref(), labels: labels.all };
        if !ask_for(work, &cause, &wanted).await? {
            return Err(Failure::reject("model_exists", "there is already a model with this id"));
        }
        Ok(Outcome::ids(&serde_json::json!({ "model_id": model_id })))
    }
}

/// How many labels there are to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Enough {
    /// All, also those that are held out.
    pub all: i64,
    /// Those to learn from.
    to_learn: i64,
    /// Matches among those.
    matches: i64,
}

impl Enough {
    /// What is missing, in words.
    pub fn too_few(&self) -> Option<String> {
        let Self { to_learn, matches, .. } = *self;
        let (fewest, of_a_kind) = (FEWEST as i64, FEWEST_OF_A_KIND as i64);
        let enough = to_learn >= fewest && matches >= of_a_kind && to_learn - matches >= of_a_kind;
        (!enough).then(|| {
            format!(
                "{to_learn} labels are there to learn from, {matches} of them matches; at least {fewest} are needed, \
                 {of_a_kind} of either kind"
            )
        })
    }
}

/// Counts the labels of a kind of claim.
///
/// # Errors
/// When the database is away.
pub async fn count(work: &mut Work, claim_type: &str) -> Result<Enough, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Enough,
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE NOT held_out) AS "to_learn!", count(*) FILTER (WHERE NOT held_out AND proved) AS "matches!"
           FROM labels WHERE tenant = $1 AND claim_type = $2"#,
        tenant.as_str(),
        claim_type,
    )
    .fetch_one(work.conn())
    .await
}

/// A model to be.
#[derive(Debug)]
pub struct Wanted<'w> {
    /// The model.
    pub model_id: ModelId,
    /// What kind of claim it is for.
    pub claim_type: &'w str,
    /// Who asks; nobody when it is time.
    pub by: Option<&'w str>,
    /// Labels that are there now.
    pub labels: i64,
}

/// Writes down that a model is wanted and has it trained; false when there is one of this id already.
///
/// # Errors
/// When the database is away.
pub async fn ask_for(work: &mut Work, cause: &Cause, wanted: &Wanted<'_>) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO models (tenant, id, claim_type, version, state, labels_seen, requested_by, requested_at, cause, correlation)
         VALUES ($1, $2, $3, $4, 'training', $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        wanted.model_id.0,
        wanted.claim_type,
        models::version_of(wanted.model_id.0),
        wanted.labels,
        wanted.by,
        now,
        cause.message.map(|id| id.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    work.enqueue(NewJob {
        kind: TRAIN_MODEL,
        key: wanted.model_id.to_string(),
        due_at: now,
        payload: serde_json::json!({ "model_id": wanted.model_id, "claim_type": wanted.claim_type }),
        cause: cause.clone(),
    })
    .await?;
    Ok(true)
}
