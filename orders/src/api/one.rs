//! One order: shown whole, changed, cancelled. Others' orders are not there.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use service_kit::store::Work;
use shared_events::orders::{CancelOrder, UpdateOrder};
use shared_events::{Money, OrderId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, Nothing, text};
use super::bodies::{check_address, check_tokens};
use crate::order_row::stored_currency;
use crate::private::{Address, Private};
use crate::read_order::{self, Fraud, Order, Row};
use crate::refund_order;

/// An order with everything about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whole {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// The customer's mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How suspicious it is; for staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraud: Option<Fraud>,
    /// Why; for staff. A list of `name`, `points` and `evidence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraud_factors: Option<Value>,
    /// How each step went.
    pub steps: Vec<StepState>,
    /// How it is paid, the latest try first.
    pub payments: Vec<PaymentState>,
    /// What is sent.
    pub shipments: Vec<Shipment>,
    /// What is paid back: `refund_id`, `amount`, `status` (`requested`, `succeeded`, `failed`), `reason`, `restock`.
    pub refunds: Vec<Value>,
}

/// How a step went.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepState {
    /// The step.
    #[schema(example = "reserve_stock")]
    pub step: String,
    /// `done`, `held`, `later`, `failed`, `skipped` or `lapsed`.
    #[schema(example = "done")]
    pub state: String,
    /// How often it ran.
    pub attempts: i32,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who, where it was a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it last ran.
    pub at: DateTime<Utc>,
}

/// How an order is paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentState {
    /// The payment.
    pub payment_id: Uuid,
    /// By which provider.
    #[schema(example = "stripe")]
    pub gateway: String,
    /// `created`, `unknown`, `declined`, `authorized`, `voided` or `lapsed`.
    #[schema(example = "authorized")]
    pub state: String,
    /// What was to be promised.
    #[schema(example = "193.59")]
    pub amount: String,
    /// What was taken.
    #[schema(example = "0.00")]
    pub captured: String,
    /// What was paid back.
    #[schema(example = "0.00")]
    pub refunded: String,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
}

/// What is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shipment {
    /// The shipment.
    pub shipment_id: Uuid,
    /// Its number within the order, from 1.
    pub number: i32,
    /// From where.
    #[schema(example = "east")]
    pub warehouse_id: String,
    /// `planned`, `labelled`, `dispatched`, `delivered` or `cancelled`.
    #[schema(example = "planned")]
    pub status: String,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// By which service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Under which number it can be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// When it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<DateTime<Utc>>,
    /// When it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<DateTime<Utc>>,
}

/// The row of an order that the caller may see.
pub async fn visible(work: &mut Work, caller: &Caller, id: Uuid) -> Result<Row, Problem> {
    let row = read_order::row(work, OrderId(id)).await?.ok_or_else(Problem::not_found)?;
    if caller.is_staff() || row.customer_id() == caller.subject.as_str() {
        return Ok(row);
    }
    Err(Problem::not_found())
}

/// The shipments of an order.
pub async fn shipments(work: &mut Work, id: Uuid) -> Result<Vec<Shipment>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT id, number, warehouse_id, state::text AS "state!", carrier, service, tracking_number, dispatched_at, delivered_at
           FROM shipments WHERE tenant = $1 AND order_id = $2 ORDER BY number"#,
        tenant.as_str(),
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let shown = rows.into_iter().map(|row| Shipment {
        shipment_id: row.id,
        number: row.number,
        warehouse_id: row.warehouse_id,
        status: row.state,
        carrier: row.carrier,
        service: row.service,
        tracking_number: row.tracking_number,
        dispatched_at: row.dispatched_at,
        delivered_at: row.delivered_at,
    });
    Ok(shown.collect())
}

