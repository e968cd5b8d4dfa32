//! One order is changed or cancelled, by whose it is or by staff.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use service_kit::auth::Caller;
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::OrderId;
use shared_events::orders::{CancelOrder, UpdateOrder};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, text};
use super::bodies::check_address;
use super::one::visible;
use super::tokens::check_tokens;
use crate::private::{Address, Private};
use crate::read_order::Order;

/// What may be changed of an order before it is confirmed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"shipping_method": "express"}))]
pub struct Update {
    /// Who pays.
    #[serde(default)]
    billing_address: Option<Address>,
    /// Where it goes.
    #[serde(default)]
    shipping_address: Option<Address>,
    /// How it is sent.
    #[serde(default)]
    shipping_method: Option<String>,
    /// The payment provider's token of another means of payment.
    #[serde(default)]
    payment_token: Option<String>,
    /// Tokens of several payment providers, by their names, in place of those before.
    #[serde(default)]
    payment_tokens: Option<std::collections::BTreeMap<String, String>>,
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Update {}

/// Why an order is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "ordered twice"}))]
pub struct Cancellation {
    /// In the words of who cancels it; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Cancellation {
    const OPTIONAL: bool = true;
}

/// Whose orders a caller may change: staff everybody's, others their own and what they placed.
pub fn only_of(caller: &Caller) -> Option<String> {
    (!caller.is_staff()).then(|| caller.subject.to_string())
}

/// Changes where and how an order is sent, before it is confirmed; or the means of payment while it could not be paid, and then it goes on.
/// Tax and shipping are reckoned anew, and what people had allowed has to be allowed again.
#[utoipa::path(put, path = "/orders/{id}", operation_id = "update_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    request_body = Update, security(("bearer" = [])), responses(
        (status = 200, description = "Changed", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is too late, or somebody else changed it at the same moment", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn update(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Update>) -> Result<Response, Problem> {
    let mut body = ask.body;
    if let Some(method) = &body.shipping_method {
        text("shipping_method", method, 64)?;
    }
    if let Some(token) = &body.payment_token {
        text("payment_token", token, 255)?;
    }
    if let Some(reason) = &body.reason {
        text("reason", reason, 500)?;
    }
    check_tokens(
        body.payment_token.as_ref(),
        body.payment_tokens.as_ref().unwrap_or(&std::collections::BTreeMap::new()),
    )?;
    let mut ship_country = None;
    if let Some(address) = &mut body.shipping_address {
        ship_country = Some(check_address("shipping_address", address)?);
    }
    if let Some(address) = &mut body.billing_address {
        check_address("billing_address", address)?;
    }
    let mut work = api.store.read(&ask.caller.tenant).await?;
    visible(&mut work, &ask.caller, id).await?;
    let tenant = ask.caller.tenant.as_str();
    let kept =
        sqlx::query!("SELECT private_sealed, details_version FROM orders WHERE tenant = $1 AND id = $2", tenant, id)
            .fetch_one(work.conn())
            .await?;
    drop(work);
    let (key, order_id) = (&api.config.key, OrderId(id));
    let mut private =
        Private::open(key, &ask.caller.tenant, order_id, &kept.private_sealed).map_err(Problem::internal)?;
    private.shipping = body.shipping_address.or(private.shipping);
    private.billing = body.billing_address.or(private.billing);
    if body.payment_token.is_some() || body.payment_tokens.is_some() {
        (private.payment_token, private.payment_tokens) = (body.payment_token, body.payment_tokens.unwrap_or_default());
    }
    let command = UpdateOrder {
        order_id,
        marks: Some(private.marks(key)),
        private: Some(private.seal(key, &ask.caller.tenant, order_id)?),
        replaces: None,
        made_from: Some(kept.details_version),
        ship_country,
        shipping_method: body.shipping_method,
        why: body.reason,
        only_of: only_of(&ask.caller),
        by: ask.caller.subject.clone(),
    };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}

/// Cancels an order before anything of it left; what was done for it is undone.
#[utoipa::path(delete, path = "/orders/{id}", operation_id = "cancel_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    request_body = Cancellation, security(("bearer" = [])), responses(
        (status = 200, description = "Cancelled", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is too late", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn cancel(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Cancellation>) -> Result<Response, Problem> {
    if let Some(reason) = &ask.body.reason {
        text("reason", reason, 500)?;
    }
    let mut work = api.store.read(&ask.caller.tenant).await?;
    visible(&mut work, &ask.caller, id).await?;
    drop(work);
    let only_of = only_of(&ask.caller);
    let unsaid = if only_of.is_some() { "cancelled by the customer" } else { "cancelled by staff" };
    let reason = ask.body.reason.unwrap_or_else(|| unsaid.to_owned());
    let by = ask.caller.subject.clone();
    let command = CancelOrder { order_id: OrderId(id), reason, only_of, by };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}
