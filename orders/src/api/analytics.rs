//! How the process fares and what is in stock, as the order workflow (seed 003) shows it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Limit, Query};
use service_kit::problem::Problem;
use shared_events::Money;
use utoipa::{IntoParams, ToSchema};

use super::staff::MANAGERS;
use super::{Api, reach};
use crate::order_row::stored_currency;

/// How the process fares, over the last 24 hours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Performance {
    /// Over how many hours.
    #[schema(example = 24)]
    pub period_hours: i64,
    /// Orders placed.
    pub orders_placed: i64,
    /// Of all orders: how many are under way by themselves.
    pub orders_in_process: i64,
    /// ... and how many wait for a person.
    pub orders_waiting: i64,
    /// Orders that left.
    pub orders_shipped: i64,
    /// Orders cancelled.
    pub orders_cancelled: i64,
    /// From placing to leaving, on average, in milliseconds; absent when none left.
    pub average_processing_ms: Option<i64>,
    /// ... of the slowest hundredth.
    pub p99_processing_ms: Option<i64>,
    /// Payments that were promised, in per cent of those that ended; absent when none ended.
    #[schema(example = "98.53")]
    pub payment_success_rate: Option<String>,
    /// Counts of stock that found what the books said, in per cent; absent when nothing was counted.
    #[schema(example = "99.50")]
    pub inventory_accuracy: Option<String>,
    /// Parcels that left and that no carrier lost, damaged or brought back, in per cent; absent when none left.
    #[schema(example = "99.12")]
    pub fulfillment_accuracy: Option<String>,
    /// Orders placed in a minute, on average.
    #[schema(example = "0.69")]
    pub orders_per_minute: String,
    /// Of the orders that were placed in the last 30 days and left: how many came back, in per cent; absent when none left.
    #[schema(example = "1.20")]
    pub return_rate: Option<String>,
    /// ... and for how many something was paid back.
    #[schema(example = "2.40")]
    pub refund_rate: Option<String>,
    /// Money of the orders placed, by currency. Cancelled orders do not count.
    pub by_currency: Vec<Earned>,
}

/// Money of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct Earned {
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// What an order comes to, on average.
    #[schema(example = "193.59")]
    pub average_order_value: String,
    /// What the orders of an hour come to, on average.
    #[schema(example = "8.06")]
    pub revenue_per_hour: String,
}

/// Over how many hours the numbers are.
const PERIOD: i64 = 24;
/// How far back orders are looked at for what happens to them late: that they leave, and come back.
const LOOKED_AT: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// How the process fares. For managers.
#[utoipa::path(get, path = "/api/order-workflow/analytics/performance", operation_id = "order_performance", tag = "order workflow",
    security(("bearer" = [])), responses((status = 200, description = "The numbers", body = Performance)))]
pub async fn performance(State(api): State<Api>, caller: Caller) -> Result<Json<Performance>, Problem> {
    caller.require(&MANAGERS)?;
    let now = api.store.now();
    let (since, looked_at) = (now - chrono::TimeDelta::hours(PERIOD), now - LOOKED_AT);
    let mut work = api.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE placed_at >= $2) AS "placed!",
             count(*) FILTER (WHERE shipped_at >= $2) AS "shipped!",
             count(*) FILTER (WHERE status = 'cancelled' AND finished_at >= $2) AS "cancelled!",
             (avg(extract(epoch FROM shipped_at - placed_at) * 1000) FILTER (WHERE shipped_at >= $2))::bigint AS average,
             (percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM shipped_at - placed_at) * 1000) FILTER (WHERE shipped_at >= $2))::bigint AS p99,
             round(count(*) FILTER (WHERE placed_at >= $2) / ($4::bigint * 60.0), 2)::text AS "per_minute!",
             round(100.0 * count(*) FILTER (WHERE status = 'returned') / NULLIF(count(*) FILTER (WHERE shipped_at IS NOT NULL), 0), 2)::text AS returned,
             round(100.0 * count(*) FILTER (WHERE refunded_minor > 0) / NULLIF(count(*) FILTER (WHERE shipped_at IS NOT NULL), 0), 2)::text AS refunded
           FROM orders WHERE tenant = $1 AND placed_at >= $3"#,
        caller.tenant.as_str(),
        since,
        looked_at,
        PERIOD,
    )
    .fetch_one(work.conn())
    .await?;
    let rate = sqlx::query_scalar!(
        "SELECT round(100.0 * count(*) FILTER (WHERE state <> 'declined') / NULLIF(count(*), 0), 2)::text FROM payments
         WHERE tenant = $1 AND created_at >= $2 AND state NOT IN ('created', 'unknown')",
        caller.tenant.as_str(),
        since,
    )
    .fetch_one(work.conn())
    .await?;
    // By their statuses, which are indexed: those that are over are not read.
    let open = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE status <> 'on_hold') AS "in_process!", count(*) FILTER (WHERE status = 'on_hold') AS "waiting!" FROM orders
           WHERE tenant = $1 AND status IN ('placed', 'validating', 'on_hold', 'confirmed', 'allocated', 'payment_authorized', 'fulfilling',
             'partially_shipped')"#,
        caller.tenant.as_str(),
    )
    .fetch_one(work.conn())
    .await?;
    let accuracy = sqlx::query!(
        r#"SELECT (SELECT round(100.0 * count(*) FILTER (WHERE on_hand = 0) / NULLIF(count(*), 0), 2)::text FROM stock_ledger
              WHERE tenant = $1 AND movement = 'counted' AND at >= $2) AS inventory,
             (SELECT round(100.0 * count(*) FILTER (WHERE s.tracking_status IS NULL OR s.tracking_status NOT IN ('failure', 'error', 'cancelled',
                 'return_to_sender')) / NULLIF(count(*), 0), 2)::text
              FROM orders o JOIN shipments s ON s.tenant = o.tenant AND s.order_id = o.id
              WHERE o.tenant = $1 AND o.placed_at >= $3 AND s.dispatched_at >= $2) AS fulfillment"#,
        caller.tenant.as_str(),
        since,
        looked_at,
    )
    .fetch_one(work.conn())
    .await?;
    let earned = sqlx::query!(
        r#"SELECT currency, round(avg(grand_minor))::bigint AS "average!", round(sum(grand_minor) / $3::bigint)::bigint AS "hourly!" FROM orders
           WHERE tenant = $1 AND placed_at >= $2 AND status <> 'cancelled' GROUP BY currency ORDER BY currency"#,
        caller.tenant.as_str(),
        since,
        PERIOD,
    )
    .fetch_all(work.conn())
    .await?;
    let by_currency = earned.into_iter().map(|row| {
        let decimal = |minor| Money::new(minor, stored_currency(&row.currency)).decimal();
        Earned {
            average_order_value: decimal(row.average),
            revenue_per_hour: decimal(row.hourly),
            currency: row.currency,
        }
    });
    Ok(Json(Performance {
        period_hours: PERIOD,
        orders_placed: row.placed,
        orders_in_process: open.in_process,
        orders_waiting: open.waiting,
        orders_shipped: row.shipped,
        orders_cancelled: row.cancelled,
        average_processing_ms: row.average,
        p99_processing_ms: row.p99,
        payment_success_rate: rate,
        inventory_accuracy: accuracy.inventory,
        fulfillment_accuracy: accuracy.fulfillment,
        orders_per_minute: row.per_minute,
        return_rate: row.returned,
        refund_rate: row.refunded,
        by_currency: by_currency.collect(),
    }))
}

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
