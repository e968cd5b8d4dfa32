//! Extractors whose refusals are problems that name the field.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body, read strictly: 415 for another media type, 413 when too large, 400 for what is no JSON, 422 naming the
/// field for JSON that does not fit. As an answer, plain JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// Parameters of the path; what does not fit is a 400 naming the parameter.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// Parameters of the query; what does not fit is a 400 naming the parameter.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
            return Err(Problem::unsupported_media_type("send the body as application/json"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread_body)?;
        parse_json(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// The problem of a body that could not be read: too large, or cut off.
pub fn unread_body(rejection: axum::extract::rejection::BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::too_large("the body is larger than allowed here")
    } else {
        Problem::bad_request("the body could not be read to its end")
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads JSON strictly, with the path of the field in every complaint.
///
/// # Errors
/// 400 for what is no JSON, 422 for JSON that does not fit.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if holds_nul(bytes) {
        return Err(Problem::unprocessable("texts must not contain the character U+0000"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        misfit(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| misfit(".", &error))?;
    Ok(value)
}

fn misfit(path: &str, error: &serde_json::Error) -> Problem {
    if error.classify() != serde_json::error::Category::Data {
        return Problem::bad_request(format!("the body is not valid JSON: {error}"));
    }
    let text = error.to_string();
    // The position helps in a syntax error; in a misfit the field says more.
    let message = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned();
    let quoted = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    let named = quoted("unknown field `").or_else(|| quoted("missing field `")).or_else(|| quoted("duplicate field `"));
    let parent = if path == "." { "" } else { path };
    let field = match named {
        Some(name) if parent.is_empty() || parent == name => name,
        Some(name) if parent.ends_with(&format!(".{name}")) => parent.to_owned(),
        Some(name) => format!("{parent}.{name}"),
        None if parent.is_empty() => "body".to_owned(),
        None => parent.to_owned(),
    };
    Problem::unprocessable(format!("{field}: {message}")).field(field, message)
}

/// Postgres keeps no U+0000 in texts, so that an escape for it is refused before anything is done.
fn holds_nul(bytes: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(6).position(|window| window == b"\\u0000") {
        let backslashes_before = bytes[..from + at].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes_before % 2 == 0 {
            return true;
        }
        from += at + 1;
    }
    false
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status().is_client_error() => {
                let text = rejection.body_text();
                let names = RawPathParams::from_request_parts(parts, state).await;
                let names: Vec<&str> = names.iter().flatten().map(|(name, _)| name).collect();
                let field = path_parameter(&rejection, &names).unwrap_or_else(|| "path".to_owned());
                Err(Problem::bad_request(format!("the path does not fit: {text}")).field(field, text))
            }
            Err(rejection) => Err(Problem::internal(anyhow::anyhow!(rejection.body_text()))),
        }
    }
}

/// The parameter that does not fit, where that can be told. `names` are those of the route, in their order.
fn path_parameter(rejection: &PathRejection, names: &[&str]) -> Option<String> {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else { return None };
    match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, .. }
        | ErrorKind::InvalidUtf8InPathParam { key }
        | ErrorKind::DeserializeError { key, .. } => Some(key.clone()),
        ErrorKind::ParseErrorAtIndex { index, .. } => names.get(*index).map(|name| (*name).to_owned()),
        _ => names.first().filter(|_| names.len() == 1).map(|name| (*name).to_owned()),
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let field = query_parameter(&rejection).unwrap_or_else(|| "query".to_owned());
                Err(Problem::bad_request(format!("the query does not fit: {text}")).field(field, text))
            }
        }
    }
}

/// The parameter that does not fit, where that can be told.
fn query_parameter(rejection: &QueryRejection) -> Option<String> {
    let mut cause = Some(rejection as &dyn std::error::Error);
    while let Some(error) = cause {
        if let Some(misfit) = error.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>() {
            let path = misfit.path().to_string();
            let words = misfit.inner().to_string();
            let in_backticks = words.split_once("field `").and_then(|(_, rest)| rest.split('`').next());
            return in_backticks.map(str::to_owned).or((path != ".").then_some(path));
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Order {
        amount: Box<serde_json::value::RawValue>,
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Line {
        count: u32,
    }

    fn refusal(body: &str) -> (u16, String) {
        let problem = parse_json::<Order>(body.as_bytes()).expect_err(body);
        (problem.status().as_u16(), problem.errors().first().map(|error| error.field.clone()).unwrap_or_default())
    }

    #[test]
    fn amounts_keep_every_digit() {
        let order: Order = parse_json(br#"{"amount": 0.10000000000000000001, "lines": []}"#).expect("fits");
        assert_eq!(order.amount.get(), "0.10000000000000000001");
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let cases = [
            (r#"{"amount":1,"lines":[{"count":-1}]}"#, "lines[0].count"),
            (r#"{"amount":1,"lines":[{"count":1,"x":2}]}"#, "lines[0].x"),
            (r#"{"amount":1,"lines":[{}]}"#, "lines[0].count"),
            (r#"{"lines":[]}"#, "amount"),
            (r#"{"amount":1,"amount":2,"lines":[]}"#, "amount"),
            (r#"{"amount":1,"lines":[],"extra":1}"#, "extra"),
            ("7", "body"),
        ];
        for (body, field) in cases {
            assert_eq!(refusal(body), (422, field.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", "{", "nonsense", r#"{"amount":1,"lines":[]} x"#] {
            assert_eq!(refusal(body).0, 400, "{body}");
        }
        let deep = "[".repeat(100_000);
        for field in ["amount", "lines", "other"] {
            assert!(parse_json::<Order>(format!(r#"{{"{field}":{deep}"#).as_bytes()).is_err(), "{field}");
            assert!(parse_json::<serde_json::Value>(format!(r#"{{"{field}":{deep}"#).as_bytes()).is_err(), "{field}");
        }
        assert!(parse_json::<Order>(b"{\"amount\":\"\xff\"}").is_err());
    }

    #[test]
    fn nul_is_refused_and_an_escaped_backslash_is_not() {
        assert!(holds_nul(br#""a\u0000""#));
        assert!(holds_nul(br#""a\\\u0000""#));
        assert!(!holds_nul(br#""a\\u0000""#));
    }

    #[tokio::test]
    async fn parameters_that_do_not_fit_are_named() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its shape matters")]
        struct Page {
            from: u32,
            limit: Option<u32>,
        }
        let named = async |query: &str| {
            let (mut parts, _) =
                Request::builder().uri(format!("/x?{query}")).body(()).expect("a request").into_parts();
            let problem = Query::<Page>::from_request_parts(&mut parts, &()).await.expect_err(query);
            (problem.status().as_u16(), problem.errors()[0].field.clone())
        };
        for (query, field) in [
            ("from=1&limit=many", "limit"),
            ("limit=1", "from"),
            ("from=1&until=2", "until"),
            ("from=1&from=2", "from"),
        ] {
            assert_eq!(named(query).await, (400, field.to_owned()), "{query}");
        }
        let app = axum::Router::<()>::new()
            .route("/one/{id}", axum::routing::get(async |_: Path<uuid::Uuid>| ()))
            .route("/two/{first}/{second}", axum::routing::get(async |_: Path<(u32, u32)>| ()));
        for (path, field) in [("/one/x", "id"), ("/two/1/x", "second"), ("/two/x/1", "first")] {
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).expect("a request");
            let answer = tower::ServiceExt::oneshot(app.clone(), request).await.expect("an answer");
            assert_eq!(answer.status(), 400, "{path}");
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.expect("a body");
            let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["errors"][0]["field"], field, "{path}: {problem}");
        }
    }
}
