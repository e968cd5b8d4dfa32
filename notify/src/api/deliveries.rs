//! What a webhook was sent, and what it answered. For managers.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use service_kit::store::Work;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, MANAGERS};

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// In this state: `waiting`, `delivered`, `failed` or `cancelled`.
    state: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// One message for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// The delivery.
    pub id: Uuid,
    /// Its number.
    #[serde(skip)]
    pub seq: i64,
    /// What the receiver tells repeats by: `webhook-id`.
    pub message_id: String,
    /// Of which type it is.
    #[serde(rename = "type")]
    #[schema(example = "order.placed")]
    pub kind: String,
    /// `waiting`, `delivered`, `failed` or `cancelled`.
    #[schema(example = "delivered")]
    pub state: String,
    /// Attempts since it was last asked for.
    pub attempts: i32,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// What an attempt was answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// When.
    pub at: DateTime<Utc>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The beginning of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How long it took.
    pub millis: i64,
}

/// A delivery with what was sent and answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// What is sent.
    pub payload: serde_json::Value,
    /// The last 50 attempts, newest first.
    pub tried: Vec<Attempt>,
}

/// Deliveries of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deliveries {
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

async fn there_is(work: &mut Work, webhook: Uuid) -> Result<(), Problem> {
    let tenant = work.tenant().clone();
    let there = sqlx::query_scalar!("SELECT id FROM webhooks WHERE tenant = $1 AND id = $2", tenant.as_str(), webhook)
        .fetch_optional(work.conn())
        .await?;
    there.map(drop).ok_or_else(Problem::not_found)
}

/// What a webhook was sent, newest first. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "list_deliveries", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook"), Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page", body = Deliveries)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(filter): Query<Filter>,
) -> Result<Json<Deliveries>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(filter.limit, filter.cursor.as_deref())?;
    let states = ["waiting", "delivered", "failed", "cancelled"];
    if filter.state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Err(Problem::invalid_field("state", format!("is none of {}", states.join(", "))));
    }
    let mut work = api.store.read(&caller.tenant).await?;
    there_is(&mut work, id).await?;
    let mut deliveries = sqlx::query_as!(
        Delivery,
        r#"SELECT id, seq, message_id, type AS kind, state::text AS "state!", attempts, next_at, created_at, ended_at FROM deliveries
           WHERE tenant = $1 AND webhook_id = $2 AND ($3::text IS NULL OR state = $3::text::delivery_state)
             AND ($4::bigint IS NULL OR seq < $4) ORDER BY seq DESC LIMIT $5"#,
        caller.tenant.as_str(),
        id,
        filter.state,
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut deliveries, |row| row.seq);
    Ok(Json(Deliveries { deliveries, next_cursor }))
}

/// One delivery: what is sent, and what each attempt was answered. For managers.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries/{delivery}", operation_id = "read_delivery", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook"), ("delivery" = Uuid, Path, description = "The delivery")),
    security(("bearer" = [])), responses((status = 200, description = "The delivery", body = Whole)))]
pub async fn show(
    State(api): State<Api>,
    caller: Caller,
    Path((id, delivery)): Path<(Uuid, Uuid)>,
) -> Result<Json<Whole>, Problem> {
    caller.require(&MANAGERS)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let found = sqlx::query_as!(
        Delivery,
        r#"SELECT id, seq, message_id, type AS kind, state::text AS "state!", attempts, next_at, created_at, ended_at FROM deliveries
           WHERE tenant = $1 AND webhook_id = $2 AND id = $3"#,
        caller.tenant.as_str(),
        id,
        delivery,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    let payload = sqlx::query_scalar!(
        "SELECT payload FROM deliveries WHERE tenant = $1 AND id = $2",
        caller.tenant.as_str(),
        delivery
    )
    .fetch_one(work.conn())
    .await?;
    let tried = sqlx::query_as!(
        Attempt,
        "SELECT at, status, error, answer, millis FROM delivery_attempts WHERE tenant = $1 AND delivery_id = $2 ORDER BY seq DESC LIMIT 50",
        caller.tenant.as_str(),
        delivery,
    )
    .fetch_all(work.conn())
    .await?;
    let payload = serde_json::from_str(&payload).map_err(Problem::internal)?;
    Ok(Json(Whole { delivery: found, payload, tried }))
}
