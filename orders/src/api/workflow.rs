//! The paths of the order workflow (seed 003). The orders behind them are the same as those of the shop.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::{Channel, FulfilOrder, HandedOver, LineQuantity, RefundOrder, RefundWish, ReturnOrder};
use shared_events::{OrderId, RefundId, ReturnId, ids};
use utoipa::ToSchema;
use uuid::Uuid;

use super::amount::Amount;
use super::ask::{Ask, Body, text};
use super::bodies::OrderBody;
use super::list::{self, Filter, Page};
use super::one::{self, Shipment, Whole};
use super::place::submit;
use super::staff::{MANAGERS, NewStatus, set_status};
use super::{Api, reach};
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

/// Names the labels of an order's shipments, so that they leave and are paid for. For staff; an operator names those of its own
/// warehouses, and the order goes on when the last one has its label.
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
    let mut work = api.store.read(&caller.tenant).await?;
    one::visible(&mut work, &caller, id).await?;
    let only_in = reach::warehouses(&mut work, &caller).await?;
    drop(work);
    let by = caller.subject.clone();
    let command = FulfilOrder { order_id: OrderId(id), shipments: body.shipments, only_in, by };
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

/// Which goods came back, and what becomes of them: all that was sent, unless `lines` is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lines": [{"line": 1, "quantity": 1}], "reason": "does not fit", "restock": true, "refund": true}))]
pub struct ReturnBody {
    /// So many of these lines.
    #[serde(default)]
    lines: Option<Vec<LineQuantity>>,
    /// Why; 1 to 500 characters.
    reason: String,
    /// Whether they can be sold again.
    #[serde(default)]
    restock: bool,
    /// Whether what they came to is paid back; of a whole return, all that is left.
    #[serde(default)]
    refund: bool,
}

impl Body for ReturnBody {}

/// Takes goods in that came back: all of them or by line, into stock or not, with the money or without it. For managers.
#[utoipa::path(post, path = "/api/order-workflow/orders/{id}/return", operation_id = "return_order", tag = "order workflow",
    params(("id" = Uuid, Path, description = "The order"), ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same return")),
    request_body = ReturnBody, security(("bearer" = [])), responses(
        (status = 200, description = "They are back", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Nothing was sent, or all is back", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn take_back(
    State(api): State<Api>,
    Path(id): Path<Uuid>,
    ask: Ask<ReturnBody>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &ask.body.reason, 500)?;
    let Ask { caller, body: ReturnBody { lines, reason, restock, refund }, ticket } = ask;
    let mut work = api.store.read(&caller.tenant).await?;
    one::visible(&mut work, &caller, id).await?;
    drop(work);
    let named = |what: &str| ids::derive(&[what, &ticket.id.to_string()]);
    let (return_id, refund_id) = (ReturnId(named("return")), refund.then(|| RefundId(named("refund"))));
    let (order_id, by) = (OrderId(id), caller.subject.clone());
    let command = ReturnOrder { return_id, order_id, lines, restock, refund_id, reason, by };
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