/// An order with everything about it that the caller may see.
pub async fn whole(api: &Api, caller: &Caller, id: Uuid) -> Result<Json<Whole>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let row = visible(&mut work, caller, id).await?;
    let currency = stored_currency(&row.currency);
    let tenant = caller.tenant.as_str();
    let sealed = sqlx::query_scalar!("SELECT private_sealed FROM orders WHERE tenant = $1 AND id = $2", tenant, id)
        .fetch_one(work.conn())
        .await?;
    let private = Private::open(&api.config.key, &caller.tenant, OrderId(id), &sealed).map_err(Problem::internal)?;
    let steps = sqlx::query_as!(
        StepState,
        "SELECT step, state, attempts, detail, by, last_at AS at FROM order_steps WHERE tenant = $1 AND order_id = $2 ORDER BY first_at, last_at",
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let payments = sqlx::query!(
        r#"SELECT id, gateway, state::text AS "state!", amount_minor, captured_minor, refunded_minor, decline_code FROM payments
           WHERE tenant = $1 AND order_id = $2 ORDER BY attempt DESC LIMIT 50"#,
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let decimal = |minor| Money::new(minor, currency).decimal();
    let payments = payments.into_iter().map(|row| PaymentState {
        payment_id: row.id,
        gateway: row.gateway,
        state: row.state,
        amount: decimal(row.amount_minor),
        captured: decimal(row.captured_minor),
        refunded: decimal(row.refunded_minor),
        decline_code: row.decline_code,
    });
    let shipments = shipments(&mut work, id).await?;
    let refunds = refund_order::shown(&mut work, OrderId(id)).await?;
    let is_staff = caller.is_staff();
    let fraud_factors = if is_staff { read_order::factors(&mut work, OrderId(id)).await? } else { None };
    let items = read_order::items(&mut work, &[id]).await?.into_iter().map(|(_, item)| item).collect();
    let fraud = row.fraud().filter(|_| is_staff);
    Ok(Json(Whole {
        order: row.show(items),
        billing_address: private.billing,
        shipping_address: private.shipping,
        email: private.email,
        fraud,
        fraud_factors,
        steps,
        payments: payments.collect(),
        shipments,
        refunds,
    }))
}

/// Shows an order. A customer sees its own.
#[utoipa::path(get, path = "/orders/{id}", operation_id = "read_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    security(("bearer" = [])), responses((status = 200, description = "The order", body = Whole)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Whole>, Problem> {
    whole(&api, &caller, id).await
}

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
}

impl Body for Update {}

/// Whose orders a caller may change: staff everybody's, others their own.
pub fn only_of(caller: &Caller) -> Option<String> {
    (!caller.is_staff()).then(|| caller.subject.to_string())
}

/// Changes where and how an order is sent, before it is confirmed. Tax and shipping are reckoned anew.
#[utoipa::path(put, path = "/orders/{id}", operation_id = "update_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    request_body = Update, security(("bearer" = [])), responses(
        (status = 200, description = "Changed", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is too late", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn update(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Update>) -> Result<Response, Problem> {
    let mut body = ask.body;
    if let Some(method) = &body.shipping_method {
        text("shipping_method", method, 64)?;
    }
    if let Some(token) = &body.payment_token {
        text("payment_token", token, 255)?;
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
    let sealed = sqlx::query_scalar!("SELECT private_sealed FROM orders WHERE tenant = $1 AND id = $2", tenant, id)
        .fetch_one(work.conn())
        .await?;
    drop(work);
    let (key, order_id) = (&api.config.key, OrderId(id));
    let mut private = Private::open(key, &ask.caller.tenant, order_id, &sealed).map_err(Problem::internal)?;
    private.shipping = body.shipping_address.or(private.shipping);
    private.billing = body.billing_address.or(private.billing);
    if body.payment_token.is_some() || body.payment_tokens.is_some() {
        (private.payment_token, private.payment_tokens) = (body.payment_token, body.payment_tokens.unwrap_or_default());
    }
    let command = UpdateOrder {
        order_id,
        marks: Some(private.marks(key)),
        private: Some(private.seal(key, &ask.caller.tenant, order_id)?),
        ship_country,
        shipping_method: body.shipping_method,
        only_of: only_of(&ask.caller),
        by: ask.caller.subject.clone(),
    };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}

/// Cancels an order before anything of it left; what was done for it is undone.
#[utoipa::path(delete, path = "/orders/{id}", operation_id = "cancel_order", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    security(("bearer" = [])), responses(
        (status = 200, description = "Cancelled", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is too late", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn cancel(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    let only_of = only_of(&ask.caller);
    let reason = if only_of.is_some() { "cancelled by the customer" } else { "cancelled by staff" };
    let by = ask.caller.subject.clone();
    let command = CancelOrder { order_id: OrderId(id), reason: reason.to_owned(), only_of, by };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}
