//! What waits for a person: the inbox of approvals.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::OrderTaskId;
use shared_events::orders::{ClaimOrderTask, DecideOrderTask};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ask::{Ask, Body, Nothing, text};
use super::one::visible;
use super::staff::MANAGERS;
use super::{Api, reach};
use crate::domain::approval::Kind;

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// In this state: `open`, `claimed`, `approved`, `rejected` or `withdrawn`.
    state: Option<String>,
    /// Of this kind: `high_value_order`, `fraud_review`, `qc_exception`, `carrier_exception`, `payment_exception`,
    /// `payment_dispute`, `stock_override` or `customer_problem`.
    kind: Option<String>,
    /// About this order.
    order_id: Option<Uuid>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Something that waits, or waited, for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    /// Its place in the list.
    #[serde(skip)]
    pub seq: i64,
    /// The task.
    pub task_id: Uuid,
    /// `high_value_order`, `fraud_review`, `qc_exception`, `carrier_exception`, `payment_exception`,
    /// `payment_dispute`, `stock_override` or `customer_problem`.
    #[schema(example = "high_value_order")]
    pub kind: String,
    /// The order.
    pub order_id: Uuid,
    /// What it is about, in words.
    #[schema(example = "an order of 1250.00 USD")]
    pub summary: String,
    /// `open`, `claimed`, `approved`, `rejected` or `withdrawn`.
    #[schema(example = "open")]
    pub state: String,
    /// Who may not decide it.
    pub requested_by: String,
    /// Who has taken it on.
    pub assignee: Option<String>,
    /// Since when it waits.
    pub opened_at: DateTime<Utc>,
    /// Until when it should be decided.
    pub due_at: DateTime<Utc>,
    /// When it was escalated.
    pub escalated_at: Option<DateTime<Utc>>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Option<String>,
}

/// Tasks of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    /// Newest first.
    pub tasks: Vec<Task>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Lists what waits for a person, newest first. For staff.
#[utoipa::path(get, path = "/api/v1/approvals", operation_id = "list_approvals", tag = "approvals", params(Filter), security(("bearer" = [])),
    responses((status = 200, description = "A page of tasks", body = Page)))]
pub async fn list(State(api): State<Api>, caller: Caller, Query(filter): Query<Filter>) -> Result<Json<Page>, Problem> {
    caller.require(&Role::STAFF)?;
    let at = Paging::of(filter.limit, filter.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let own = reach::warehouses(&mut work, &caller).await?;
    let mut tasks = sqlx::query_as!(
        Task,
        r#"SELECT seq, id AS task_id, kind, order_id, summary, state::text AS "state!", requested_by, assignee, opened_at, due_at, escalated_at,
                  decided_by, decided_at, reason FROM order_tasks
           WHERE tenant = $1 AND ($2::text IS NULL OR state::text = $2) AND ($3::text IS NULL OR kind = $3)
             AND ($4::uuid IS NULL OR order_id = $4) AND ($5::bigint IS NULL OR seq < $5)
             AND ($7::text[] IS NULL OR order_is_in(tenant, order_id, $7)) ORDER BY seq DESC LIMIT $6"#,
        caller.tenant.as_str(),
        filter.state,
        filter.kind,
        filter.order_id,
        at.seen(),
        at.rows(),
        own.as_deref(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut tasks, |task| task.seq);
    Ok(Json(Page { tasks, next_cursor }))
}

/// Takes a task on. For staff.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/claim", operation_id = "claim_approval", tag = "approvals",
    params(("id" = Uuid, Path, description = "The task")), request_body(content = Nothing, description = "None"), security(("bearer" = [])), responses(
        (status = 200, description = "Taken on", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Somebody else has, or it is decided", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn claim(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Nothing>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    let mut work = api.store.read(&ask.caller.tenant).await?;
    let tenant = ask.caller.tenant.as_str();
    let order = sqlx::query_scalar!("SELECT order_id FROM order_tasks WHERE tenant = $1 AND id = $2", tenant, id)
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(Problem::not_found)?;
    visible(&mut work, &ask.caller, order).await?;
    drop(work);
    let command = ClaimOrderTask { task_id: OrderTaskId(id), by: ask.caller.subject.clone() };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}

/// A decision and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"decision": "approve", "reason": "called the customer"}))]
pub struct Decision {
    decision: Verdict,
    /// 1 to 500 characters.
    reason: String,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may go on; trouble with a parcel is dealt with; money that was refused is asked for again at once; a problem is answered.
    Approve,
    /// It may not: an order that waits for it is cancelled. What has left is not called back; there it only says that nothing can be done. An order
    /// that may not have stock that is kept back waits on.
    Reject,
}

impl Body for Decision {}

/// Decides a task; never one's own. For managers; a customer's problem is answered by any of the staff as long as it is in time.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/decide", operation_id = "decide_approval", tag = "approvals",
    params(("id" = Uuid, Path, description = "The task")), request_body = Decision, security(("bearer" = [])), responses(
        (status = 200, description = "Decided", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is decided already", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn decide(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<Decision>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    text("reason", &ask.body.reason, 500)?;
    if !ask.caller.has_any(&MANAGERS) {
        check_answers(&api, &ask.caller, id).await?;
    }
    let Ask { caller, body, ticket } = ask;
    let (approve, by) = (body.decision == Verdict::Approve, caller.subject.clone());
    let command = DecideOrderTask { task_id: OrderTaskId(id), approve, reason: body.reason, by };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Whether staff that is no manager may decide this: a problem with an order in reach that is not late.
async fn check_answers(api: &Api, caller: &Caller, id: Uuid) -> Result<(), Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    let task = sqlx::query!(
        "SELECT order_id, kind, escalated_at FROM order_tasks WHERE tenant = $1 AND id = $2",
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    let task = task.filter(|task| task.kind == Kind::CustomerProblem.name() && task.escalated_at.is_none());
    let Some(task) = task else { return caller.require(&MANAGERS) };
    visible(&mut work, caller, task.order_id).await.map(drop)
}
