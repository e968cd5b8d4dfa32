//! Where somebody is reached, masked, and what they want to be told.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use utoipa::ToSchema;

use super::{Api, may_change};
use crate::domain::built_in::CATEGORIES;

/// Where somebody is reached by one channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct Point {
    /// `email`, `sms` or `push`.
    #[schema(example = "email")]
    pub channel: String,
    /// The address, masked.
    #[schema(example = "u***@example.com")]
    pub address: String,
    /// Whether it is not written to.
    pub is_suppressed: bool,
}

/// Where somebody is reached.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    /// Who.
    pub recipient: String,
    /// In which language they are written to; absent: English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// By which channels.
    pub points: Vec<Point>,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
}

/// Whether one kind of notification may come by one channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preference {
    /// Which kind.
    #[schema(example = "orders")]
    pub category: String,
    /// By which channel.
    #[schema(example = "sms")]
    pub channel: String,
    /// Whether it may come.
    pub enabled: bool,
}

/// What somebody wants to be told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preferences {
    /// Who.
    pub recipient: String,
    /// Kinds that can be chosen about.
    pub categories: Vec<String>,
    /// What was chosen; what is not listed may come.
    pub preferences: Vec<Preference>,
}

/// Where a recipient is reached, masked: the caller itself, or anybody for a manager.
#[utoipa::path(get, path = "/api/v1/contacts/{recipient}", operation_id = "read_contact", tag = "contacts",
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])),
    responses((status = 200, description = "The contact", body = Contact)))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path(recipient): Path<String>,
) -> Result<Json<Contact>, Problem> {
    if !may_change(&caller, &recipient) {
        return Err(Problem::not_found());
    }
    let mut work = api.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        "SELECT language, changed_at FROM contacts WHERE tenant = $1 AND recipient = $2",
        caller.tenant.as_str(),
        recipient
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    let points = sqlx::query_as!(
        Point,
        r#"SELECT p.channel::text AS "channel!", p.masked AS address, s.id IS NOT NULL AS "is_suppressed!" FROM contact_points p
           LEFT JOIN suppressions s ON s.tenant = p.tenant AND s.channel = p.channel AND s.mark = p.mark
           WHERE p.tenant = $1 AND p.recipient = $2 ORDER BY p.channel"#,
        caller.tenant.as_str(),
        recipient,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(Contact { recipient, language: row.language, points, changed_at: row.changed_at }))
}

/// What a recipient wants to be told: the caller itself, or anybody for a manager.
#[utoipa::path(get, path = "/api/v1/contacts/{recipient}/preferences", operation_id = "read_preferences", tag = "contacts",
    params(("recipient" = String, Path, description = "A subject, `partner:<id>` or `@staff`")), security(("bearer" = [])),
    responses((status = 200, description = "The preferences", body = Preferences)))]
pub async fn preferences(
    State(api): State<Api>,
    caller: Caller,
    Path(recipient): Path<String>,
) -> Result<Json<Preferences>, Problem> {
    if !may_change(&caller, &recipient) {
        return Err(Problem::not_found());
    }
    let mut work = api.store.read(&caller.tenant).await?;
    // One row for each kind and channel at most.
    let preferences = sqlx::query_as!(
        Preference,
        r#"SELECT category, channel::text AS "channel!", enabled FROM preferences
           WHERE tenant = $1 AND recipient = $2 ORDER BY category, channel"#,
        caller.tenant.as_str(),
        recipient,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(Preferences { recipient, categories: CATEGORIES.map(str::to_owned).to_vec(), preferences }))
}
