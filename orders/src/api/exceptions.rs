//! What staff does about orders that the usual way does not bring to an end: the rest is given up, stock is sold that is kept back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use service_kit::auth::Role;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::orders::{AskStockOverride, GiveUpRest};
use shared_events::{OrderId, OrderTaskId, ids};
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, text};
use super::one::visible;
use super::staff::{MANAGERS, Reason};
use crate::read_order::Order;

/// Gives up what has not left of an order of which a part has: its stock is free again, what was promised for it is let go, what was taken
/// for it is paid back, and the order is closed as what was sent. For managers.
#[utoipa::path(post, path = "/orders/{id}/give-up-rest", operation_id = "give_up_rest", tag = "orders",
    params(("id" = Uuid, Path, description = "The order")), request_body = Reason, security(("bearer" = [])), responses(
        (status = 200, description = "Given up", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It has no rest, or something of it is leaving at this moment", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn give_up_rest(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &ask.body.reason, 500)?;
    let Ask { caller, body, ticket } = ask;
    let command = GiveUpRest { order_id: OrderId(id), reason: body.reason, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Asks that an order which waits for stock may be served from what warehouses keep back; another person decides in the inbox. For staff.
#[utoipa::path(post, path = "/orders/{id}/stock-override", operation_id = "ask_stock_override", tag = "catalogue and stock",
    params(("id" = Uuid, Path, description = "The order")), request_body = Reason, security(("bearer" = [])), responses(
        (status = 201, description = "Asked; somebody else decides", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It does not wait for stock, or even so there is too little", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn ask_stock_override(
    State(api): State<Api>,
    Path(id): Path<Uuid>,
    ask: Ask<Reason>,
) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    text("reason", &ask.body.reason, 500)?;
    let mut work = api.store.read(&ask.caller.tenant).await?;
    visible(&mut work, &ask.caller, id).await?;
    drop(work);
    let Ask { caller, body, ticket } = ask;
    let task_id = OrderTaskId(ids::derive(&["stock-override", &ticket.id.to_string()]));
    let command = AskStockOverride { task_id, order_id: OrderId(id), reason: body.reason, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::CREATED).await
}
