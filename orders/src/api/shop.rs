//! Customers and carts of our own tables.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::orders::{InCart, PutCart, PutCustomer};
use utoipa::ToSchema;

use super::Api;
use super::ask::{Ask, Body, text};
use super::staff::MANAGERS;

/// Whether a customer may order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"is_active": false, "reason": "three chargebacks"}))]
pub struct Customer {
    is_active: bool,
    /// 1 to 500 characters.
    reason: String,
}

impl Body for Customer {}

/// Enters a customer, or shuts one out. For managers. Where a user service is configured, that one decides.
#[utoipa::path(put, path = "/api/v1/customers/{id}", operation_id = "put_customer", tag = "orders",
    params(("id" = String, Path, description = "The customer")), request_body = Customer, security(("bearer" = [])), responses(
        (status = 200, description = "Written down", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_customer(
    State(api): State<Api>,
    Path(id): Path<String>,
    ask: Ask<Customer>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("id", &id, 128)?;
    text("reason", &body.reason, 500)?;
    let by = caller.subject.clone();
    let command = PutCustomer { customer_id: id, is_active: body.is_active, reason: body.reason, by };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// What lies in a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"product_id": "prod_456", "quantity": 2, "unit_price": "29.99"}]}))]
pub struct Cart {
    items: Vec<InCart>,
}

impl Body for Cart {}

/// Says what lies in the caller's cart. Where a cart service is configured, that one knows.
#[utoipa::path(put, path = "/api/v1/carts/{id}", operation_id = "put_cart", tag = "orders",
    params(("id" = String, Path, description = "The caller's name of the cart")), request_body = Cart, security(("bearer" = [])), responses(
        (status = 200, description = "Written down", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_cart(State(api): State<Api>, Path(id): Path<String>, ask: Ask<Cart>) -> Result<Response, Problem> {
    let Ask { caller, body, ticket } = ask;
    text("id", &id, 128)?;
    for (index, item) in body.items.iter().enumerate() {
        text(&format!("items[{index}].product_id"), &item.product_id, 128)?;
        if let Some(price) = &item.unit_price {
            text(&format!("items[{index}].unit_price"), price, 32)?;
        }
    }
    let command = PutCart { cart_id: id, customer_id: caller.subject.to_string(), items: body.items };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}
