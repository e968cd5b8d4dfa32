//! Webhooks, without their secrets. For managers.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::WebhookId;
use shared_events::notify::webhook_purpose;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::Page;
use super::{Api, MANAGERS};
use crate::told::PUBLIC_TYPES;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// The webhook.
    pub id: Uuid,
    /// Where it leads.
    #[schema(example = "https://shop.example/hooks/recoup")]
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Which types of events it is told; empty: all.
    pub types: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// Since when every attempt failed; absent: the last one did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when the former secret signs too; absent: there is none that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_secret_until: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
}

/// Webhooks of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhooks {
    /// Newest first.
    pub webhooks: Vec<Webhook>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What webhooks can be told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Types {
    /// Their names.
    pub types: Vec<&'static str>,
}

struct Row {
    id: Uuid,
    seq: i64,
    url_sealed: String,
    description: String,
    types: Vec<String>,
    enabled: bool,
    disabled_why: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    former_until: Option<DateTime<Utc>>,
    created_by: String,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl Row {
    fn show(self, api: &Api, caller: &Caller) -> Result<Webhook, Problem> {
        let purpose = webhook_purpose(&caller.tenant, WebhookId(self.id), "url");
        let url = api.config.key.open(&purpose, &self.url_sealed).map_err(Problem::internal)?;
        let now = api.store.now();
        Ok(Webhook {
            id: self.id,
            url,
            description: self.description,
            types: self.types,
            enabled: self.enabled,
            disabled_reason: self.disabled_why,
            failing_since: self.failing_since,
            former_secret_until: self.former_until.filter(|until| now < *until),
            created_by: self.created_by,
            created_at: self.created_at,
            changed_at: self.changed_at,
        })
    }
}

/// The webhooks, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks", params(Page),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = Webhooks)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(page): Query<Page>) -> Result<Json<Webhooks>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(page.limit, page.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        "SELECT id, seq, url_sealed, description, types, enabled, disabled_why, failing_since, former_until, created_by, created_at, changed_at
         FROM webhooks WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) ORDER BY seq DESC LIMIT $3",
        caller.tenant.as_str(),
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut rows, |row| row.seq);
    let webhooks = rows.into_iter().map(|row| row.show(&api, &caller)).collect::<Result<_, _>>()?;
    Ok(Json(Webhooks { webhooks, next_cursor }))
}

/// The types of events that webhooks can be told. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/types", operation_id = "list_webhook_types", tag = "webhooks",
    security(("bearer" = [])), responses((status = 200, description = "All of them", body = Types)))]
pub async fn types(caller: Caller) -> Result<Json<Types>, Problem> {
    caller.require(&MANAGERS)?;
    Ok(Json(Types { types: PUBLIC_TYPES.to_vec() }))
}

/// One webhook. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", operation_id = "read_webhook", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook")), security(("bearer" = [])),
    responses((status = 200, description = "The webhook", body = Webhook)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Webhook>, Problem> {
    caller.require(&MANAGERS)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        Row,
        "SELECT id, seq, url_sealed, description, types, enabled, disabled_why, failing_since, former_until, created_by, created_at, changed_at
         FROM webhooks WHERE tenant = $1 AND id = $2",
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    row.ok_or_else(Problem::not_found)?.show(&api, &caller).map(Json)
}
