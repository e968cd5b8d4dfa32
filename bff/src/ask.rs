//! Reading a request that asks for something: who asks, the body, the idempotency key, and how long they want to wait.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::auth::Caller;
use service_kit::http::{parse_json, unread_body};
use service_kit::problem::Problem;
use shared_events::{MessageId, PartnerId};
use uuid::Uuid;

use crate::app::Shared;
use crate::checks;
use crate::idempotency;

/// Longest wait for an outcome, in seconds.
const LONGEST_WAIT: u64 = 10;

/// A request for a command, with a body of type `B`.
#[derive(Debug)]
pub struct Ask<B> {
    /// Who asks.
    pub caller: Caller,
    /// What they sent.
    pub body: B,
    /// Under which id, and how they want the answer.
    pub ticket: Ticket,
}

/// Under which id a command is asked for, and how the answer is wanted.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The command's id.
    pub id: MessageId,
    /// Whether the caller chose it by an `Idempotency-Key`.
    pub keyed: bool,
    /// Digest of the body.
    pub digest: String,
    /// How long the caller wants to wait for the outcome.
    pub wait: Option<Duration>,
}

/// A body that a command is asked for with.
pub trait Body: DeserializeOwned {
    /// Whether it may be left out.
    const OPTIONAL: bool = false;
}

/// For commands that need no body: none, or an empty object.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl Body for Nothing {
    const OPTIONAL: bool = true;
}

/// For commands that need nothing but, where somebody wants to say it, why.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// Why, for the audit; 1 to 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Why {
    const OPTIONAL: bool = true;
}

impl Why {
    /// What is said, if it is a sensible text.
    ///
    /// # Errors
    /// 422 that names the field.
    pub fn checked(self) -> Result<Option<String>, Problem> {
        checked_reason(self.reason)
    }
}

/// Why something is done, if it is a sensible text.
///
/// # Errors
/// 422 that names the field.
pub fn checked_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    if let Some(reason) = &reason {
        checks::text("reason", reason, 500)?;
    }
    Ok(reason)
}

impl<B: Body> FromRequest<Shared> for Ask<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = <Caller as FromRequestParts<Shared>>::from_request_parts(&mut parts, app).await?;
        let headers = parts.headers.clone();
        let route = format!("{} {}", parts.method, parts.uri.path());
        let json = is_json(&parts.headers);
        let bytes = Bytes::from_request(Request::from_parts(parts, body), app).await.map_err(unread_body)?;
        let absent = bytes.is_empty() && B::OPTIONAL;
        if !absent && !json {
            return Err(Problem::unsupported_media_type("send the body as application/json"));
        }
        let text: &[u8] = if absent { b"{}" } else { &bytes };
        let body = parse_object(text)?;
        let canonical = std::str::from_utf8(text).ok().and_then(idempotency::canonical);
        let canonical = canonical.ok_or_else(|| Problem::bad_request("the body is not valid JSON"))?;
        let digest = app.account_key.digest(canonical.as_bytes());
        let ticket = ticket(&caller, &route, &headers, digest)?;
        Ok(Self { caller, body, ticket })
    }
}

/// Under which id a command is asked for by this route and these headers.
///
/// # Errors
/// 400 for an `Idempotency-Key` that is none.
pub fn ticket(caller: &Caller, route: &str, headers: &HeaderMap, digest: String) -> Result<Ticket, Problem> {
    let key = idempotency_key(headers)?;
    let keyed = key.is_some();
    let id = key.map_or_else(|| MessageId(Uuid::now_v7()), |key| idempotency::command_id(caller, route, &key));
    Ok(Ticket { id, keyed, digest, wait: wanted_wait(headers) })
}

/// Reads an object. Without this a list of the fields' values would pass for the object itself.
fn parse_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let body = parse_json(text)?;
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::invalid_field("body", "must be an object"));
    }
    Ok(body)
}

fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let fits = |key: &&str| (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(fits).ok_or_else(|| {
        Problem::bad_request("Idempotency-Key must have 1 to 128 visible ASCII characters")
            .field("Idempotency-Key", "must have 1 to 128 visible ASCII characters")
    })?;
    Ok(Some(key.to_owned()))
}

/// `Prefer: wait=5`. A preference that cannot be read is ignored, as RFC 7240 wants it.
fn wanted_wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.find_map(|preference| {
        // Names are case-insensitive, values may be quoted, parameters may follow.
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().parse::<u64>().ok())?
    })?;
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// The partner that a caller acts for: its own, or, for staff, the one named in the body.
///
/// # Errors
/// 404 for another partner, 403 for callers that are neither partner nor staff, 422 when staff names nobody.
pub fn acting_partner(caller: &Caller, asked: Option<PartnerId>) -> Result<PartnerId, Problem> {
    let own = caller.partner_filter(asked)?.or_else(|| caller.partner.clone());
    own.ok_or_else(|| Problem::invalid_field("partner", "must name the partner that you act for"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_read_and_bounded() {
        let cases = [
            ("wait=3", Some(3)),
            ("respond-async, wait=99", Some(10)),
            ("Wait=5", Some(5)),
            ("wait = 5", Some(5)),
            ("wait=\"5\"", Some(5)),
            ("wait=5; x=1", Some(5)),
            ("wait=x", None),
            ("waits=5", None),
            ("return=minimal", None),
        ];
        for (text, seconds) in cases {
            let headers =
                HeaderMap::from_iter([(header::HeaderName::from_static("prefer"), HeaderValue::from_static(text))]);
            assert_eq!(wanted_wait(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_an_object_is_an_object() {
        assert!(parse_object::<Nothing>(b" {} ").is_ok());
        assert_eq!(parse_object::<Nothing>(b"[]").expect_err("refused").status().as_u16(), 422);
    }
}
