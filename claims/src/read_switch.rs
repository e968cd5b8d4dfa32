//! `GET /api/v1/claims/switch`: whether claims are sent by themselves.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use utoipa::ToSchema;

use crate::{READERS, State as App};

/// The operator's switch, for everybody.
#[derive(Debug, Serialize, ToSchema)]
pub struct General {
    /// Whether nothing is sent for anybody.
    pub stopped: bool,
    /// Why.
    pub reason: String,
    /// When it was set.
    pub set_at: DateTime<Utc>,
}

/// Whether claims are sent by themselves, and who decided so.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Switch {
    /// Whether nothing is sent: by the tenant's own switch, or the operator's.
    pub stopped: bool,
    /// Why the tenant's own stands as it does; absent when nobody ever touched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<DateTime<Utc>>,
    /// The operator's switch; absent when nobody ever touched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub general: Option<General>,
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
    let general = sqlx::query_as!(General, "SELECT stopped, reason, set_at FROM general_switch")
        .fetch_optional(work.conn())
        .await?;
    let own = row.map(|row| Switch {
        stopped: row.stopped,
        reason: Some(row.reason),
        set_by: Some(row.set_by),
        set_at: Some(row.set_at),
        general: None,
    });
    let own = own.unwrap_or_default();
    let stopped = own.stopped || general.as_ref().is_some_and(|general| general.stopped);
    Ok(Json(Switch { stopped, general, ..own }))
}
