//! One call: in its turn, signed in, repeated where that does no harm, and read.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::config::Secret;
use tokio::time::{Instant, sleep};
use url::Url;

use super::bucket::interval_of;
use super::error::{ApiError, Refusal};
use super::{Error, Operation, Session, access};
use crate::wire::{body_of, outcome_of};

/// What is asked.
pub(crate) struct Question {
    pub(crate) operation: Operation,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    header: Option<(&'static str, String)>,
}

impl Question {
    /// A question by GET. Parts of the path are put together with [`segment`].
    pub(crate) fn get(operation: Operation, path: impl Into<String>) -> Self {
        let (method, path) = (Method::GET, path.into());
        Self { operation, method, path, query: Vec::new(), body: None, header: None }
    }

    /// A question by POST with a JSON body.
    pub(crate) fn post(operation: Operation, path: impl Into<String>, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("requests are plain data");
        Self { method: Method::POST, body: Some(body), ..Self::get(operation, path) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: Option<String>) -> Self {
        self.header = value.map(|value| (name, value));
        self
    }

    /// A parameter, if there is one.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// A list as Amazon reads it; nothing when it is empty.
    pub(crate) fn with_list(self, name: &'static str, values: &[impl ToString]) -> Self {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.with(name, (!values.is_empty()).then(|| values.join(",")))
    }
}

/// A value as one segment of a path.
pub(crate) fn segment(value: &str) -> String {
    // Unreserved signs stay; a blank must not become `+` in a path.
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    value.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Answers of the older models: what was asked for is in `payload`.
#[derive(Deserialize)]
pub(crate) struct Wrapped<T> {
    pub(crate) payload: Option<T>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ApiError>,
}

/// What came of one try.
enum Try {
    Answer(Bytes, Option<String>),
    /// The token was not taken.
    Unauthorized(Refusal),
    Refused(Refusal),
    /// It came too early; nothing was done.
    TooMany(Duration),
    /// Nothing was done.
    NotSent(String),
    /// It may have been done.
    Unknown {
        problem: String,
        request_id: Option<String>,
    },
}

impl Session {
    /// Asks until there is an answer or the patience is over.
    pub(crate) async fn call<T: DeserializeOwned>(&self, question: &Question) -> Result<T, Error> {
        let (body, request_id) = self.answer(question).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Unreadable {
            operation: question.operation,
            // Where and what, without what was written there.
            problem: format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column()),
            request_id,
        })
    }

    /// The same for answers in a `payload`.
    pub(crate) async fn call_wrapped<T: DeserializeOwned>(&self, question: &Question) -> Result<T, Error> {
        let wrapped: Wrapped<T> = self.call(question).await?;
        wrapped.payload.ok_or_else(|| Error::Unreadable {
            operation: question.operation,
            problem: "no payload in it".to_owned(),
            request_id: None,
        })
    }

    async fn answer(&self, question: &Question) -> Result<(Bytes, Option<String>), Error> {
        let (operation, patience) = (question.operation, self.partner().patience());
        let until = Instant::now() + patience.deadline;
        let (mut failures, mut renewed) = (0, false);
        loop {
            self.partner().buckets().wait(self.seller(), operation, until).await?;
            let (shared, refresh) = self.access();
            let token = access::token(self.partner(), shared, refresh, until).await?;
            let (pause, given_up) = match self.try_once(question, &token, until).await {
                Try::Answer(body, request_id) => return Ok((body, request_id)),
                Try::Refused(refusal) => return Err(Error::Refused(refusal)),
                Try::Unauthorized(refusal) if renewed => return Err(Error::Refused(refusal)),
                Try::Unauthorized(_) => {
                    access::reject(shared, &token).await;
                    renewed = true;
                    continue;
                }
                Try::TooMany(after) => {
                    let after = after.max(patience.pause(failures + 1));
                    (after, Error::Throttled { operation, after })
                }
                Try::NotSent(problem) => {
                    (patience.pause(failures + 1), Error::Unavailable { operation, problem, request_id: None })
                }
                Try::Unknown { problem, request_id } if operation.may_be_repeated() => {
                    (patience.pause(failures + 1), Error::Unavailable { operation, problem, request_id })
                }
                Try::Unknown { problem, request_id } => {
                    return Err(Error::Ambiguous { operation, problem, request_id });
                }
            };
            failures += 1;
            if Instant::now() + pause >= until {
                return Err(given_up);
            }
            tracing::debug!(%operation, failures, reason = %given_up, "amazon is asked again");
            sleep(pause).await;
        }
    }

    async fn try_once(&self, question: &Question, token: &Secret, until: Instant) -> Try {
        let partner = self.partner();
        let address = format!("{}{}", partner.endpoints().api(self.region()), question.path);
        let address = match Url::parse_with_params(&address, &question.query) {
            Ok(address) => address,
            Err(error) => return Try::NotSent(format!("the configured address is none: {error}")),
        };
        let timeout = partner.patience().request.min(until.saturating_duration_since(Instant::now()));
        let mut request = partner.http().request(question.method.clone(), address).timeout(timeout);
        request = request.header("x-amz-access-token", token.expose()).header(header::USER_AGENT, USER_AGENT);
        if let Some(body) = &question.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some((name, value)) = &question.header {
            request = request.header(*name, value);
        }
        let response = match outcome_of(request.send().await) {
            Ok(response) => response,
            Err((problem, true)) => return Try::Unknown { problem, request_id: None },
            Err((problem, false)) => return Try::NotSent(problem),
        };
        self.read(question.operation, response).await
    }

    async fn read(&self, operation: Operation, response: Response) -> Try {
        let (status, request_id, headers) = (response.status(), request_id_of(&response), response.headers());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (rate, retry_after) = (text("x-amzn-ratelimit-limit"), text("retry-after"));
        let buckets = self.partner().buckets();
        if let Some(interval) = rate.as_deref().and_then(interval_of) {
            buckets.learn(self.seller(), operation, interval);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let asked = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            return Try::TooMany(buckets.emptied(self.seller(), operation).max(asked.unwrap_or_default()));
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            let problem = format!("it answered {}", status.as_u16());
            return Try::Unknown { problem, request_id };
        }
        let body = match body_of(response).await {
            Ok(body) => body,
            Err(problem) => return Try::Unknown { problem, request_id },
        };
        if status.is_success() {
            return Try::Answer(body, request_id);
        }
        let errors = serde_json::from_slice::<Errors>(&body).map(|errors| errors.errors).unwrap_or_default();
        let refusal = Refusal { operation, status: status.as_u16(), errors, request_id };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Try::Unauthorized(refusal),
            _ => Try::Refused(refusal),
        }
    }
}

/// As Amazon wants applications to name themselves.
const USER_AGENT: &str = concat!("Recoup/", env!("CARGO_PKG_VERSION"), " (Language=Rust)");

pub(crate) fn request_id_of(response: &Response) -> Option<String> {
    let headers = response.headers();
    let value = headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id"))?;
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_keep_to_themselves() {
        assert_eq!(segment("A-b_1.2~"), "A-b_1.2~");
        assert_eq!(segment("a/b c?d&é+"), "a%2Fb%20c%3Fd%26%C3%A9%2B");
    }
}
