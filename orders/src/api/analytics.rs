//! How the process fares, as the order workflow (seed 003) shows it.

use axum::extract::State;
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::http::Json;
use service_kit::problem::Problem;
use shared_events::Money;
use utoipa::ToSchema;

use super::Api;
use super::staff::MANAGERS;
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
