//! What staff does with orders: numbers, statuses, steps, and the trail of it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::{ChangeOrderStatus, Steer, SteerOrder};
use shared_events::{Money, OrderId};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, text};
use super::one::visible;
use crate::order_row::stored_currency;
use crate::read_order::Order;

/// Who sees everything and moves it.
pub const MANAGERS: [Role; 2] = [Role::Admin, Role::Manager];

/// Orders in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stats {
    /// How many there are.
    pub total_orders: i64,
    /// How many of them stand where.
    pub orders_by_status: BTreeMap<String, i64>,
    /// How many wait for a person.
    pub waiting: i64,
    /// Money, by currency.
    pub revenue: Vec<Revenue>,
}

/// Money of one currency. Cancelled orders do not count.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revenue {
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
    /// How many orders.
    pub orders: i64,
    /// What they come to.
    #[schema(example = "193.59")]
    pub total: String,
    /// What they come to on average.
    #[schema(example = "193.59")]
    pub average: String,
    /// What was taken of it.
    #[schema(example = "0.00")]
    pub captured: String,
    /// What was paid back of that.
    #[schema(example = "0.00")]
    pub refunded: String,
}

/// Since when orders count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// Orders placed from then on; all of them unless said.
    since: Option<DateTime<Utc>>,
}

/// Orders in numbers. For managers.
#[utoipa::path(get, path = "/admin/orders/stats", operation_id = "order_stats", tag = "orders", params(Since), security(("bearer" = [])),
    responses((status = 200, description = "The numbers", body = Stats)))]
pub async fn stats(
    State(api): State<Api>,
    caller: Caller,
    Query(window): Query<Since>,
) -> Result<Json<Stats>, Problem> {
    caller.require(&MANAGERS)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let tenant = caller.tenant.as_str();
    let by_status = sqlx::query!(
        r#"SELECT status::text AS "status!", count(*) AS "count!" FROM orders
           WHERE tenant = $1 AND ($2::timestamptz IS NULL OR placed_at >= $2) GROUP BY status"#,
        tenant,
        window.since,
    )
    .fetch_all(work.conn())
    .await?;
    let money = sqlx::query!(
        r#"SELECT currency, count(*) AS "orders!", sum(grand_minor)::bigint AS "total!", round(avg(grand_minor))::bigint AS "average!",
                  sum(captured_minor)::bigint AS "captured!", sum(refunded_minor)::bigint AS "refunded!"
           FROM orders WHERE tenant = $1 AND status <> 'cancelled' AND ($2::timestamptz IS NULL OR placed_at >= $2)
           GROUP BY currency ORDER BY currency"#,
        tenant,
        window.since,
    )
    .fetch_all(work.conn())
    .await?;
    let orders_by_status: BTreeMap<String, i64> = by_status.into_iter().map(|row| (row.status, row.count)).collect();
    let revenue = money.into_iter().map(|row| {
        let decimal = |minor| Money::new(minor, stored_currency(&row.currency)).decimal();
        Revenue {
            orders: row.orders,
            total: decimal(row.total),
            average: decimal(row.average),
            captured: decimal(row.captured),
            refunded: decimal(row.refunded),
            currency: row.currency,
        }
    });
    Ok(Json(Stats {
        total_orders: orders_by_status.values().sum(),
        waiting: orders_by_status.get("on_hold").copied().unwrap_or_default(),
        orders_by_status,
        revenue: revenue.collect(),
    }))
}

/// The status that an order is to have, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "delivered", "reason": "the carrier says so"}))]
pub struct NewStatus {
    /// The status; only some can be named, the process brings about the others.
    pub status: String,
    /// Why; 1 to 500 characters.
    #[serde(default = "unsaid", alias = "notes")]
    pub reason: String,
}

fn unsaid() -> String {
    "no reason was given".into()
}

impl Body for NewStatus {}

/// Has the status of an order changed; for both spellings of the path.
pub async fn set_status(api: &Api, id: Uuid, ask: Ask<NewStatus>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &ask.body.reason, 500)?;
    let Ask { caller, body, ticket } = ask;
    let by = caller.subject.clone();
    let command = ChangeOrderStatus { order_id: OrderId(id), status: body.status, reason: body.reason, by };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Moves an order on, through the same states as its process. For managers.
#[utoipa::path(put, path = "/admin/orders/{id}/status", operation_id = "change_order_status", tag = "orders",
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

/// Why, in words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the customer sent another card"}))]
pub struct Reason {
    /// 1 to 500 characters.
    pub reason: String,
}

impl Body for Reason {}

async fn steer(api: &Api, id: Uuid, step: String, action: Steer, ask: Ask<Reason>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    text("reason", &ask.body.reason, 500)?;
    let mut work = api.store.read(&ask.caller.tenant).await?;
    visible(&mut work, &ask.caller, id).await?;
    drop(work);
    let Ask { caller, body, ticket } = ask;
    let command = SteerOrder { order_id: OrderId(id), step, action, reason: body.reason, by: caller.subject.clone() };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Runs the step again that an order waits at. For staff.
#[utoipa::path(post, path = "/orders/{id}/steps/{step}/retry", operation_id = "retry_order_step", tag = "orders",
    params(("id" = Uuid, Path, description = "The order"), ("step" = String, Path, description = "The step")), request_body = Reason,
    security(("bearer" = [])), responses(
        (status = 200, description = "It runs", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "The order does not wait there", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn retry(
    State(api): State<Api>,
    Path((id, step)): Path<(Uuid, String)>,
    ask: Ask<Reason>,
) -> Result<Response, Problem> {
    steer(&api, id, step, Steer::Retry, ask).await
}

/// Goes on without the step that an order waits at; never without those that move stock or money. For managers.
#[utoipa::path(post, path = "/orders/{id}/steps/{step}/skip", operation_id = "skip_order_step", tag = "orders",
    params(("id" = Uuid, Path, description = "The order"), ("step" = String, Path, description = "The step")), request_body = Reason,
    security(("bearer" = [])), responses(
        (status = 200, description = "It goes on", body = Order), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It does not wait there, or cannot go without", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn skip(
    State(api): State<Api>,
    Path((id, step)): Path<(Uuid, String)>,
    ask: Ask<Reason>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    steer(&api, id, step, Steer::Skip, ask).await
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Trail {
    /// About this order, task, product or warehouse.
    subject: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// What a person did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub who: String,
    /// What.
    #[schema(example = "change_status")]
    pub what: String,
    /// To what.
    pub subject: String,
    /// How it was.
    pub before: serde_json::Value,
    /// How it is.
    pub after: serde_json::Value,
    /// Why.
    pub why: String,
}

/// Entries of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entries {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Who did what, and why. For managers.
#[utoipa::path(get, path = "/admin/orders/audit", operation_id = "order_audit", tag = "orders", params(Trail), security(("bearer" = [])),
    responses((status = 200, description = "A page of entries", body = Entries)))]
pub async fn audit(
    State(api): State<Api>,
    caller: Caller,
    Query(trail): Query<Trail>,
) -> Result<Json<Entries>, Problem> {
    caller.require(&MANAGERS)?;
    let at = Paging::of(trail.limit, trail.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let mut entries = sqlx::query_as!(
        Entry,
        "SELECT seq, at, who, what, subject, before, after, why FROM audit
         WHERE tenant = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::bigint IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4",
        caller.tenant.as_str(),
        trail.subject,
        at.seen(),
        at.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut entries, |entry| entry.seq);
    Ok(Json(Entries { entries, next_cursor }))
}
