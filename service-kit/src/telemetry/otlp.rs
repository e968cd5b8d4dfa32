//! Traces for a collector: OTLP over HTTP with JSON bodies (`POST <endpoint>/v1/traces`), as every collector takes it. Written by hand,
//! because the OpenTelemetry crates would bring a second gRPC and protobuf stack for the few fields that we send.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared_events::Envelope;
use tokio::sync::mpsc;

use crate::http::context::Context;
use crate::http_client;

/// Spans that wait to be sent; more are dropped and counted, since tracing must never hold up the work.
const WAITING: usize = 10_000;
/// Spans in one request.
const BATCH: usize = 500;
/// How long spans are gathered for one request.
const GATHER: Duration = Duration::from_millis(500);
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

static QUEUE: OnceLock<mpsc::Sender<Span>> = OnceLock::new();

/// What a span stands for, as OTLP numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request that was answered.
    Server = 2,
    /// A message that was handled.
    Consumer = 5,
}

/// A piece of work that ended.
#[derive(Debug, Clone)]
pub struct Span {
    /// The service that did it.
    pub service: &'static str,
    /// What was done, without ids: `POST /api/v1/campaigns`.
    pub name: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its place in the trace.
    pub context: Context,
    /// When it began, by the machine's clock.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// Whether it failed.
    pub failed: bool,
    /// More about it.
    pub attributes: Vec<(&'static str, String)>,
}

/// Sends spans to the collector at `endpoint` from now on. Call it within the runtime, once; a second call changes nothing.
pub fn export_to(endpoint: &str) {
    let (sender, receiver) = mpsc::channel(WAITING);
    if QUEUE.set(sender).is_ok() {
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        drop(tokio::spawn(send_all(url, receiver)));
    }
}

/// Whether spans are sent anywhere; making them costs nothing otherwise.
pub fn is_exporting() -> bool {
    QUEUE.get().is_some()
}

/// Hands over a span that ended.
pub fn ended(span: Span) {
    let dropped = QUEUE.get().is_some_and(|queue| queue.try_send(span).is_err());
    if dropped {
        metrics::counter!("recoup_spans_dropped_total").increment(1);
    }
}

/// Hands over a message that was handled, in the trace of the request that it follows from. A run's messages share its time.
pub fn handled(service: &'static str, envelope: &Envelope, started: DateTime<Utc>, took: Duration) {
    ended(Span {
        service,
        name: format!("process {}", envelope.kind),
        kind: Kind::Consumer,
        context: Context::of_message(envelope.id, envelope.traceparent.as_deref()),
        started,
        took,
        failed: false,
        attributes: vec![
            ("messaging.system", "pulsar".into()),
            ("messaging.message.id", envelope.id.to_string()),
            ("recoup.correlation", envelope.correlation.to_string()),
        ],
    });
}

async fn send_all(url: String, mut queue: mpsc::Receiver<Span>) {
    let client = http_client::client(SEND_TIMEOUT);
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        if batch.len() < BATCH {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(span) = queue.try_recv()
            {
                batch.push(span);
            }
        }
        let sent = client.post(&url).json(&request(&batch)).send().await.and_then(reqwest::Response::error_for_status);
        if let Err(error) = sent {
            metrics::counter!("recoup_spans_dropped_total").increment(batch.len() as u64);
            tracing::debug!(error = %error.without_url(), spans = batch.len(), "traces could not be sent");
        }
        batch.clear();
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn request(spans: &[Span]) -> Value {
    let mut services: Vec<&'static str> = spans.iter().map(|span| span.service).collect();
    services.sort_unstable();
    services.dedup();
    let resources = services.into_iter().map(|service| {
        let own: Vec<Value> = spans.iter().filter(|span| span.service == service).map(one).collect();
        json!({
            "resource": { "attributes": [attribute("service.namespace", "recoup"), attribute("service.name", service)] },
            "scopeSpans": [{ "scope": { "name": "recoup", "version": env!("CARGO_PKG_VERSION") }, "spans": own }],
        })
    });
    json!({ "resourceSpans": resources.collect::<Vec<_>>() })
}

fn one(span: &Span) -> Value {
    // 64-bit numbers are texts in OTLP's JSON.
    let nanos = |time: DateTime<Utc>| time.timestamp_nanos_opt().unwrap_or_default().to_string();
    let mut shown = json!({
        "traceId": span.context.trace_id.to_string(),
        "spanId": span.context.span_id.to_string(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanos(span.started),
        "endTimeUnixNano": nanos(span.started + span.took),
        "attributes": span.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
        "status": if span.failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = span.context.parent_id {
        shown["parentSpanId"] = parent.to_string().into();
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn span(service: &'static str, sent: Option<&'static str>) -> Span {
        let headers = sent.map(|sent| {
            (axum::http::HeaderName::from_static("traceparent"), axum::http::HeaderValue::from_static(sent))
        });
        Span {
            service,
            name: "GET /x".into(),
            kind: Kind::Server,
            context: Context::of(&HeaderMap::from_iter(headers)),
            started: DateTime::from_timestamp(1_700_000_000, 0).expect("in range"),
            took: Duration::from_millis(3),
            failed: true,
            attributes: vec![("http.route", "/x".into())],
        }
    }

    #[test]
    fn spans_are_sent_by_service_in_otlps_shape() {
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let body = request(&[span("bff", Some(sent)), span("tracking", None), span("bff", None)]);
        let resources = body["resourceSpans"].as_array().expect("a list");
        assert_eq!(resources.len(), 2);
        let first = &resources[0]["scopeSpans"][0]["spans"][0];
        assert_eq!(first["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(first["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(
            (&first["startTimeUnixNano"], &first["endTimeUnixNano"]),
            (&json!("1700000000000000000"), &json!("1700000000003000000"))
        );
        assert_eq!((&first["kind"], &first["status"]["code"]), (&json!(2), &json!(2)));
        assert_eq!(resources[0]["scopeSpans"][0]["spans"].as_array().map(Vec::len), Some(2));
    }
}
