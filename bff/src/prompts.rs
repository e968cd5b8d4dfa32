//! Questions to people: what one is asked, answering, and asking somebody in words of one's own.

use std::time::Duration;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::{Body as ProblemBody, Problem};
use shared_events::evidence::{AnswerPrompt, AskPerson, PromptOption};
use shared_events::{PromptId, ProofRequestId, Service, Subject, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::campaigns::MANAGERS;
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answer, Answers, Ids};

/// Who may ask others.
const ASKERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];
/// How long an answer waits for what came of it, unless the caller prefers otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, ask)).routes(routes!(read)).routes(routes!(answer))
}

/// A question in somebody's own words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "request_id": "0190163d-8694-739b-aea5-966c26f8ad91", "asked": "user123", "question": "Did all five bottles arrive?",
    "options": [{"id": "yes", "label": "All five"}, {"id": "no", "label": "Fewer"}]
}))]
struct NewPrompt {
    /// What it is about.
    request_id: ProofRequestId,
    /// Who is asked; whoever asked for the proof unless said.
    #[serde(default)]
    asked: Option<Subject>,
    /// One sentence of at most 240 characters.
    question: String,
    /// Two or three, with different ids.
    options: Vec<PromptOption>,
    /// Until when an answer counts, at most 30 days ahead; the usual time unless said.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

impl Body for NewPrompt {}

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"selected_option": "yes", "reasoning": "the delivery note says so"}))]
struct NewAnswer {
    /// The id of one of the prompt's options.
    selected_option: String,
    /// Why, at most 1,000 characters.
    #[serde(default)]
    reasoning: Option<String>,
}

impl Body for NewAnswer {}

/// What an answer may be answered with, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "described, never made: `App::send` answers")]
enum Taken {
    /// Taken; `result` holds the answer that counts: this one, or the first when there was one already
    #[response(status = 200)]
    Done(Answer),
    /// Accepted, but what came of it is not known yet
    #[response(status = 202)]
    Accepted(Answer),
    /// Somebody else is asked, and the caller is no manager
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// The question was cancelled
    #[response(status = 409, content_type = "application/problem+json")]
    Cancelled(ProblemBody),
    /// The time to answer is over
    #[response(status = 410, content_type = "application/problem+json")]
    Expired(ProblemBody),
}

/// The caller's own prompts, newest first, also those of the time when it was away; a manager sees everybody's.
#[utoipa::path(get, path = "/api/v1/evidence/prompts", operation_id = "list_prompts", tag = "evidence",
    params(Page,
        ("state" = Option<String>, Query, description = "Only those in this state: `pending`, `answered`, `expired` or `cancelled`"),
        ("request_id" = Option<Uuid>, Query, description = "Only those about this request")),
    security(("bearer" = [])), responses((status = 200, description = "A page", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// One prompt: the caller's own, or any for a manager.
#[utoipa::path(get, path = "/api/v1/evidence/prompts/{id}", operation_id = "read_prompt", tag = "evidence",
    params(("id" = Uuid, Path, description = "The prompt")),
    security(("bearer" = [])), responses((status = 200, description = "The prompt", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Asks a person a question about a request, in words of one's own. The answer is kept, and settles nothing.
#[utoipa::path(post, path = "/api/v1/evidence/prompts", operation_id = "ask_person", tag = "evidence", request_body = NewPrompt,
    security(("bearer" = [])), responses(Answers))]
async fn ask(State(app): State<Shared>, ask: Ask<NewPrompt>) -> Result<Response, Problem> {
    ask.caller.require(&ASKERS)?;
    let NewPrompt { request_id, asked, question, options, expires_at } = ask.body;
    checks::text("question", &question, 240)?;
    check_options(&options)?;
    if expires_at.is_some_and(|at| at <= app.clock.now()) {
        return Err(Problem::invalid_field("expires_at", "must be in the future"));
    }
    let prompt_id = PromptId(ids::derive(&["prompt", &ask.ticket.id.to_string()]));
    let asked_by = ask.caller.subject.clone();
    let command = AskPerson { prompt_id, request_id, asked, question, options, expires_at, asked_by };
    let answer_ids = Ids::from([("prompt_id", prompt_id.to_string())]);
    app.send(&ask.caller, ask.ticket, &command, answer_ids).await
}

fn check_options(options: &[PromptOption]) -> Result<(), Problem> {
    if !(2..=3).contains(&options.len()) {
        return Err(Problem::invalid_field("options", "must be two or three"));
    }
    for (index, option) in options.iter().enumerate() {
        checks::code(&format!("options[{index}].id"), &option.id)?;
        checks::text(&format!("options[{index}].label"), &option.label, 80)?;
        if options.iter().take(index).any(|earlier| earlier.id == option.id) {
            return Err(Problem::invalid_field(&format!("options[{index}].id"), "is there already"));
        }
    }
    Ok(())
}

/// Answers a prompt and waits for what comes of it. Only the person who is asked, or a manager, may answer; a second answer gets the first.
#[utoipa::path(post, path = "/api/v1/evidence/prompts/{id}/answer", operation_id = "answer_prompt", tag = "evidence",
    params(("id" = Uuid, Path, description = "The prompt")), request_body = NewAnswer, security(("bearer" = [])), responses(Taken))]
async fn answer(State(app): State<Shared>, Path(id): Path<Uuid>, mut ask: Ask<NewAnswer>) -> Result<Response, Problem> {
    let NewAnswer { selected_option, reasoning } = ask.body;
    checks::text("selected_option", &selected_option, 64)?;
    if let Some(reasoning) = &reasoning {
        checks::text("reasoning", reasoning, 1_000)?;
    }
    let command = AnswerPrompt {
        prompt_id: PromptId(id),
        selected_option,
        reasoning,
        answered_by: ask.caller.subject.clone(),
        is_manager: ask.caller.has_any(&MANAGERS),
        answered_at: app.clock.now(),
    };
    // Who is asked, until when, and what was answered before is known to the service alone.
    ask.ticket.wait.get_or_insert(PATIENCE);
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("prompt_id", id.to_string())])).await
}
