//! The paths of the order workflow (seed 003). The orders behind them are the same as those of the shop.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::{Channel, FulfilOrder, HandedOver, LineQuantity, RefundOrder, RefundWish};
use shared_events::{OrderId, RefundId, ids};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::amount::Amount;
use super::ask::{Ask, Body, text};
use super::bodies::OrderBody;
use super::list::{self, Filter, Page, page_size};
use super::one::{self, Shipment, Whole};
use super::place::submit;
use super::staff::{MANAGERS, NewStatus, set_status};
use crate::order_row::stored_currency;
use crate::read_order::Order;

/// Takes an order of a selling system, which may name tax, shipping, and prices of what the catalogue does not know.
#[utoipa::path(post, path = "/api/order-workflow/orders", operation_id = "place_workflow_order", tag = "order workflow", request_body = OrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same order")),
    security(("bearer" = [])), responses(
        (status = 201, description = "Taken", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "A price or total is another now", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn place(State(api): State<Api>, ask: Ask<OrderBody>) -> Result<Response, Problem> {
    submit(&api, ask, Channel::Workflow, "/api/order-workflow/orders").await
}

/// Lists orders, newest first: staff sees everybody's, a customer its own.
#[utoipa::path(get, path = "/api/order-workflow/orders", operation_id = "list_workflow_orders", tag = "order workflow", params(Filter),
    security(("bearer" = [])), responses((status = 200, description = "A page of orders", body = Page)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Page>, Problem> {
    list::visible(&api, &caller, filter).await
}

/// Shows an order.
#[utoipa::path(get, path = "/api/order-workflow/orders/{id}", operation_id = "read_workflow_order", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order")), security(("bearer" = [])), responses((status = 200, description = "The order", body = Whole)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Whole>, Problem> {
    one::whole(&api, &caller, id).await
}

/// Moves an order on, through the same states as its process. For managers.
#[utoipa::path(put, path = "/api/order-workflow/orders/{id}/status", operation_id = "change_workflow_status", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order")), request_body = NewStatus, security(("bearer" = [])), responses(
        (status = 200, description = "Changed", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Not possible from here", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn change_status(
    State(api): State<Api>,
    Path(id): Path<Uuid>,
    ask: Ask<NewStatus>,
) -> Result<Response, Problem> {
    set_status(&api, id, ask).await
}

/// Labels of an order's shipments.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"shipments": [{"shipment": 1, "carrier": "ups", "tracking_number": "1Z999AA10123456784"}]}))]
pub struct Labels {
    /// One entry for each shipment that waits.
    #[serde(default)]
    pub shipments: Vec<HandedOver>,
}

impl Body for Labels {
    const OPTIONAL: bool = true;
}

/// Names the labels of an order's shipments, so that they leave and are paid for. For staff.
#[utoipa::path(post, path = "/api/order-workflow/orders/{id}/fulfill", operation_id = "fulfil_order", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order")), request_body = Labels, security(("bearer" = [])), responses(
        (status = 200, description = "It goes on", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It does not wait for labels, or some are missing", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn fulfil(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Labels>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    if ask.body.shipments.len() > 100 {
        return Err(Problem::invalid_field("shipments", "must be at most 100"));
    }
    for (index, label) in ask.body.shipments.iter().enumerate() {
        text(&format!("shipments[{index}].carrier"), &label.carrier, 64)?;
        text(&format!("shipments[{index}].tracking_number"), &label.tracking_number, 128)?;
    }
    let Ask { caller, body, ticket } = ask;
    let command = FulfilOrder { order_id: OrderId(id), shipments: body.shipments, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// How much is paid back: all that is left unless `lines` or `amount` is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": [{"line": 1, "quantity": 1}], "reason": "damaged", "restock": false}))]
pub struct RefundBody {
    /// So many of these lines.
    #[serde(default)]
    lines: Option<Vec<LineQuantity>>,
    /// An amount in the order's currency, of no line in particular.
    #[serde(default)]
    amount: Option<Amount>,
    /// Why; 1 to 500 characters.
    reason: String,
    /// Whether the goods are back and can be sold again.
    #[serde(default)]
    restock: bool,
}

impl Body for RefundBody {}

/// Pays back what was captured: all of it, by line, or an amount. For managers.
#[utoipa::path(post, path = "/api/order-workflow/orders/{id}/refund", operation_id = "refund_order", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order"), ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same refund")),
    request_body = RefundBody, security(("bearer" = [])), responses(
        (status = 200, description = "It is being paid back", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Nothing was taken, or all is back", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn refund(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<RefundBody>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &ask.body.reason, 500)?;
    let Ask { caller, body, ticket } = ask;
    let wish = match (body.lines, body.amount) {
        (Some(_), Some(_)) => return Err(Problem::invalid_field("amount", "cannot be given together with lines")),
        (Some(lines), None) => RefundWish::Lines(lines),
        (None, Some(amount)) => {
            let mut work = api.store.read(&caller.tenant).await?;
            let row = one::visible(&mut work, &caller, id).await?;
            RefundWish::Amount(amount.read("amount", stored_currency(&row.currency))?)
        }
        (None, None) => RefundWish::Whole,
    };
    let refund_id = RefundId(ids::derive(&["refund", &ticket.id.to_string()]));
    let (order_id, by) = (OrderId(id), caller.subject.clone());
    let command = RefundOrder { refund_id, order_id, wish, reason: body.reason, restock: body.restock, by };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Where an order is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tracking {
    /// The order.
    pub order_id: Uuid,
    /// Where it stands.
    #[schema(example = "shipped")]
    pub status: String,
    /// Its shipments.
    pub shipments: Vec<Shipment>,
}

/// Where an order's shipments are.
#[utoipa::path(get, path = "/api/order-workflow/orders/{id}/tracking", operation_id = "track_order", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order")), security(("bearer" = [])), responses((status = 200, description = "Where it is", body = Tracking)))]
pub async fn tracking(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Tracking>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let row = one::visible(&mut work, &caller, id).await?;
    let shipments = one::shipments(&mut work, id).await?;
    Ok(Json(Tracking { order_id: id, status: row.show(Vec::new()).status, shipments }))
}

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
}

/// How the process fares. For managers.
#[utoipa::path(get, path = "/api/order-workflow/analytics/performance", operation_id = "order_performance", tag = "order workflow",
    security(("bearer" = [])), responses((status = 200, description = "The numbers", body = Performance)))]
pub async fn performance(State(api): State<Api>, caller: Caller) -> Result<Json<Performance>, Problem> {
    caller.require(&MANAGERS)?;
    let since = api.store.now() - chrono::TimeDelta::hours(24);
    let mut work = api.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE placed_at >= $2) AS "placed!",
             count(*) FILTER (WHERE status NOT IN ('on_hold', 'shipped', 'delivered', 'completed', 'cancelled', 'returned', 'refunded')) AS "in_process!",
             count(*) FILTER (WHERE status = 'on_hold') AS "waiting!",
             count(*) FILTER (WHERE shipped_at >= $2) AS "shipped!",
             count(*) FILTER (WHERE status = 'cancelled' AND finished_at >= $2) AS "cancelled!",
             (avg(extract(epoch FROM shipped_at - placed_at) * 1000) FILTER (WHERE shipped_at >= $2))::bigint AS average,
             (percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM shipped_at - placed_at) * 1000) FILTER (WHERE shipped_at >= $2))::bigint AS p99
           FROM orders WHERE tenant = $1"#,
        caller.tenant.as_str(),
        since,
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
    Ok(Json(Performance {
        period_hours: 24,
        orders_placed: row.placed,
        orders_in_process: row.in_process,
        orders_waiting: row.waiting,
        orders_shipped: row.shipped,
        orders_cancelled: row.cancelled,
        average_processing_ms: row.average,
        p99_processing_ms: row.p99,
        payment_success_rate: rate,
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

/// Stock of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inventory {
    /// By article, then warehouse.
    pub items: Vec<Stock>,
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
    let limit = page_size(which.limit)?;
    let after = which.cursor.as_deref().map(|cursor| {
        cursor
            .split_once('\u{1f}')
            .ok_or_else(|| Problem::invalid_field("cursor", "is not one that this list handed out"))
    });
    let (after_sku, after_warehouse) = after.transpose()?.unzip();
    let mut work = api.store.read(&caller.tenant).await?;
    let rows = sqlx::query!(
        r#"SELECT sku, warehouse_id, on_hand, reserved, safety, reorder_point,
                  CASE WHEN on_hand - reserved <= reorder_point THEN reorder_quantity ELSE 0 END AS "suggested!"
           FROM stock_items
           WHERE tenant = $1 AND ($2::text IS NULL OR warehouse_id = $2) AND ($3::text IS NULL OR sku = $3)
             AND (NOT $4 OR (reorder_quantity > 0 AND on_hand - reserved <= reorder_point))
             AND ($5::text IS NULL OR (sku, warehouse_id) > ($5, $6::text)) ORDER BY sku, warehouse_id LIMIT $7"#,
        caller.tenant.as_str(),
        which.warehouse_id,
        which.sku,
        which.low,
        after_sku,
        after_warehouse,
        limit + 1,
    )
    .fetch_all(work.conn())
    .await?;
    let more = rows.len() as i64 > limit;
    let items: Vec<Stock> = rows
        .into_iter()
        .take(limit as usize)
        .map(|row| Stock {
            sku: row.sku,
            warehouse_id: row.warehouse_id,
            on_hand: row.on_hand,
            reserved: row.reserved,
            available: (row.on_hand - row.reserved - row.safety).max(0),
            safety: row.safety,
            reorder_point: row.reorder_point,
            suggested_reorder: row.suggested,
        })
        .collect();
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{}\u{1f}{}", last.sku, last.warehouse_id));
    Ok(Json(Inventory { items, next_cursor }))
}
