//! `GET /api/v1/claims/approvals`: claims that a second person has to allow.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::recovery_money::AmountView;
use crate::{READERS, State as App};

/// Which part of the inbox.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A claim that waits for a second person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalView {
    /// The claim.
    pub claim_id: Uuid,
    /// What it is about.
    pub claim_type: String,
    /// What is claimed.
    pub amount: AmountView,
    /// Who wants to send it, and so cannot allow it; absent: the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_by: Option<String>,
    /// Since when.
    pub wanted_at: DateTime<Utc>,
    /// Until when it can be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
}

/// A page of the inbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct Approvals {
    /// Oldest first.
    pub approvals: Vec<ApprovalView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Claims that a second person has to allow, oldest first.
#[utoipa::path(get, path = "/api/v1/claims/approvals", tag = "claims", operation_id = "list_approvals", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of the inbox", body = Approvals)))]
pub async fn list_approvals(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Approvals>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query!(
        "SELECT a.seq, a.claim_id, c.claim_type, c.amount_minor, c.currency, a.wanted_by, a.wanted_at, c.closes_at
         FROM claim_approvals a JOIN claims c ON c.tenant = a.tenant AND c.id = a.claim_id
         WHERE a.tenant = $1 AND a.decided_at IS NULL AND c.state = 'approval' AND ($2::bigint IS NULL OR a.seq > $2)
         ORDER BY a.seq LIMIT $3",
        caller.tenant.as_str(),
        parameters.cursor,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    let approvals = rows.into_iter().map(|row| ApprovalView {
        claim_id: row.claim_id,
        claim_type: row.claim_type,
        amount: AmountView::of(row.amount_minor, &row.currency),
        wanted_by: row.wanted_by,
        wanted_at: row.wanted_at,
        deadline: row.closes_at,
    });
    Ok(Json(Approvals { approvals: approvals.collect(), next_cursor }))
}
