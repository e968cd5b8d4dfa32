//! A wish over HTTP: read, published as a command under an id that a repeat has, too, and answered with its outcome.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::auth::Caller;
use service_kit::commands::{self, CommandOutcome};
use service_kit::http::{context, parse_json, unread_body};
use service_kit::problem::Problem;
use service_kit::store::new_id;
use shared_events::{Envelope, Message, MessageId, ids};
use utoipa::ToSchema;

use super::Api;

/// How long the broker may take to confirm.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(6);
/// How long the answer waits for the outcome unless the caller says otherwise.
const USUAL_WAIT: Duration = Duration::from_secs(4);
/// Longest wait for an outcome, in seconds.
const LONGEST_WAIT: u64 = 10;

/// A wish with a body of type `B`.
#[derive(Debug)]
pub struct Ask<B> {
    /// Who asks.
    pub caller: Caller,
    /// What they sent.
    pub body: B,
    /// Under which id, and how long they want to wait.
    pub ticket: Ticket,
}

/// Under which id a command is asked for, and how the answer is wanted.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The command's id.
    pub id: MessageId,
    keyed: bool,
    digest: String,
    wait: Duration,
}

/// A body that a command is asked for with.
pub trait Body: DeserializeOwned {
    /// Whether it may be left out.
    const OPTIONAL: bool = false;
}

/// For wishes that need no body: none, or an empty object.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Body for Nothing {
    const OPTIONAL: bool = true;
}

impl<B: Body> FromRequest<Api> for Ask<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = <Caller as FromRequestParts<Api>>::from_request_parts(&mut parts, api).await?;
        let (headers, method) = (parts.headers.clone(), parts.method.clone());
        let path = canonical_path(parts.uri.path()).to_owned();
        let bytes = Bytes::from_request(Request::from_parts(parts, body), api).await.map_err(unread_body)?;
        let absent = bytes.is_empty() && B::OPTIONAL;
        if !absent && !is_json(&headers) {
            return Err(Problem::unsupported_media_type("send the body as application/json"));
        }
        let text: &[u8] = if absent { b"{}" } else { &bytes };
        let parsed = parse_json(text)?;
        if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Problem::invalid_field("body", "must be an object"));
        }
        let key = idempotency_key(&headers)?;
        let keyed = key.is_some();
        let id = key.map_or_else(
            || MessageId(new_id(api.store.now())),
            |key| {
                let (tenant, subject) = (caller.tenant.as_str(), caller.subject.as_str());
                MessageId(ids::derive(&["command", tenant, subject, method.as_str(), &path, &key]))
            },
        );
        let ticket = Ticket { id, keyed, digest: api.config.key.digest(text), wait: wanted_wait(&headers) };
        Ok(Self { caller, body: parsed, ticket })
    }
}

/// Spellings of one path are one path: the same key by another spelling is the same command.
fn canonical_path(path: &str) -> &str {
    path.strip_prefix("/api/v1").unwrap_or(path).trim_end_matches('/')
}

fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let fits = |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let complaint = "must have 1 to 128 visible ASCII characters";
    let key = value.to_str().ok().filter(fits);
    let key = key.ok_or_else(|| Problem::bad_request(complaint).field("Idempotency-Key", complaint))?;
    Ok(Some(key.to_owned()))
}

/// `Prefer: wait=5`, or `respond-async` for no waiting at all.
fn wanted_wait(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let seconds = preferences.iter().find_map(|wish| wish.strip_prefix("wait=")?.trim().parse::<u64>().ok());
    match seconds {
        Some(seconds) => Duration::from_secs(seconds.min(LONGEST_WAIT)),
        None if preferences.contains(&"respond-async") => Duration::ZERO,
        None => USUAL_WAIT,
    }
}

impl Api {
    /// Publishes a command and answers with its outcome: `done` and what came of it, the refusal, or 202 when it is not known in time.
    ///
    /// # Errors
    /// 422 for a reused key, 503 when the broker does not confirm, and the outcome's refusal.
    pub async fn carry_out<M: Message>(
        &self,
        caller: &Caller,
        ticket: &Ticket,
        command: &M,
        done: StatusCode,
    ) -> Result<Response, Problem> {
        if ticket.keyed
            && let Some(outcome) = commands::outcome(&self.store, &caller.tenant, ticket.id).await?
        {
            return answer(ticket, outcome, done);
        }
        let envelope = Envelope {
            actor: Some(caller.subject.to_string()),
            traceparent: context::current().map(|names| names.traceparent()),
            body_digest: Some(ticket.digest.clone()),
            ..Envelope::begin("/services/orders", command, ticket.id, caller.tenant.clone(), self.store.now())
        };
        let payload = serde_json::to_vec(command).map_err(Problem::internal)?;
        let sending = self.sender.send(M::TOPIC, &envelope, payload);
        match tokio::time::timeout(RECEIPT_DEADLINE, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(unconfirmed(error)),
            Err(late) => return Err(unconfirmed(late.into())),
        }
        tracing::info!(command.id = %ticket.id, command.kind = M::TYPE, "command accepted");
        match commands::await_outcome(&self.store, &caller.tenant, ticket.id, ticket.wait).await? {
            Some(outcome) => answer(ticket, outcome, done),
            None => {
                let accepted =
                    serde_json::json!({ "command_id": ticket.id, "status": "accepted", "about": command.key() });
                Ok((StatusCode::ACCEPTED, [(header::LOCATION, location(ticket.id))], axum::Json(accepted))
                    .into_response())
            }
        }
    }
}

fn answer(ticket: &Ticket, outcome: CommandOutcome, done: StatusCode) -> Result<Response, Problem> {
    if outcome.body_digest.as_ref().is_some_and(|digest| *digest != ticket.digest) {
        let detail = "the Idempotency-Key was used before with another body";
        return Err(Problem::unprocessable(detail).code("idempotency_key_reused").field("Idempotency-Key", detail));
    }
    match outcome.rejection {
        Some(rejection) => Err(rejection.into()),
        None => Ok((done, axum::Json(outcome.result.unwrap_or_default())).into_response()),
    }
}

fn unconfirmed(error: anyhow::Error) -> Problem {
    Problem::unavailable("the broker did not confirm the command; send it again with the same Idempotency-Key")
        .caused_by(error)
}

fn location(id: MessageId) -> HeaderValue {
    HeaderValue::from_str(&format!("/api/v1/commands/{id}")).expect("a UUID is plain text")
}

/// A text of a body, if it is of a sensible length and without control characters.
///
/// # Errors
/// 422 that names the field.
pub fn text(field: &str, value: &str, longest: usize) -> Result<(), Problem> {
    let length = value.chars().count();
    if length == 0 || length > longest || value.chars().any(char::is_control) {
        return Err(Problem::invalid_field(
            field,
            format!("must have 1 to {longest} characters, none of them control characters"),
        ));
    }
    Ok(())
}
