//! `GET /api/v1/evidence/gate`: which model decides about a kind of claim, and whether it may act by itself.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Query;
use service_kit::problem::Problem;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::match_metrics::Metrics;
use crate::matching::decision::{AUTOMATIC, Gate, HIGHEST_ECE};
use crate::models;
use crate::read_request::READERS;

/// Of which kind of claim.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The kind of claim
    #[param(example = "inbound_shortage")]
    claim_type: String,
}

/// Whether a model may act by itself, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct GateView {
    /// Whether it may: otherwise everything from 0.5 on becomes a prompt.
    pub open: bool,
    /// Why, in words.
    pub reason: String,
    /// Lower end of the 95 % interval of its precision at 0.85, after Wilson.
    pub wilson_low: f64,
    /// What that has to be at least.
    #[schema(example = 0.85)]
    pub wilson_low_needed: f64,
    /// Its expected calibration error.
    pub ece: f64,
    /// What that may be at most.
    #[schema(example = 0.05)]
    pub ece_allowed: f64,
    /// Held-out labels.
    pub labels: u64,
    /// How many of them it answered at 0.85 or above.
    pub automatic: u64,
}

impl From<&Gate> for GateView {
    fn from(gate: &Gate) -> Self {
        Self {
            open: gate.open,
            reason: gate.reason(),
            wilson_low: gate.wilson_low,
            wilson_low_needed: AUTOMATIC,
            ece: gate.ece,
            ece_allowed: HIGHEST_ECE,
            labels: gate.labels,
            automatic: gate.automatic,
        }
    }
}

/// Who decides about a kind of claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deciding {
    /// The kind of claim.
    pub claim_type: String,
    /// The model; absent while the fixed rules decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<Uuid>,
    /// Names it in every decision.
    #[schema(example = "rules-2")]
    pub model_version: String,
    /// `rules`, `fields` or `learned`.
    #[schema(example = "rules")]
    pub kind: &'static str,
    /// The model that only watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Uuid>,
    /// Whether it may act by itself.
    pub gate: GateView,
    /// The figures on held-out labels, once there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Metrics>)]
    pub metrics: Option<Jsonb<Metrics>>,
    /// When the gate was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged_at: Option<DateTime<Utc>>,
}

/// Which model decides about a kind of claim, and whether it may act by itself.
#[utoipa::path(get, path = "/api/v1/evidence/gate", tag = "matching", operation_id = "read_gate", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "The gate", body = Deciding)))]
pub async fn read_gate(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Deciding>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let (active, shadow) = models::deciders(&mut work, &parameters.claim_type).await?;
    let judged = sqlx::query!(
        r#"SELECT metrics AS "metrics: Jsonb<Metrics>", judged_at FROM gates WHERE tenant = $1 AND claim_type = $2 AND model_version = $3"#,
        caller.tenant.as_str(),
        parameters.claim_type,
        active.version,
    )
    .fetch_optional(work.conn())
    .await?;
    let judged_at = judged.as_ref().map(|row| row.judged_at);
    Ok(Json(Deciding {
        claim_type: parameters.claim_type,
        model_id: active.id,
        gate: GateView::from(&active.gate),
        kind: active.judge.kind(),
        model_version: active.version,
        shadow: shadow.and_then(|shadow| shadow.id),
        metrics: judged.map(|row| row.metrics),
        judged_at,
    }))
}
