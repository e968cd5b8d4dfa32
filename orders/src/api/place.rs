//! Taking an order of the shop.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use service_kit::problem::Problem;
use shared_events::orders::Channel;

use super::ask::Ask;
use super::bodies::OrderBody;
use super::{Api, around};
use crate::read_order::Order;

/// Takes an order. Prices are the catalogue's; with an `Idempotency-Key` a repeat is the same order.
#[utoipa::path(post, path = "/orders", operation_id = "place_order", tag = "orders", request_body = OrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same order"),
        ("Prefer" = Option<String>, Header, description = "wait=N waits up to N (10) seconds for the outcome, respond-async not at all")),
    security(("bearer" = [])), responses(
        (status = 201, description = "Taken", body = Order),
        (status = 202, description = "Accepted; the Location tells how it ends", body = serde_json::Value),
        (status = 409, description = "A price or total is another now; the line is named", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn place(State(api): State<Api>, ask: Ask<OrderBody>) -> Result<Response, Problem> {
    submit(&api, ask, Channel::Shop, "/orders").await
}

/// Takes an order by one of the doors.
pub async fn submit(api: &Api, ask: Ask<OrderBody>, channel: Channel, base: &str) -> Result<Response, Problem> {
    let mut body = ask.body;
    around::complete(api, &ask.caller, &mut body).await?;
    let command = body.command(api, &ask.caller, ask.ticket.id, channel)?;
    let mut response = api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::CREATED).await?;
    if response.status() == StatusCode::CREATED
        && let Ok(place) = HeaderValue::from_str(&format!("{base}/{}", command.order_id))
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}
