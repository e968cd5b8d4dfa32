//! Who looks after what waits: tasks of orders, and what waits in other services.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::AssignTask;
use shared_events::{OrderTaskId, Subject};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, text};
use super::staff::MANAGERS;

/// Most things that can be asked about at once.
const MOST: usize = 100;

/// In whose hands it is put, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"assignee": "bob", "reason": "he knows the customer"}))]
pub struct TaskAssignment {
    /// Who looks after it from now on; absent = nobody does.
    #[serde(default)]
    assignee: Option<Subject>,
    /// What waits in another service: `payout` or `claim_over_limit`; absent = a task of orders.
    #[serde(default)]
    kind: Option<String>,
    /// Why; 1 to 500 characters.
    reason: String,
}

impl Body for TaskAssignment {}

/// Puts something of the inbox into somebody's hands, or takes it out of them; the audit keeps each time. For managers.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/assign", operation_id = "assign_approval", tag = "approvals",
    params(("id" = Uuid, Path, description = "The task; of a payout or a claim its own id")), request_body = TaskAssignment, security(("bearer" = [])), responses(
        (status = 200, description = "Assigned", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "It is decided already", body = service_kit::problem::Body, content_type = "application/problem+json"), (status = 422, description = "A field does not fit", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn assign(
    State(api): State<Api>,
    Path(id): Path<Uuid>,
    ask: Ask<TaskAssignment>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &ask.body.reason, 500)?;
    let Ask { caller, body, ticket } = ask;
    let command = AssignTask {
        task_id: OrderTaskId(id),
        kind: body.kind,
        assignee: body.assignee,
        reason: body.reason,
        by: caller.subject.clone(),
    };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Which things.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Ids of payouts and claims, parted by commas; at most 100.
    ids: String,
}

/// Who looks after something that waits in another service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Assigned {
    /// Its id there.
    pub task_id: Uuid,
    /// `payout` or `claim_over_limit`.
    #[schema(example = "payout")]
    pub kind: String,
    /// Who; absent = nobody any more.
    pub assignee: Option<String>,
    /// Who said so last.
    pub assigned_by: String,
    /// When.
    pub assigned_at: DateTime<Utc>,
}

/// Who looks after what.
#[derive(Debug, Serialize, ToSchema)]
pub struct Assignees {
    /// What was ever assigned of what was asked about.
    pub assignees: Vec<Assigned>,
}

/// Shows who looks after what waits in other services. For staff and sellers, who read the inbox.
#[utoipa::path(get, path = "/api/v1/approvals/assignees", operation_id = "list_assignees", tag = "approvals", params(Which), security(("bearer" = [])),
    responses((status = 200, description = "Who looks after what", body = Assignees), (status = 422, description = "A parameter does not fit", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Assignees>, Problem> {
    caller.require(&[Role::Admin, Role::Manager, Role::Operator, Role::Seller])?;
    let ids: Result<Vec<Uuid>, _> = which.ids.split(',').filter(|id| !id.is_empty()).map(Uuid::try_parse).collect();
    let ids = ids.ok().filter(|ids| ids.len() <= MOST);
    let ids =
        ids.ok_or_else(|| Problem::invalid_field("ids", format!("must be at most {MOST} ids parted by commas")))?;
    let mut work = api.store.read(&caller.tenant).await?;
    let assignees = sqlx::query_as!(
        Assigned,
        "SELECT task_id, kind, assignee, assigned_by, assigned_at FROM inbox_assignees WHERE tenant = $1 AND task_id = ANY($2) ORDER BY assigned_at",
        caller.tenant.as_str(),
        &ids,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Json(Assignees { assignees }))
}
