//! What a caller is told when something is wrong: RFC 9457, one shape everywhere. Internal text is logged, never sent.

mod body;
mod causes;

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

pub use body::{Body, FieldError, MEDIA_TYPE};

/// A problem on its way out. Boxed, so that the good way through a function stays cheap.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    code: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    internal: Option<anyhow::Error>,
}

/// Seconds after which a caller may try again when a dependency is away.
const RETRY_AFTER: u64 = 2;

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts {
            status,
            kind,
            title,
            detail,
            code: None,
            errors: Vec::new(),
            headers: Vec::new(),
            internal: None,
        }))
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:recoup:problem:malformed", "The request cannot be read", detail)
    }

    /// 401: no token, or one that is not believed. Why is logged, not told.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "urn:recoup:problem:unauthenticated",
            "A valid token is needed",
            "send a valid token as Authorization: Bearer",
        )
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 401 for a token that was sent and is not believed.
    pub fn invalid_token() -> Self {
        let mut problem = Self::unauthorized();
        problem.0.headers =
            vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))];
        problem
    }

    /// 403: the caller's roles do not allow it.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "urn:recoup:problem:forbidden", "Not allowed", detail)
    }

    /// 404: there is no such thing, or it is another tenant's or partner's.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "urn:recoup:problem:not-found", "Not found", "there is no such thing here")
    }

    /// 405: the path exists, the method does not.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:recoup:problem:method-not-allowed",
            "Method not allowed",
            "the path does not take this method",
        )
    }

    /// 409: the state of the thing does not allow it.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "urn:recoup:problem:conflict", "The state does not allow it", detail)
    }

    /// 410: it was there, and its time is over.
    pub fn gone(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GONE, "urn:recoup:problem:gone", "Its time is over", detail)
    }

    /// 413: the body is too large.
    pub fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "urn:recoup:problem:too-large", "The body is too large", detail)
    }

    /// 415: the body is not of a media type that is read here.
    pub fn unsupported_media_type(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:recoup:problem:unsupported-media-type",
            "The media type is not supported",
            detail,
        )
    }

    /// 422: understood but refused.
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:recoup:problem:validation",
            "The request was understood but cannot be accepted",
            detail,
        )
    }

    /// 422 for one field.
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::unprocessable(format!("{field} {message}")).field(field, message)
    }

    /// 429: too many requests; try again after `seconds`.
    pub fn too_many_requests(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "urn:recoup:problem:rate-limited",
            "Too many requests",
            "slow down and try again later",
        )
        .retry_after(seconds)
    }

    /// 503: something that is needed is away for the moment. `detail` is sent, so it names no address.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "urn:recoup:problem:unavailable", "Temporarily unavailable", detail)
            .retry_after(RETRY_AFTER)
    }

    /// 500: our fault. The error is logged with the request id and not sent.
    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:recoup:problem:internal",
            "Internal error",
            "something went wrong on our side; the request id names it in our logs",
        )
        .caused_by(error)
    }

    /// The problem that an answer without a body of ours stands for (such as a rejection by the framework).
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::FORBIDDEN => Self::forbidden("not allowed"),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::CONFLICT => Self::conflict("the state does not allow it"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large("the body is larger than allowed here"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::unsupported_media_type("the body's media type is not supported here")
            }
            StatusCode::UNPROCESSABLE_ENTITY => Self::unprocessable("the request cannot be accepted"),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable("something that is needed is away for the moment"),
            other if other.is_client_error() => {
                let mut problem = Self::bad_request("the request cannot be read");
                problem.0.status = other;
                problem
            }
            _ => Self::internal(anyhow::anyhow!("the framework answered {status}")),
        }
    }

    /// Names a field at fault; may be called more than once.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// Adds the stable code of a refusal.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Keeps the error for the log.
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<anyhow::Error>) -> Self {
        self.0.internal = Some(error.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What is wrong this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The fields at fault.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }
}

#[cfg(test)]
mod tests;
