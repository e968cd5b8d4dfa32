//! How an order is paid, in detail: each choice of a gateway with its reasons, each call, each webhook, each dispute.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use shared_events::Money;
use sqlx::types::Json as Stored;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::one::visible;
use crate::domain::routing::Candidate;
use crate::order_row::stored_currency;

/// A choice of a gateway.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteState {
    /// When.
    pub at: DateTime<Utc>,
    /// The gateway; absent = none could be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "stripe")]
    pub gateway: Option<String>,
    /// The payment that it led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// Every gateway and why, the best first.
    #[schema(value_type = Vec<Candidate>)]
    pub candidates: Stored<Vec<Candidate>>,
}

/// A call to a gateway.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallState {
    /// Its idempotency key.
    pub call_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
    /// `authorize`, `renew`, `capture`, `void` or `refund`.
    #[schema(example = "capture")]
    pub purpose: String,
    /// How much.
    #[schema(example = "74.77")]
    pub amount: String,
    /// `begun`, `done` or `refused`.
    #[schema(example = "done")]
    pub state: String,
    /// The gateway's name of what was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why it was refused, or is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
}

/// A webhook that was proved.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookState {
    /// Of which gateway.
    #[schema(example = "stripe")]
    pub gateway: String,
    /// The gateway's id of the event.
    pub event_id: String,
    /// The gateway's name of its kind.
    #[schema(example = "payment_intent.succeeded")]
    pub kind: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was heeded.
    pub heeded_at: Option<DateTime<Utc>>,
}

/// Somebody wants money back by way of the bank or the gateway.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeState {
    /// Of which gateway.
    #[schema(example = "stripe")]
    pub gateway: String,
    /// The gateway's name of it.
    pub dispute: String,
    /// `open`, `won` or `lost`.
    #[schema(example = "open")]
    pub state: String,
    /// How much is wanted back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// How an order is paid, in detail.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    /// The choices, in order; at most 100.
    pub routes: Vec<RouteState>,
    /// The calls, in order; at most 200.
    pub calls: Vec<CallState>,
    /// The webhooks, in order; at most 200.
    pub webhooks: Vec<WebhookState>,
    /// The disputes; at most 50.
    pub disputes: Vec<DisputeState>,
}

/// Shows how an order is paid, in detail. For staff.
#[utoipa::path(get, path = "/orders/{id}/payments", operation_id = "read_order_payments", tag = "payments",
    params(("id" = Uuid, Path, description = "The order")), security(("bearer" = [])),
    responses((status = 200, description = "The choices, calls, webhooks and disputes", body = Details)))]
pub async fn show(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Json<Details>, Problem> {
    caller.require(&Role::STAFF)?;
    let tenant = caller.tenant.as_str();
    let mut work = api.store.read(&caller.tenant).await?;
    visible(&mut work, &caller, id).await?;
    let code = sqlx::query_scalar!("SELECT currency FROM orders WHERE tenant = $1 AND id = $2", tenant, id)
        .fetch_one(work.conn())
        .await?;
    let decimal = |minor| Money::new(minor, stored_currency(&code)).decimal();
    let routes = sqlx::query_as!(
        RouteState,
        r#"SELECT at, gateway, payment_id, candidates AS "candidates: Stored<Vec<Candidate>>" FROM payment_routes
           WHERE tenant = $1 AND order_id = $2 ORDER BY seq LIMIT 100"#,
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let calls = sqlx::query!(
        r#"SELECT c.id, c.payment_id, c.purpose, c.amount_minor, c.state::text AS "state!", c.provider_ref, c.detail, c.begun_at
           FROM payment_calls c JOIN payments p ON p.tenant = c.tenant AND p.id = c.payment_id
           WHERE p.tenant = $1 AND p.order_id = $2 ORDER BY c.begun_at, c.id LIMIT 200"#,
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let webhooks = sqlx::query_as!(
        WebhookState,
        "SELECT gateway, event_id, kind, received_at, heeded_at FROM payment_webhooks
         WHERE tenant = $1 AND order_id = $2 ORDER BY received_at, event_id LIMIT 200",
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let disputes = sqlx::query!(
        "SELECT gateway, dispute, state, minor, opened_at, ended_at FROM payment_disputes
         WHERE tenant = $1 AND order_id = $2 ORDER BY opened_at, dispute LIMIT 50",
        tenant,
        id,
    )
    .fetch_all(work.conn())
    .await?;
    let calls = calls.into_iter().map(|row| CallState {
        call_id: row.id,
        payment_id: row.payment_id,
        purpose: row.purpose,
        amount: decimal(row.amount_minor),
        state: row.state,
        reference: row.provider_ref,
        detail: row.detail,
        begun_at: row.begun_at,
    });
    let disputes = disputes.into_iter().map(|row| DisputeState {
        gateway: row.gateway,
        dispute: row.dispute,
        state: row.state,
        amount: row.minor.map(decimal),
        opened_at: row.opened_at,
        ended_at: row.ended_at,
    });
    Ok(Json(Details { routes, calls: calls.collect(), webhooks, disputes: disputes.collect() }))
}
