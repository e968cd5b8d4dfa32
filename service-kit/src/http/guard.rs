//! What every request passes through: its names, the service's span, a deadline, a net for panics, measurements, and the one
//! shape of problems for what the framework itself refuses.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use metrics::Label;
use tracing::Instrument;

use super::context::{Context, REQUEST_ID};
use crate::auth::{KeyRing, Verifier};
use crate::clock::{Clock, SystemClock};
use crate::limits::SubjectLimits;
use crate::problem::Problem;
use crate::telemetry::otlp;

/// A request that took this long is worth a line in the log.
const SLOW: Duration = Duration::from_secs(1);

/// What requests are guarded with; one per service.
pub(super) struct Guard {
    pub service: &'static str,
    pub span: tracing::Span,
    pub verifier: Arc<Verifier>,
    pub limits: Option<Arc<SubjectLimits>>,
    pub keys: Option<Arc<dyn KeyRing>>,
    pub timeout: Duration,
    /// Paths with a deadline of their own.
    pub slow_paths: Vec<(&'static str, Duration)>,
}

/// The middleware.
pub(super) async fn pass(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let context = Context::of(request.headers());
    let request_id = context.request_id_header();
    let method = request.method().clone();
    let route: Arc<str> =
        request.extensions().get::<MatchedPath>().map_or_else(|| Arc::from("none"), |path| Arc::from(path.as_str()));
    request.extensions_mut().insert(Arc::clone(&guard.verifier));
    if let Some(limits) = &guard.limits {
        request.extensions_mut().insert(Arc::clone(limits));
    }
    if let Some(keys) = &guard.keys {
        request.extensions_mut().insert(Arc::clone(keys));
    }
    let answer = answer(&guard, request, next, started).instrument(guard.span.clone());
    let traced = otlp::is_exporting().then(|| (context.clone(), SystemClock.now()));
    let mut response = context.scope(answer).await;
    response.headers_mut().insert(REQUEST_ID, request_id);
    let status = response.status();
    if let Some((context, began)) = traced {
        otlp::ended(otlp::Span {
            service: guard.service,
            name: format!("{method} {route}"),
            kind: otlp::Kind::Server,
            context,
            started: began,
            took: started.elapsed(),
            failed: status.is_server_error(),
            attributes: vec![
                ("http.response.status_code", status.as_u16().to_string()),
                ("http.route", route.to_string()),
            ],
        });
    }
    measure(guard.service, method_name(&method), &route, status, started.elapsed());
    response
}

fn measure(service: &'static str, method: &'static str, route: &Arc<str>, status: StatusCode, took: Duration) {
    let status = status.as_str().to_owned();
    let labels = [
        Label::from_static_parts("service", service),
        Label::from_static_parts("method", method),
        Label::new("route", Arc::clone(route)),
        Label::new("status", status),
    ];
    metrics::counter!("http_requests_total", labels.to_vec()).increment(1);
    metrics::histogram!("http_request_seconds", "service" => service, "route" => Arc::clone(route)).record(took);
}

/// Methods that anybody can invent must not become labels.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

async fn answer(guard: &Guard, request: Request, next: Next, started: Instant) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let may_wait = is_patient(&request);
    if has_encoded_nul(&request) {
        return Problem::bad_request("paths and queries must not contain the character U+0000").into_response();
    }
    let slow = guard.slow_paths.iter().find(|(slow, _)| *slow == path);
    let timeout = slow.map_or(guard.timeout, |(_, timeout)| *timeout);
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = match tokio::time::timeout(timeout, handled).await {
        Ok(Ok(response)) => in_our_shape(response),
        Ok(Err(_)) => Problem::internal(anyhow::anyhow!("the handler of {method} {path} panicked")).into_response(),
        Err(_) => Problem::unavailable("the request took too long")
            .caused_by(anyhow::anyhow!("{method} {path} took too long"))
            .into_response(),
    };
    let (status, took) = (response.status().as_u16(), started.elapsed());
    if took > SLOW && !may_wait {
        tracing::warn!(method = %method, path, status, took_ms = took.as_millis() as u64, "slow request");
    } else {
        tracing::debug!(method = %method, path, status, took_us = took.as_micros() as u64, "request");
    }
    response
}

/// Whether the caller asked to be answered late: that is then no sign of trouble.
fn is_patient(request: &Request) -> bool {
    request.headers().contains_key("prefer") || request.uri().query().is_some_and(|query| query.contains("wait="))
}

/// Postgres keeps no U+0000 in texts, so that one in the address is refused before anything is done.
fn has_encoded_nul(request: &Request) -> bool {
    request.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00"))
}

/// Refusals of the framework have no body or a plain text; callers get a problem instead, with the same headers.
fn in_our_shape(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let foreign =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !foreign {
        return response;
    }
    let mut problem = Problem::from_status(status).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            problem.headers_mut().insert(name, HeaderValue::clone(value));
        }
    }
    problem
}
