//! `GET /api/v1/evidence/requests/{id}/matches`: which documents were compared with a request, what was decided, and why.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Path, Query};
use service_kit::problem::Problem;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::match_judge::Weight;
use crate::read_request::READERS;

/// Which decisions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Also earlier decisions, and those that a model in shadow would have made
    #[serde(default)]
    all: bool,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of decisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Matches {
    /// Newest first.
    pub matches: Vec<Match>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What was decided about one document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Match {
    #[serde(skip)]
    seq: i64,
    /// The decision.
    pub match_id: Uuid,
    /// The document.
    pub document_id: Uuid,
    /// Which of its lines, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i32>,
    /// `automatic`, `prompt` or `none`.
    #[schema(example = "prompt")]
    pub decision: String,
    /// Why, in a word: `sure`, `gate`, `rival`, `quantity`, `unsure`, `low`, `better` or `proved`.
    #[schema(example = "gate")]
    pub why: String,
    /// Why, in a sentence.
    pub explanation: String,
    /// `model`, or who settled it.
    pub decided_by: String,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// `proved` or `refused`, once it is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// What the person who settled it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The prompt that asks about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<Uuid>,
    /// The model that judged it.
    #[schema(example = "rules-2")]
    pub model_version: String,
    /// Whether that model only watches.
    pub shadow: bool,
    /// Whether it is the latest decision about the document by that model.
    pub latest: bool,
    /// The strongest rule that holds.
    #[schema(example = "sku_match")]
    pub rule: String,
    /// The score before calibration, 0 to 1.
    pub raw_score: f64,
    /// The calibrated probability, 0 to 1.
    pub probability: f64,
    /// Whether the model could act by itself then.
    pub gate_open: bool,
    /// Why, with the figures.
    pub gate_reason: String,
    /// The comparison vector: levels of agreement from 0 (missing) over 1 (different) to 5 (equal), or what a learned model looks at.
    #[schema(value_type = BTreeMap<String, f32>)]
    pub vector: Jsonb<BTreeMap<String, f32>>,
    /// Bits for (or, below 0, against) a match by field, the strongest first.
    #[schema(value_type = Vec<Weight>)]
    pub weights: Jsonb<Vec<Weight>>,
}

/// Decisions about a request, newest first: the latest about each document unless all are wanted.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}/matches", tag = "matching", operation_id = "list_matches",
    params(("id" = Uuid, Path, description = "The request"), Parameters), security(("bearer" = [])),
    responses((status = 200, description = "A page of decisions", body = Matches)))]
pub async fn list_matches(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Matches>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let exists =
        sqlx::query_scalar!("SELECT id FROM proof_requests WHERE tenant = $1 AND id = $2", caller.tenant.as_str(), id);
    if exists.fetch_optional(work.conn()).await?.is_none() {
        return Err(Problem::not_found());
    }
    let mut matches = sqlx::query_as!(
        Match,
        r#"SELECT seq, id AS match_id, document_id, line, decision::text AS "decision!", why, explanation, decided_by, decided_at,
                  ended::text, reasoning, prompt_id, model_version, shadow, latest, rule, raw_score, probability, gate_open, gate_reason,
                  vector AS "vector: Jsonb<BTreeMap<String, f32>>", weights AS "weights: Jsonb<Vec<Weight>>"
           FROM matches
           WHERE tenant = $1 AND request_id = $2 AND ($3::bigint IS NULL OR seq < $3) AND ($4 OR (latest AND NOT shadow))
           ORDER BY seq DESC LIMIT $5"#,
        caller.tenant.as_str(),
        id,
        parameters.cursor,
        parameters.all,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut matches, |last| last.seq);
    Ok(Json(Matches { matches, next_cursor }))
}
