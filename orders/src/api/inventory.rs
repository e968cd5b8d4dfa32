//! What is in stock, as the order workflow (seed 003) shows it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};

use super::{Api, reach};

/// Which stock.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// In this warehouse.
    warehouse_id: Option<String>,
    /// Of this article.
    sku: Option<String>,
    /// Only what should be reordered.
    #[serde(default)]
    low: bool,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// What a warehouse has of an article.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stock {
    /// The article.
    #[schema(example = "WIDGET-001")]
    pub sku: String,
    /// Where.
    #[schema(example = "east")]
    pub warehouse_id: String,
    /// What is there.
    pub on_hand: i64,
    /// What of it is set aside for orders.
    pub reserved: i64,
    /// What can be sold.
    pub available: i64,
    /// What is never sold.
    pub safety: i64,
    /// From when on to reorder.
    pub reorder_point: i64,
    /// How many to reorder now; 0 = none.
    pub suggested_reorder: i64,
}

/// Stock in all.
#[derive(Debug, Serialize, ToSchema)]
pub struct Totals {
    /// How many entries: an article in a warehouse is one.
    pub entries: i64,
    /// What is there.
    pub on_hand: i64,
    /// What of it is set aside for orders.
    pub reserved: i64,
    /// What can be sold.
    pub available: i64,
    /// How many entries should be reordered.
    pub low: i64,
}

/// Stock of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inventory {
    /// By article, then warehouse.
    pub items: Vec<Stock>,
    /// The same in all, of everything that fits, on this page or not.
    pub totals: Totals,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What is in stock, and what should be reordered. For staff.
#[utoipa::path(get, path = "/api/order-workflow/analytics/inventory", operation_id = "order_inventory", tag = "order workflow", params(Which),
    security(("bearer" = [])), responses((status = 200, description = "A page of stock", body = Inventory)))]
pub async fn inventory(
    State(api): State<Api>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Inventory>, Problem> {
    caller.require(&Role::STAFF)?;
    let limit = Limit::of(which.limit)?;
    let after = which.cursor.as_deref().map(|cursor| {
        cursor
            .split_once('\u{1f}')
            .ok_or_else(|| Problem::invalid_field("cursor", "is not one that this list handed out"))
    });
    let (after_sku, after_warehouse) = after.transpose()?.unzip();
    let mut work = api.store.read(&caller.tenant).await?;
    let own = reach::warehouses(&mut work, &caller).await?;
    let mut rows = sqlx::query!(
        r#"SELECT sku, warehouse_id, on_hand, reserved, safety, reorder_point,
                  CASE WHEN on_hand - reserved - safety <= reorder_point THEN reorder_quantity ELSE 0 END AS "suggested!"
           FROM stock_items
           WHERE tenant = $1 AND ($2::text IS NULL OR warehouse_id = $2) AND ($3::text IS NULL OR sku = $3)
             AND (NOT $4 OR (reorder_quantity > 0 AND on_hand - reserved - safety <= reorder_point))
             AND ($5::text IS NULL OR (sku, warehouse_id) > ($5, $6::text)) AND ($8::text[] IS NULL OR warehouse_id = ANY($8))
           ORDER BY sku, warehouse_id LIMIT $7"#,
        caller.tenant.as_str(),
        which.warehouse_id,
        which.sku,
        which.low,
        after_sku,
        after_warehouse,
        limit.rows(),
        own.as_deref(),
    )
    .fetch_all(work.conn())
    .await?;
    let totals = sqlx::query_as!(
        Totals,
        r#"SELECT count(*) AS "entries!", COALESCE(sum(on_hand), 0)::bigint AS "on_hand!", COALESCE(sum(reserved), 0)::bigint AS "reserved!",
                  COALESCE(sum(GREATEST(on_hand - reserved - safety, 0)), 0)::bigint AS "available!",
                  count(*) FILTER (WHERE reorder_quantity > 0 AND on_hand - reserved - safety <= reorder_point) AS "low!"
           FROM stock_items
           WHERE tenant = $1 AND ($2::text IS NULL OR warehouse_id = $2) AND ($3::text IS NULL OR sku = $3)
             AND (NOT $4 OR (reorder_quantity > 0 AND on_hand - reserved - safety <= reorder_point))
             AND ($5::text[] IS NULL OR warehouse_id = ANY($5))"#,
        caller.tenant.as_str(),
        which.warehouse_id,
        which.sku,
        which.low,
        own.as_deref(),
    )
    .fetch_one(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |last| format!("{}\u{1f}{}", last.sku, last.warehouse_id));
    let items = rows.into_iter().map(|row| Stock {
        sku: row.sku,
        warehouse_id: row.warehouse_id,
        on_hand: row.on_hand,
        reserved: row.reserved,
        available: (row.on_hand - row.reserved - row.safety).max(0),
        safety: row.safety,
        reorder_point: row.reorder_point,
        suggested_reorder: row.suggested,
    });
    Ok(Json(Inventory { items: items.collect(), totals, next_cursor }))
}
