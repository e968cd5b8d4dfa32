//! Addresses that are not written to, masked.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Page;
use super::{Api, MANAGERS};

/// An address that is not written to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suppression {
    /// The entry.
    pub id: Uuid,
    /// Its number.
    #[serde(skip)]
    pub seq: i64,
    /// By which channel.
    #[schema(example = "email")]
    pub channel: String,
    /// The address, masked.
    #[schema(example = "u***@example.com")]
    pub address: String,
    /// `bounce`, `complaint`, `unsubscribe` or `manual`.
    #[schema(example = "bounce")]
    pub reason: String,
    /// Who entered it.
    pub added_by: String,
    /// When.
    pub added_at: DateTime<Utc>,
}

/// Entries of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suppressions {
    /// Newest first.
    pub suppressions: Vec<Suppression>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Addresses that are not written to, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/suppressions", operation_id = "list_suppressions", tag = "contacts", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = Suppressions)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Suppressions>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(page.limit, page.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let mut suppressions = sqlx::query_as!(
        Suppression,
        r#"SELECT id, seq, channel::text AS "channel!", masked AS address, reason::text AS "reason!", added_by, added_at FROM suppressions
           WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3"#,
        caller.tenant.as_str(),
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut suppressions, |row| row.seq);
    Ok(Json(Suppressions { suppressions, next_cursor }))
}
