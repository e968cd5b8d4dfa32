//! Problems with orders: raised by customers and staff, answered over the inbox.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use shared_events::orders::RaiseProblem;
use shared_events::{OrderId, OrderTaskId, ids};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::ask::{Ask, Body, text};
use super::change::only_of;
use super::one::visible;
use crate::raise_problem::{self, OrderProblem};

/// What is the matter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "damaged", "text": "the box was open and one cable is torn"}))]
pub struct NewProblem {
    /// `not_arrived`, `damaged`, `wrong_item`, `payment` or `other`.
    kind: String,
    /// In your own words; 1 to 2,000 characters.
    text: String,
}

impl Body for NewProblem {}

/// The problems of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderProblems {
    /// Newest first; at most 200.
    pub problems: Vec<OrderProblem>,
}

/// Raises a problem with an order. It waits in the inbox of approvals with a deadline, and is a manager's when nobody answers in time.
#[utoipa::path(post, path = "/orders/{id}/problems", operation_id = "raise_problem", tag = "orders",
    params(("id" = Uuid, Path, description = "The order"), ("Idempotency-Key" = Option<String>, Header, description = "The same key and body are the same problem")),
    request_body = NewProblem, security(("bearer" = [])), responses(
        (status = 201, description = "Raised", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Too many wait for an answer already", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn raise(State(api): State<Api>, Path(id): Path<Uuid>, ask: Ask<NewProblem>) -> Result<Response, Problem> {
    text("kind", &ask.body.kind, 64)?;
    text("text", &ask.body.text, 2_000)?;
    let mut work = api.store.read(&ask.caller.tenant).await?;
    visible(&mut work, &ask.caller, id).await?;
    drop(work);
    let Ask { caller, body, ticket } = ask;
    let command = RaiseProblem {
        task_id: OrderTaskId(ids::derive(&["problem", &ticket.id.to_string()])),
        order_id: OrderId(id),
        kind: body.kind,
        text: body.text,
        only_of: only_of(&caller),
        by: caller.subject.clone(),
    };
    api.carry_out(&caller, &ticket, &command, StatusCode::CREATED).await
}

/// Shows the problems of an order, and what was answered. A customer sees its own order's.
#[utoipa::path(get, path = "/orders/{id}/problems", operation_id = "list_problems", tag = "orders", params(("id" = Uuid, Path, description = "The order")),
    security(("bearer" = [])), responses((status = 200, description = "The problems", body = OrderProblems)))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<OrderProblems>, Problem> {
    let mut work = api.store.read(&caller.tenant).await?;
    visible(&mut work, &caller, id).await?;
    Ok(Json(OrderProblems { problems: raise_problem::shown(&mut work, OrderId(id)).await? }))
}
