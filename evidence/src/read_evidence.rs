//! `GET /api/v1/evidence/{id}`: what became of a submission.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::PartnerId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;
use crate::document_view::seen_by;

/// A submission.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// The submission.
    pub evidence_id: Uuid,
    /// `fetching`, `received` or `rejected`.
    #[schema(example = "received")]
    pub state: String,
    /// The document that it brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<Uuid>,
    /// The address that it is fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
    /// The campaign that it is evidence for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Uuid>,
    /// What it is to prove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// What the sender says it is.
    #[schema(example = "photo")]
    pub evidence_type: String,
    /// What else the sender says.
    pub metadata: serde_json::Value,
    /// Whose it is, when a partner sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Who sent it.
    pub submitted_by: String,
    /// A stable word for why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "private_address")]
    pub code: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it came.
    pub submitted_at: DateTime<Utc>,
}

/// One submission.
#[utoipa::path(get, path = "/api/v1/evidence/{id}", tag = "documents", operation_id = "read_evidence",
    params(("id" = Uuid, Path, description = "The submission")), security(("bearer" = [])),
    responses((status = 200, description = "The submission", body = EvidenceView)))]
pub async fn read_evidence(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<EvidenceView>, Problem> {
    let partner = seen_by(&caller)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        EvidenceView,
        r#"SELECT id AS evidence_id, state::text AS "state!", document_id, url AS file_url, campaign_id, request_id, evidence_type, metadata,
                  partner, submitted_by, code, reason, submitted_at
           FROM submissions WHERE tenant = $1 AND id = $2 AND ($3::text IS NULL OR partner = $3)"#,
        caller.tenant.as_str(),
        id,
        partner.as_ref().map(PartnerId::as_str),
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(Json).ok_or_else(Problem::not_found)
}
