//! `GET /api/v1/claims/switch`: whether claims are sent by themselves.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use utoipa::ToSchema;

use crate::{READERS, State as App};

/// Whether claims are sent by themselves, and who decided so.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Switch {
    /// Whether nothing is sent.
    pub stopped: bool,
    /// Why; absent when nobody ever touched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<DateTime<Utc>>,
}

/// Whether claims are sent by themselves.
#[utoipa::path(get, path = "/api/v1/claims/switch", tag = "claims", operation_id = "read_switch", security(("bearer" = [])),
    responses((status = 200, description = "The switch", body = Switch)))]
pub async fn read_switch(State(app): State<App>, caller: Caller) -> Result<Json<Switch>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        "SELECT stopped, reason, set_by, set_at FROM submission_switches WHERE tenant = $1",
        caller.tenant.as_str(),
    )
    .fetch_optional(work.conn())
    .await?;
    let switch = row.map(|row| Switch {
        stopped: row.stopped,
        reason: Some(row.reason),
        set_by: Some(row.set_by),
        set_at: Some(row.set_at),
    });
    Ok(Json(switch.unwrap_or_default()))
}
