//! `GET /api/v1/evidence/models`: trained models, newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};

use crate::State as App;
use crate::match_metrics::Metrics;
use crate::matching::decision::Gate;
use crate::read_model::{ModelView, Row};
use crate::read_request::READERS;

/// Which models.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those for this kind of claim
    claim_type: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
pub struct Models {
    /// Newest first. The fixed rules, which decide where none is active, are not among them.
    pub models: Vec<ModelView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Trained models, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/models", tag = "matching", operation_id = "list_models", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of models", body = Models)))]
pub async fn list_models(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Models>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT m.seq, m.id, m.claim_type, m.version, m.kind, m.state::text AS "state!", m.trained_on, m.explanation,
                  m.metrics AS "metrics: Jsonb<Metrics>", g.gate AS "gate?: Jsonb<Gate>", m.previous, m.requested_by, m.requested_at,
                  m.trained_at, m.promoted_at, m.retired_at
           FROM models m LEFT JOIN gates g ON g.tenant = m.tenant AND g.claim_type = m.claim_type AND g.model_version = m.version
           WHERE m.tenant = $1 AND ($2::bigint IS NULL OR m.seq < $2) AND ($3::text IS NULL OR m.claim_type = $3)
           ORDER BY m.seq DESC LIMIT $4"#,
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.claim_type,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Models { models: rows.into_iter().map(ModelView::from).collect(), next_cursor }))
}
