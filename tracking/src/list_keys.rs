//! `GET /api/v1/keys`, page by page, newest first.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};

use crate::State as App;
use crate::issue_publishable_key::is_digest;

/// Which keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// How many at most; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A publishable key, without the key itself, which is stored nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// SHA-256 of the key, in hexadecimal: its name. Nothing can be sent with it.
    pub key_digest: String,
    /// What it is for.
    pub label: String,
    /// Origins that may use it; none = servers only.
    pub origins: Vec<String>,
    /// Events a second that it may send.
    pub events_per_second: i32,
    /// Since when it works.
    pub issued_at: DateTime<Utc>,
    /// Since when it does not work any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct Keys {
    /// The keys, newest first.
    pub keys: Vec<KeyView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The tenant's publishable keys, withdrawn ones too.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "keys",
    operation_id = "list_keys",
    params(Parameters),
    security(("bearer" = [])),
    responses((status = 200, description = "A page of keys", body = Keys)),
)]
pub async fn list_keys(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Keys>, Problem> {
    caller.require(&[Role::Admin, Role::Manager])?;
    let limit = Limit::of(parameters.limit)?;
    if parameters.cursor.as_deref().is_some_and(|cursor| !is_digest(cursor)) {
        return Err(Problem::bad_request("cursor must be a next_cursor").field("cursor", "must be a next_cursor"));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut keys = sqlx::query_as!(
        KeyView,
        "SELECT key_digest, label, origins, events_per_second, issued_at, withdrawn_at FROM publishable_keys
         WHERE tenant = $1 AND ($2::text IS NULL OR (issued_at, key_digest) <
               (SELECT last.issued_at, last.key_digest FROM publishable_keys last WHERE last.tenant = $1 AND last.key_digest = $2))
         ORDER BY issued_at DESC, key_digest DESC LIMIT $3",
        caller.tenant.as_str(),
        parameters.cursor,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut keys, |key| key.key_digest.clone());
    Ok(Json(Keys { keys, next_cursor }))
}
