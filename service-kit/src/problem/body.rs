//! A problem as it is sent.

use std::borrow::Cow;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Parts, Problem};
use crate::http::context;

/// Media type of every problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// Stable name of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:recoup:problem:validation")]
    pub kind: Cow<'static, str>,
    /// The kind in words.
    #[schema(example = "The request was understood but cannot be accepted")]
    pub title: Cow<'static, str>,
    /// HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is wrong this time.
    #[schema(example = "amount must be greater than zero")]
    pub detail: String,
    /// Stable code of the refusal, where a service refused a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "insufficient_balance")]
    pub code: Option<String>,
    /// Fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Names the request in the logs.
    pub request_id: String,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Its path: `account_details.email`, `rules[0].value`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { status, kind, title, detail, code, errors, headers, internal } = *self.0;
        if let Some(error) = &internal {
            let cause = format!("{error:#}");
            if status.is_server_error() {
                tracing::error!(status = status.as_u16(), error = cause, "request failed");
            } else {
                tracing::debug!(status = status.as_u16(), error = cause, "request refused");
            }
        }
        let body = Body {
            kind: kind.into(),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into_owned(),
            code,
            errors,
            request_id: context::request_id(),
        };
        let mut response = (status, axum::Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response.headers_mut().extend(headers);
        response
    }
}
