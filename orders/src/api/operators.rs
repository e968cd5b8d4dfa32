//! Who works in which warehouse, as managers say it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Json, Path};
use service_kit::problem::Problem;
use shared_events::Subject;
use shared_events::orders::AssignOperators;
use utoipa::ToSchema;

use super::Api;
use super::ask::{Ask, Body, text};
use super::staff::MANAGERS;

/// Most operators of one warehouse.
const MOST_OPERATORS: usize = 1_000;

/// Who works in a warehouse from now on: these, and nobody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"operators": ["olga", "otto"], "reason": "new shift"}))]
pub struct Assignment {
    /// Subjects of their tokens.
    #[schema(value_type = Vec<String>)]
    operators: Vec<Subject>,
    /// Why; 1 to 500 characters.
    reason: String,
}

impl Body for Assignment {}

/// Says who works in a warehouse. Operators see and move what is in theirs alone. For managers.
#[utoipa::path(put, path = "/api/v1/warehouses/{id}/operators", operation_id = "assign_operators", tag = "access",
    params(("id" = String, Path, description = "The warehouse")), request_body = Assignment, security(("bearer" = [])), responses(
        (status = 200, description = "Written down", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn assign(State(api): State<Api>, Path(id): Path<String>, ask: Ask<Assignment>) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("id", &id, 64)?;
    text("reason", &body.reason, 500)?;
    if body.operators.len() > MOST_OPERATORS {
        return Err(Problem::invalid_field("operators", format!("must be at most {MOST_OPERATORS}")));
    }
    let by = caller.subject.clone();
    let command = AssignOperators { warehouse_id: id, operators: body.operators, reason: body.reason, by };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Who works in a warehouse.
#[derive(Debug, Serialize, ToSchema)]
pub struct Operators {
    /// The warehouse.
    pub warehouse_id: String,
    /// People by the subjects of their tokens, machines as `key-` and their id.
    pub operators: Vec<String>,
}

/// Shows who works in a warehouse. For managers.
#[utoipa::path(get, path = "/api/v1/warehouses/{id}/operators", operation_id = "list_operators", tag = "access",
    params(("id" = String, Path, description = "The warehouse")), security(("bearer" = [])),
    responses((status = 200, description = "Who works there", body = Operators)))]
pub async fn list(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Result<Json<Operators>, Problem> {
    caller.require(&MANAGERS)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let operators = sqlx::query_scalar!(
        r#"SELECT ARRAY(SELECT operator FROM warehouse_operators o WHERE o.tenant = w.tenant AND o.warehouse_id = w.id ORDER BY operator)
             AS "operators!" FROM warehouses w WHERE tenant = $1 AND id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    Ok(Json(Operators { warehouse_id: id, operators }))
}
