//! What became of the orders of a Saleor shop, and what the shop was told.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Paging, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::staff::MANAGERS;

/// How an order of the shop can stand.
const STATES: [&str; 3] = ["imported", "refused", "closed"];

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// `imported`, `refused` or `closed`; all unless said.
    status: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// How far the shop was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleorFeed {
    /// Changes before it are known.
    pub since: DateTime<Utc>,
    /// When it was last asked.
    pub asked_at: DateTime<Utc>,
    /// Why it could not be read then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An order of the shop.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleorOrder {
    /// The shop's id.
    #[schema(example = "T3JkZXI6MQ==")]
    pub saleor_id: String,
    /// What people call it there.
    #[schema(example = "1041")]
    pub number: String,
    /// `imported`, `refused`, or `closed`: nothing more will happen to it.
    #[schema(example = "imported")]
    pub status: String,
    /// The order here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    /// Why it was refused, or why it goes on here although it was cancelled there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was last looked at.
    pub seen_at: DateTime<Utc>,
    /// When it was seen to be cancelled in the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<DateTime<Utc>>,
    /// What the shop was told.
    pub told: Vec<SaleorNews>,
}

/// Something that the shop is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleorNews {
    /// The shipment that left, or `cancel`.
    #[schema(example = "cancel")]
    pub subject: String,
    /// `open`, `done` or `refused`.
    #[schema(example = "done")]
    pub status: String,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it came up.
    pub asked_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// Orders of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleorOrders {
    /// Whether the tenant has a shop that is read.
    pub configured: bool,
    /// How far it was read; absent = never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<SaleorFeed>,
    /// Newest first.
    pub orders: Vec<SaleorOrder>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Orders of the Saleor shop: what became of each here, and what the shop was told of it. For managers.
#[utoipa::path(get, path = "/api/v1/saleor/orders", operation_id = "list_saleor_orders", tag = "orders", params(Which), security(("bearer" = [])),
    responses((status = 200, description = "A page of orders", body = SaleorOrders)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<SaleorOrders>, Problem> {
    caller.require(&MANAGERS)?;
    if which.status.as_deref().is_some_and(|status| !STATES.contains(&status)) {
        return Err(Problem::invalid_field("status", "must be imported, refused or closed"));
    }
    let at = Paging::of(which.limit, which.cursor.as_deref())?;
    let tenant = caller.tenant.as_str();
    let mut work = api.store.read(&caller.tenant).await?;
    let feed =
        sqlx::query_as!(SaleorFeed, "SELECT since, asked_at, problem FROM saleor_feeds WHERE tenant = $1", tenant)
            .fetch_optional(work.conn())
            .await?;
    let mut rows = sqlx::query!(
        "SELECT seq, saleor_id, number, state, order_id, reason, seen_at, cancelled_at FROM saleor_orders
         WHERE tenant = $1 AND ($2::text IS NULL OR state = $2) AND ($3::bigint IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4",
        tenant,
        which.status,
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut rows, |row| row.seq);
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| row.order_id).collect();
    let mut news = sqlx::query!(
        "SELECT order_id, subject, state, detail, asked_at, ended_at FROM saleor_pushes
         WHERE tenant = $1 AND order_id = ANY($2) ORDER BY asked_at, subject",
        tenant,
        &ids,
    )
    .fetch_all(work.conn())
    .await?;
    let orders = rows.into_iter().map(|row| {
        let told = news.extract_if(.., |one| Some(one.order_id) == row.order_id).map(|one| SaleorNews {
            subject: one.subject,
            status: one.state,
            detail: one.detail,
            asked_at: one.asked_at,
            ended_at: one.ended_at,
        });
        SaleorOrder {
            told: told.collect(),
            saleor_id: row.saleor_id,
            number: row.number,
            status: row.state,
            order_id: row.order_id,
            reason: row.reason,
            seen_at: row.seen_at,
            cancelled_at: row.cancelled_at,
        }
    });
    let configured = api.config.saleor.as_ref().is_some_and(|shop| shop.tenant == caller.tenant);
    Ok(Json(SaleorOrders { configured, feed, orders: orders.collect(), next_cursor }))
}
