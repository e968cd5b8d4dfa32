//! Log lines: one flat JSON object each (or a line for people), with the fields of the spans around it and, within a
//! request, its id and trace id. Written to stderr, so that what a command prints stays clean.

pub mod otlp;

use std::fmt;
use std::io::Write;

use chrono::SecondsFormat;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::{Clock, SystemClock};
use crate::config::LogFormat;
use crate::http::context;

/// Libraries that say too much by themselves.
const QUIET: [&str; 5] = ["pulsar=warn", "pulsar::retry_op=error", "sqlx=warn", "hyper=warn", "rustls=warn"];

/// Sends log lines to stderr from now on. A second call in one process changes nothing.
///
/// # Errors
/// When `directives` (as in `RUST_LOG`) cannot be read.
pub fn init(directives: &str, format: LogFormat) -> anyhow::Result<()> {
    let quiet: Vec<&str> =
        QUIET.into_iter().filter(|rule| !directives.contains(rule.split('=').next().unwrap_or(rule))).collect();
    let filter = EnvFilter::try_new([&[directives], quiet.as_slice()].concat().join(","))?;
    let lines = Lines::new(format, |line| {
        // A full disk or closed pipe must not stop the service; there is nowhere else to say so.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    });
    // Fails only when a subscriber is there already, as in tests that start two services.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

/// The span of a service: every line of its tasks carries its name. Instrument the service's tasks with it.
pub fn service_span(service: &'static str) -> tracing::Span {
    tracing::info_span!("service", service)
}

/// Writes lines.
pub struct Lines<W> {
    format: LogFormat,
    write: W,
}

impl<W: Fn(&str) + Send + Sync + 'static> Lines<W> {
    /// Hands each line, with its line feed, to `write`.
    pub fn new(format: LogFormat, write: W) -> Self {
        Self { format, write }
    }
}

/// The fields of one span, kept with it.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), Value::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.insert(field.name().to_owned(), Value::String(value.to_string()));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, layer: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = layer.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, layer: Context<'_, S>) {
        if let Some(span) = layer.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, layer: Context<'_, S>) {
        let mut fields = Map::new();
        // Outer spans first, so that inner ones win where they use the same name.
        for span in layer.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(Fields(own)) = span.extensions().get::<Fields>() {
                fields.extend(own.clone());
            }
        }
        if let Some(request) = context::current() {
            fields.insert("request_id".into(), request.request_id.into());
            fields.insert("trace_id".into(), request.trace_id.to_string().into());
        }
        let mut own = Fields::default();
        event.record(&mut own);
        fields.extend(own.0);
        let message = fields.remove("message").and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
        let metadata = event.metadata();
        // Libraries that log by the older `log` crate come under one name; theirs is in a field.
        let bridged = fields.remove("log.target");
        if bridged.is_some() {
            fields.retain(|name, _| !name.starts_with("log."));
        }
        let target = bridged.as_ref().and_then(Value::as_str).unwrap_or_else(|| metadata.target());
        let line = match self.format {
            LogFormat::Json => json_line(*metadata.level(), target, &message, fields),
            LogFormat::Text => text_line(*metadata.level(), &message, &fields),
        };
        (self.write)(&line);
    }
}

fn timestamp() -> String {
    SystemClock.now().to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn json_line(level: Level, target: &str, message: &str, fields: Map<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("timestamp".into(), timestamp().into());
    line.insert("level".into(), level.as_str().into());
    line.insert("message".into(), message.into());
    line.insert("target".into(), target.into());
    line.extend(fields);
    format!("{}\n", Value::Object(line))
}

fn text_line(level: Level, message: &str, fields: &Map<String, Value>) -> String {
    let service = fields.get("service").and_then(Value::as_str).unwrap_or("-");
    let mut line = format!("{} {level:5} {service:10} {message}", timestamp());
    for (name, value) in fields.iter().filter(|(name, _)| *name != "service") {
        // Quoted by JSON rules where it is not plain, so that one event stays one line.
        let plain = value.as_str().filter(|text| text.chars().all(|c| c.is_ascii_graphic() && c != '"'));
        line.push_str(&plain.map_or_else(|| format!(" {name}={value}"), |text| format!(" {name}={text}")));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::HeaderMap;

    use super::*;

    #[tokio::test]
    async fn a_line_carries_service_request_and_trace() {
        let written = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&written);
        let lines = Lines::new(LogFormat::Json, move |line: &str| sink.lock().expect("unpoisoned").push_str(line));
        let _guard = tracing_subscriber::registry().with(lines).set_default();
        let request = context::Context::of(&HeaderMap::new());
        let _span = service_span("tracking").entered();
        request.clone().scope(async { tracing::info!(campaign.id = "c1", count = 3, "campaign created\n") }).await;
        let line: Value = serde_json::from_str(&written.lock().expect("unpoisoned")).expect("one JSON object");
        assert_eq!(line["service"], "tracking");
        assert_eq!(line["request_id"], request.request_id);
        assert_eq!(line["trace_id"], request.trace_id.to_string());
        assert_eq!(line["campaign.id"], "c1");
        assert_eq!(line["count"], 3);
        assert_eq!(line["message"], "campaign created\n");
    }

    #[test]
    fn text_lines_stay_single() {
        let fields = Map::from_iter([("error".to_owned(), Value::String("a\nb".into()))]);
        let line = text_line(Level::WARN, "failed", &fields);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
    }
}
