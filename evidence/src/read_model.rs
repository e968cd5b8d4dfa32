//! `GET /api/v1/evidence/models/{id}`: a trained model with its figures and its gate.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use sqlx::types::Json as Jsonb;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;
use crate::match_metrics::Metrics;
use crate::matching::decision::Gate;
use crate::read_gate::GateView;
use crate::read_request::READERS;

/// A trained model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// The model.
    pub model_id: Uuid,
    /// What kind of claim it is for.
    #[schema(example = "inbound_shortage")]
    pub claim_type: String,
    /// Names it in every decision.
    pub version: String,
    /// `rules` (calibrated), `fields` (Fellegi and Sunter) or `learned` (trees and regressions), once it is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `training`, `shadow`, `active`, `retired` or `failed`.
    #[schema(example = "active")]
    pub state: String,
    /// How many labels it learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<i32>,
    /// How it was chosen, and how it stood against the one before, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Figures on held-out labels when it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Metrics>)]
    pub metrics: Option<Jsonb<Metrics>>,
    /// Whether it may act by itself, by the labels that are there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<GateView>)]
    pub gate: Option<GateView>,
    /// The model that decided before it, which comes back when it is taken back; absent = the fixed rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Uuid>,
    /// Who asked for it; absent when it was time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained_at: Option<DateTime<Utc>>,
    /// Since when it decides, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<DateTime<Utc>>,
    /// Until when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<DateTime<Utc>>,
}

/// A model as it is stored.
pub struct Row {
    /// Newest last.
    pub seq: i64,
    pub(crate) id: Uuid,
    pub(crate) claim_type: String,
    pub(crate) version: String,
    pub(crate) kind: Option<String>,
    pub(crate) state: String,
    pub(crate) trained_on: Option<i32>,
    pub(crate) explanation: Option<String>,
    pub(crate) metrics: Option<Jsonb<Metrics>>,
    pub(crate) gate: Option<Jsonb<Gate>>,
    pub(crate) previous: Option<Uuid>,
    pub(crate) requested_by: Option<String>,
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) trained_at: Option<DateTime<Utc>>,
    pub(crate) promoted_at: Option<DateTime<Utc>>,
    pub(crate) retired_at: Option<DateTime<Utc>>,
}

impl From<Row> for ModelView {
    fn from(row: Row) -> Self {
        Self {
            model_id: row.id,
            claim_type: row.claim_type,
            version: row.version,
            kind: row.kind,
            state: row.state,
            trained_on: row.trained_on,
            explanation: row.explanation,
            metrics: row.metrics,
            gate: row.gate.map(|gate| GateView::from(&gate.0)),
            previous: row.previous,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            trained_at: row.trained_at,
            promoted_at: row.promoted_at,
            retired_at: row.retired_at,
        }
    }
}

/// One model.
#[utoipa::path(get, path = "/api/v1/evidence/models/{id}", tag = "matching", operation_id = "read_model",
    params(("id" = Uuid, Path, description = "The model")), security(("bearer" = [])),
    responses((status = 200, description = "The model", body = ModelView)))]
pub async fn read_model(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<ModelView>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT m.seq, m.id, m.claim_type, m.version, m.kind, m.state::text AS "state!", m.trained_on, m.explanation,
                  m.metrics AS "metrics: Jsonb<Metrics>", g.gate AS "gate?: Jsonb<Gate>", m.previous, m.requested_by, m.requested_at,
                  m.trained_at, m.promoted_at, m.retired_at
           FROM models m LEFT JOIN gates g ON g.tenant = m.tenant AND g.claim_type = m.claim_type AND g.model_version = m.version
           WHERE m.tenant = $1 AND m.id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(|row| Json(ModelView::from(row))).ok_or_else(Problem::not_found)
}
