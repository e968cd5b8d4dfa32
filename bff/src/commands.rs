//! How a command ended.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Path, Query};
use service_kit::problem::Problem;
use shared_events::outcome::Rejection;
use shared_events::{MessageId, Service};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;

/// Longest wait, in seconds.
const LONGEST_WAIT: u64 = 10;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(read))
}

/// How a command stands.
#[derive(Debug, Serialize, ToSchema)]
struct CommandState {
    /// The command.
    command_id: Uuid,
    /// `accepted`, `done` or `rejected`.
    #[schema(example = "done")]
    status: String,
    /// Its wire name, once it ended.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<Rejection>,
    /// The resulting ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Patience {
    #[serde(default)]
    wait: u64,
}

/// Whether a command is accepted, done or rejected, and why.
#[utoipa::path(get, path = "/api/v1/commands/{id}", operation_id = "read_command", tag = "commands",
    params(("id" = Uuid, Path, description = "The command"), ("wait" = Option<u64>, Query, description = "Seconds to wait for its end, at most 10")),
    security(("bearer" = [])), responses((status = 200, description = "How it stands", body = CommandState)))]
async fn read(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<Patience>,
) -> Result<Response, Problem> {
    let id = MessageId(id);
    let wait = Duration::from_secs(query.wait.min(LONGEST_WAIT));
    let sent = app.sent.get(id).filter(|command| command.tenant == caller.tenant);
    if let Some(command) = sent {
        // As its owner has it: for others than who sent it and those who work for the tenant there is no such command.
        if command.subject != caller.subject && !caller.is_staff() {
            return Err(Problem::not_found());
        }
        let outcome = app.outcome(&caller, id, command.service, wait).await?;
        return Ok(shown(id, outcome).into_response());
    }
    // Sent before a restart or by another BFF: its owner is not known here, so every service is asked.
    let questions = Service::ALL.map(|service| app.outcome(&caller, id, service, wait));
    let mut away = None;
    for answer in futures::future::join_all(questions).await {
        match answer {
            Ok(Some(outcome)) => return Ok(shown(id, Some(outcome)).into_response()),
            Ok(None) => {}
            Err(problem) => away = Some(problem),
        }
    }
    Err(away.unwrap_or_else(Problem::not_found))
}

fn shown(id: MessageId, outcome: Option<service_kit::commands::CommandOutcome>) -> axum::Json<CommandState> {
    axum::Json(match outcome {
        Some(outcome) => CommandState {
            command_id: id.0,
            status: outcome.status,
            kind: Some(outcome.kind),
            rejection: outcome.rejection,
            result: outcome.result,
        },
        None => CommandState { command_id: id.0, status: "accepted".into(), kind: None, rejection: None, result: None },
    })
}
