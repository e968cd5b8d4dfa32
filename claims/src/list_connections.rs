//! `GET /api/v1/integrations`: what is connected, and whether it can be used. Secrets are never shown.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{READERS, State as App};

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionView {
    /// The connection.
    pub connection_id: Uuid,
    /// `amazon`, `gmail`, `imap` or `stripe`.
    pub integration_type: String,
    /// Amazon's region; empty otherwise.
    pub region: String,
    /// The seller, mailbox or payer.
    pub account: String,
    /// `pending`, `connected`, `token_expired` or `revoked`.
    pub state: String,
    /// Country codes in which a seller sells.
    pub marketplaces: Vec<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who connected it.
    pub connected_by: String,
    /// When it was first connected.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
}

/// What is connected.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connections {
    /// Newest first, at most 200.
    pub connections: Vec<ConnectionView>,
}

/// What is connected, newest first.
#[utoipa::path(get, path = "/api/v1/integrations", tag = "integrations", operation_id = "list_connections", security(("bearer" = [])),
    responses((status = 200, description = "Connections", body = Connections)))]
pub async fn list_connections(State(app): State<App>, caller: Caller) -> Result<Json<Connections>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let connections = sqlx::query_as!(
        ConnectionView,
        r#"SELECT id AS connection_id, kind::text AS "integration_type!", region, account, state::text AS "state!", marketplaces, problem,
                  connected_by, created_at, changed_at
           FROM connections WHERE tenant = $1 ORDER BY seq DESC LIMIT 200"#,
        caller.tenant.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(Connections { connections }))
}
