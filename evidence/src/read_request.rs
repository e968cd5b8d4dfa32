//! `GET /api/v1/evidence/requests/{id}`: what has to be proved, and how far that is.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json as Jsonb;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;

/// Who may look at requests: staff and sellers.
pub const READERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];

/// Something that has to be proved.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestView {
    /// The request.
    pub request_id: Uuid,
    /// What kind of claim it is for.
    #[schema(example = "inbound_shortage")]
    pub claim_type: String,
    /// What the asker calls the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `open`, `proved` or `withdrawn`.
    #[schema(example = "open")]
    pub state: String,
    /// What has to be proved.
    #[schema(value_type = ProofSubject)]
    pub subject: Jsonb<ProofSubject>,
    /// Who asks.
    pub requested_by: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
}

/// One request.
#[utoipa::path(get, path = "/api/v1/evidence/requests/{id}", tag = "requests", operation_id = "read_proof_request",
    params(("id" = Uuid, Path, description = "The request")), security(("bearer" = [])),
    responses((status = 200, description = "The request", body = RequestView)))]
pub async fn read_request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<RequestView>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        RequestView,
        r#"SELECT id AS request_id, claim_type, reference, state::text AS "state!", subject AS "subject: Jsonb<ProofSubject>", requested_by,
                  requested_at
           FROM proof_requests WHERE tenant = $1 AND id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(Json).ok_or_else(Problem::not_found)
}
