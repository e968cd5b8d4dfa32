//! Who did what.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};

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
    /// Why; empty where nothing was said.
    pub why: String,
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// About this webhook, template, suppression or recipient.
    subject: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
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

/// Who changed webhooks, templates, suppressions and contacts, and why. For managers.
#[utoipa::path(get, path = "/api/v1/notifications/audit", operation_id = "notify_audit", tag = "notifications", params(Wanted),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = Trail)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(page): Query<Wanted>) -> Result<Json<Trail>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(page.limit, page.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let mut entries = sqlx::query_as!(
        Entry,
        "SELECT seq, at, who, what, subject, before, after, why FROM audit
         WHERE tenant = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::bigint IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4",
        caller.tenant.as_str(),
        page.subject,
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut entries, |row| row.seq);
    Ok(Json(Trail { entries, next_cursor }))
}
