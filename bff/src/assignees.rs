//! Who looks after what waits. Tasks of orders say so themselves; of payouts and claims the orders service keeps it, since the inbox is one.
//! Before one of those is assigned its own service is asked whether it waits at all, and whether the caller may see it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service_kit::auth::Caller;
use service_kit::http::{Path, unread_body};
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::campaigns::MANAGERS;
use crate::proxy::Question;

/// Where something of the inbox is assigned, around its id.
pub const ASSIGN: (&str, &str) = ("/api/v1/approvals/", "/assign");
/// Where it is told who was assigned when, by whom and why, around its id.
pub const HISTORY: (&str, &str) = ("/admin/orders/audit?subject=", "");

/// Things that are asked about with one question.
const AT_ONCE: usize = 100;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(assign))
}

/// The kind of what is assigned; the rest of the body is for the service that keeps it.
#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    kind: Option<String>,
}

/// Puts something of the inbox into somebody's hands, or takes it out of them. For managers.
#[utoipa::path(post, path = "/api/v1/approvals/{id}/assign", operation_id = "assign_approval", tag = "orders",
    params(("id" = Uuid, Path, description = "The task; of a payout or a claim its own id")), request_body = serde_json::Value,
    security(("bearer" = [])), responses(
        (status = 200, description = "Assigned", body = serde_json::Value),
        (status = 202, description = "Accepted; the Location tells how it ends", body = serde_json::Value),
        (status = 404, description = "It is not there", body = service_kit::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "It does not wait for anybody any more", body = service_kit::problem::Body, content_type = "application/problem+json")))]
async fn assign(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<Uuid>,
    request: Request,
) -> Result<Response, Problem> {
    caller.require(&MANAGERS)?;
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let body = Bytes::from_request(request, &app).await.map_err(unread_body)?;
    // What is no JSON is for the service to refuse.
    let kind = serde_json::from_slice::<Wish>(&body).ok().and_then(|wish| wish.kind);
    match kind.as_deref() {
        Some("payout") => {
            let waits = |payout: &Map<String, Value>| {
                payout.get("state") == Some(&json!("requested")) && payout.get("needs_approval") == Some(&json!(true))
            };
            check_waits(&app, &caller, Service::Commission, &format!("/api/v1/payouts/{id}"), waits).await?;
        }
        Some("claim_over_limit") => {
            let waits = |claim: &Map<String, Value>| claim.get("status") == Some(&json!("approval"));
            check_waits(&app, &caller, Service::Claims, &format!("/api/recoveries/{id}/status"), waits).await?;
        }
        _ => {}
    }
    app.upstream(Service::Orders).hand_on(&caller, Method::POST, &uri, &headers, body).await
}

/// Whether something waits for a person in its own service.
async fn check_waits(
    app: &Shared,
    caller: &Caller,
    service: Service,
    target: &str,
    waits: impl Fn(&Map<String, Value>) -> bool,
) -> Result<(), Problem> {
    let answer = app.upstream(service).get(Question::of(caller, target)).await?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(Problem::not_found()),
        StatusCode::FORBIDDEN => return Err(Problem::forbidden("the token's roles do not allow this")),
        status => {
            return Err(Problem::unavailable(format!("{} does not say whether it waits", service.name()))
                .caused_by(anyhow::anyhow!("{status}")));
        }
    }
    let found = answer.json::<Map<String, Value>>().await.map_err(Problem::internal)?;
    if waits(&found) {
        return Ok(());
    }
    Err(Problem::conflict("it does not wait for anybody any more").code("task_state_conflict"))
}

/// Adds to payouts and claims who looks after them; false when that cannot be told now.
pub async fn add(app: &Shared, caller: &Caller, tasks: &mut [Value]) -> bool {
    let mut elsewhere: Vec<&mut Value> =
        tasks.iter_mut().filter(|task| task["kind"] == "payout" || task["kind"] == "claim_over_limit").collect();
    for some in elsewhere.chunks_mut(AT_ONCE) {
        let ids: Vec<&str> = some.iter().filter_map(|task| task["task_id"].as_str()).collect();
        let target = format!("/api/v1/approvals/assignees?ids={}", ids.join(","));
        let Some(known) = ask(app, caller, &target).await else { return false };
        for task in some {
            let found = known.iter().find(|known| known["task_id"] == task["task_id"] && known["kind"] == task["kind"]);
            for name in ["assignee", "assigned_by", "assigned_at"] {
                task[name] = found.map(|found| found[name].clone()).unwrap_or_default();
            }
        }
    }
    true
}

async fn ask(app: &Shared, caller: &Caller, target: &str) -> Option<Vec<Value>> {
    let answer = app.upstream(Service::Orders).get(Question::of(caller, target)).await.ok()?;
    if answer.status() != StatusCode::OK {
        return None;
    }
    let mut page = answer.json::<Map<String, Value>>().await.ok()?;
    match page.remove("assignees")? {
        Value::Array(found) => Some(found),
        _ => None,
    }
}
