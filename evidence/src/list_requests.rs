//! `GET /api/v1/evidence/requests`: what has to be proved, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::read_request::{READERS, RequestView};

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those in this state: `open`, `proved` or `withdrawn`
    state: Option<String>,
    /// Only those for this kind of claim
    claim_type: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct Requests {
    /// Newest first.
    pub requests: Vec<RequestView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

struct Row {
    seq: i64,
    id: Uuid,
    claim_type: String,
    reference: Option<String>,
    state: String,
    subject: Jsonb<ProofSubject>,
    requested_by: String,
    requested_at: DateTime<Utc>,
}

impl From<Row> for RequestView {
    fn from(row: Row) -> Self {
        let Row { id, claim_type, reference, state, subject, requested_by, requested_at, .. } = row;
        Self { request_id: id, claim_type, reference, state, subject, requested_by, requested_at }
    }
}

/// Requests for proof, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/requests", tag = "requests", operation_id = "list_proof_requests", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of requests", body = Requests)))]
pub async fn list_requests(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Requests>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    if let Some(state) = &parameters.state
        && !["open", "proved", "withdrawn"].contains(&state.as_str())
    {
        return Err(Problem::invalid_field("state", "must be open, proved or withdrawn"));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, claim_type, reference, state::text AS "state!", subject AS "subject: Jsonb<ProofSubject>", requested_by, requested_at
           FROM proof_requests
           WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) AND ($3::text IS NULL OR state = $3::request_state)
             AND ($4::text IS NULL OR claim_type = $4)
           ORDER BY seq DESC LIMIT $5"#,
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.state,
        parameters.claim_type,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Requests { requests: rows.into_iter().map(RequestView::from).collect(), next_cursor }))
}
