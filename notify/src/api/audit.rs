//! Who did what.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Query};
use service_kit::problem::Problem;
use utoipa::ToSchema;

use super::page::{Page, bounds, cut};
use super::{Api, MANAGERS};

/// What a person did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub who: String,
    /// What.
    #[schema(example = "create_webhook")]
    pub what: String,
    /// To what.
    pub subject: String,
    /// How it was.
    pub before: serde_json::Value,
    /// How it is.
    pub after: serde_json::Value,
}

/// Entries of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trail {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Who changed webhooks, templates, suppressions and contacts. For managers.
#[utoipa::path(get, path = "/api/v1/notifications/audit", operation_id = "notify_audit", tag = "notifications", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = Trail)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(page): Query<Page>) -> Result<Json<Trail>, Problem> {
    caller.require(&MANAGERS)?;
    let (limit, before) = bounds(page.cursor.as_deref(), page.limit)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let mut entries = sqlx::query_as!(
        Entry,
        "SELECT seq, at, who, what, subject, before, after FROM audit
         WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3",
        caller.tenant.as_str(),
        before,
        limit + 1,
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = cut(&mut entries, limit, |row| row.seq);
    Ok(Json(Trail { entries, next_cursor }))
}
