//! Sending a command: its envelope, the receipt of the broker, and the answer, at once or with the outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use service_kit::auth::Caller;
use service_kit::commands::CommandOutcome;
use service_kit::http::context;
use service_kit::problem::Problem;
use shared_events::{Envelope, Message, MessageId, Service};

use crate::app::App;
use crate::ask::Ticket;
use crate::idempotency::{self, Command};
use crate::proxy::Question;

/// How long the broker may take to confirm. The command may be stored all the same, which is why the caller is told to
/// repeat it under the same key.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(6);

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Answer {
    /// The command; `GET /api/v1/commands/{id}` tells how it ended.
    pub command_id: MessageId,
    /// `accepted`, or `done` when you waited for the outcome.
    #[schema(example = "accepted")]
    pub status: &'static str,
    /// What came of it, when you waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Ids of what the command makes or changes.
    #[serde(flatten)]
    pub ids: BTreeMap<&'static str, String>,
}

/// What a command may be answered with, for the OpenAPI document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "described, never made: `App::send` answers")]
pub enum Answers {
    /// Accepted
    #[response(status = 202)]
    Accepted(Answer),
    /// Done (with Prefer: wait)
    #[response(status = 200)]
    Done(Answer),
    /// It exists already, or the state of what it is about does not allow it
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(service_kit::problem::Body),
}

/// Ids that are known before the command is handled, since they follow from it.
pub type Ids = BTreeMap<&'static str, String>;

impl App {
    /// Publishes a command and answers 202 when the broker has it; with `Prefer: wait`, with its outcome.
    ///
    /// # Errors
    /// 422 for a reused key, 503 when the broker does not confirm, and the outcome's refusal.
    pub async fn send<M: Message>(
        &self,
        caller: &Caller,
        ticket: Ticket,
        command: &M,
        ids: Ids,
    ) -> Result<Response, Problem> {
        let service = M::TOPIC.service;
        self.check_reuse(caller, &ticket, service).await?;
        let payload = serde_json::to_vec(command).map_err(Problem::internal)?;
        let envelope = self.envelope(caller, &ticket, command);
        let publishing = self.publisher.publish(M::TOPIC, &envelope, payload);
        match tokio::time::timeout(RECEIPT_DEADLINE, publishing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(unconfirmed(error)),
            Err(late) => return Err(unconfirmed(late.into())),
        }
        metrics::counter!("recoup_commands_total", "service" => "bff", "type" => M::TYPE).increment(1);
        tracing::info!(command.id = %ticket.id, command.kind = M::TYPE, "command accepted");
        let answer = Answer { command_id: ticket.id, status: "accepted", result: None, ids };
        match ticket.wait {
            Some(wait) if !wait.is_zero() => self.with_outcome(caller, &ticket, service, wait, answer).await,
            _ => Ok(accepted(&answer)),
        }
    }

    fn envelope<M: Message>(&self, caller: &Caller, ticket: &Ticket, command: &M) -> Envelope {
        let now = self.clock.now();
        Envelope {
            actor: Some(caller.subject.to_string()),
            traceparent: context::current().map(|names| names.traceparent()),
            body_digest: Some(ticket.digest.clone()),
            // A repeat of the command has the same id and so belongs to the same story.
            ..Envelope::begin("/services/bff", command, ticket.id, caller.tenant.clone(), now)
        }
    }

    /// Whether the command was handled before, as far as its owner can tell now.
    pub async fn is_handled(&self, caller: &Caller, ticket: &Ticket, service: Service) -> bool {
        ticket.keyed && matches!(self.outcome(caller, ticket.id, service, Duration::ZERO).await, Ok(Some(_)))
    }

    /// Refuses a key that was used with another body.
    ///
    /// # Errors
    /// 422 then.
    pub async fn check_reuse(&self, caller: &Caller, ticket: &Ticket, service: Service) -> Result<(), Problem> {
        let (tenant, subject) = (caller.tenant.clone(), caller.subject.clone());
        let command = Command { tenant, subject, service, digest: ticket.digest.clone() };
        if let Some(earlier) = self.sent.claim(ticket.id, command) {
            return if earlier.digest == ticket.digest { Ok(()) } else { Err(idempotency::reused()) };
        }
        if !ticket.keyed {
            return Ok(());
        }
        // New here, but perhaps sent before a restart or by another BFF. While the owning service is away it cannot be asked; the
        // command is then applied at most once all the same, because the id is the same.
        match self.outcome(caller, ticket.id, service, Duration::ZERO).await {
            Ok(Some(outcome)) => same_body(&outcome, ticket),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// How a command ended, as its owner knows it; `None` while it has not.
    ///
    /// # Errors
    /// When the owner is away.
    pub async fn outcome(
        &self,
        caller: &Caller,
        id: MessageId,
        service: Service,
        wait: Duration,
    ) -> Result<Option<CommandOutcome>, Problem> {
        let target = match wait.as_secs() {
            0 => format!("/api/v1/commands/{id}"),
            seconds => format!("/api/v1/commands/{id}?wait={seconds}"),
        };
        let question = Question { patience: wait, ..Question::of(caller, &target) };
        let response = self.upstream(service).get(question).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(response.json().await.map_err(Problem::internal)?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Problem::unavailable("the outcome cannot be told for the moment")
                .caused_by(anyhow::anyhow!("{status} from {}", service.name()))),
        }
    }

    async fn with_outcome(
        &self,
        caller: &Caller,
        ticket: &Ticket,
        service: Service,
        wait: Duration,
        answer: Answer,
    ) -> Result<Response, Problem> {
        let applied = HeaderValue::from_str(&format!("wait={}", wait.as_secs())).map_err(Problem::internal)?;
        let name = HeaderName::from_static("preference-applied");
        let outcome = match self.outcome(caller, ticket.id, service, wait).await {
            Ok(outcome) => outcome,
            // The command is accepted, only its outcome cannot be told: that is no failure of the command.
            Err(problem) => {
                tracing::warn!(command.id = %ticket.id, reason = problem.detail(), "outcome not known yet");
                None
            }
        };
        let Some(outcome) = outcome else {
            let mut response = accepted(&answer);
            response.headers_mut().insert(name, applied);
            return Ok(response);
        };
        same_body(&outcome, ticket)?;
        if let Some(rejection) = outcome.rejection {
            return Err(Problem::from(rejection).header(name, applied).header(header::LOCATION, location(ticket.id)));
        }
        let done = Answer { status: "done", result: outcome.result, ..answer };
        Ok((StatusCode::OK, [(name, applied), (header::LOCATION, location(ticket.id))], Json(done)).into_response())
    }
}

fn same_body(outcome: &CommandOutcome, ticket: &Ticket) -> Result<(), Problem> {
    let other = outcome.body_digest.as_ref().is_some_and(|digest| *digest != ticket.digest);
    if other { Err(idempotency::reused()) } else { Ok(()) }
}

fn unconfirmed(error: anyhow::Error) -> Problem {
    Problem::unavailable("the broker did not confirm the command; send it again with the same Idempotency-Key")
        .caused_by(error)
}

fn accepted(answer: &Answer) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, location(answer.command_id))], Json(answer)).into_response()
}

fn location(id: MessageId) -> HeaderValue {
    HeaderValue::from_str(&format!("/api/v1/commands/{id}")).expect("a UUID is plain text")
}
