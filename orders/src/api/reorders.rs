//! What ran low and is to be ordered, where that is switched on.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Api, reach};

/// How requests can stand.
const STATES: [&str; 3] = ["open", "received", "dropped"];

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `open`, `received` or `dropped`; all unless said.
    status: Option<String>,
    /// Of this article.
    sku: Option<String>,
    /// In this warehouse.
    warehouse_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Something to be ordered.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReorderRequest {
    /// The request.
    pub id: Uuid,
    /// Its number.
    pub seq: i64,
    /// Which article.
    #[schema(example = "WIDGET-001")]
    pub sku: String,
    /// For which warehouse.
    #[schema(example = "east")]
    pub warehouse_id: String,
    /// How many are to be ordered.
    #[schema(example = 40)]
    pub quantity: i64,
    /// How many have come in since.
    #[schema(example = 0)]
    pub received: i64,
    /// How many could be sold when it was asked for.
    #[schema(example = 4)]
    pub available: i64,
    /// `open`, `received` or `dropped` (the stock's rule changed).
    #[schema(example = "open")]
    pub status: String,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

/// Requests of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReorderRequests {
    /// Whether such requests are made here.
    pub enabled: bool,
    /// Newest first.
    pub requests: Vec<ReorderRequest>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What ran low and is to be ordered: one open request at a time for an article in a warehouse. For staff; operators see their warehouses.
#[utoipa::path(get, path = "/api/v1/reorders", operation_id = "list_reorders", tag = "catalogue and stock", params(Which), security(("bearer" = [])),
    responses((status = 200, description = "A page of requests", body = ReorderRequests)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<ReorderRequests>, Problem> {
    caller.require(&Role::STAFF)?;
    if which.status.as_deref().is_some_and(|status| !STATES.contains(&status)) {
        return Err(Problem::invalid_field("status", "must be open, received or dropped"));
    }
    let at = Paging::of(which.limit, which.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let own = reach::warehouses(&mut work, &caller).await?;
    let mut requests = sqlx::query_as!(
        ReorderRequest,
        "SELECT id, seq, sku, warehouse_id, quantity, received, available, state AS status, asked_at, closed_at FROM reorder_requests
         WHERE tenant = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR sku = $3)
           AND ($4::text IS NULL OR warehouse_id = $4) AND ($5::bigint IS NULL OR seq < $5)
           AND ($7::text[] IS NULL OR warehouse_id = ANY($7)) ORDER BY seq DESC LIMIT $6",
        caller.tenant.as_str(),
        which.status,
        which.sku,
        which.warehouse_id,
        at.seen(),
        at.rows(),
        own.as_deref(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut requests, |request| request.seq);
    Ok(Json(ReorderRequests { enabled: api.config.reorders, requests, next_cursor }))
}
