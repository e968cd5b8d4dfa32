//! What one request is called: its id, and its place in a trace (W3C trace context).

use std::fmt;

use axum::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// Header that carries the request id, in and out.
pub const REQUEST_ID: &str = "x-request-id";
/// Header and message attribute that carry the trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Names of the request in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The caller's `x-request-id` if it is a sensible one, else our own.
    pub request_id: String,
    /// Trace that the request belongs to.
    pub trace_id: TraceId,
    /// Our own span in it.
    pub span_id: SpanId,
    /// The caller's span, where there is one.
    pub parent_id: Option<SpanId>,
}

/// A W3C trace id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub u128);

/// A W3C span id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

tokio::task_local! {
    static CURRENT: Context;
}

impl Context {
    /// The context of a request with these headers. What a caller sends is used only where it is well formed.
    pub fn of(headers: &HeaderMap) -> Self {
        let fresh = Uuid::now_v7();
        let sent_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sensible(id));
        let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse_traceparent);
        Self {
            request_id: sent_id.map_or_else(|| fresh.to_string(), str::to_owned),
            trace_id: parent.map_or(TraceId(fresh.as_u128()), |(trace_id, _)| trace_id),
            // The low half of a version 7 UUID is random.
            span_id: SpanId(fresh.as_u128() as u64),
            parent_id: parent.map(|(_, span_id)| span_id),
        }
    }

    /// The context of work that a message causes: named after the message, in the trace that the message belongs to.
    pub fn of_message(id: impl fmt::Display, traceparent: Option<&str>) -> Self {
        let fresh = Uuid::now_v7().as_u128();
        let parent = traceparent.and_then(parse_traceparent);
        Self {
            request_id: id.to_string(),
            trace_id: parent.map_or(TraceId(fresh), |(trace_id, _)| trace_id),
            span_id: SpanId(fresh as u64),
            parent_id: parent.map(|(_, span_id)| span_id),
        }
    }

    /// The trace context to send on: the same trace, our span as the parent.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }

    /// Runs `work` as part of this request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The id as a header value.
    pub fn request_id_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.request_id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

/// The request in hand, if this runs within one.
pub fn current() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The id of the request in hand; empty outside of one.
pub fn request_id() -> String {
    CURRENT.try_with(|context| context.request_id.clone()).unwrap_or_default()
}

/// Ids end up in logs and headers, so that a caller's own is taken only if it is short and plain.
fn is_sensible(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Reads `00-<trace id>-<span id>-<flags>`; ids of zeros are invalid by the standard.
pub fn parse_traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let well_formed = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0 && well_formed)?;
    let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    Some((TraceId(trace_id), SpanId(span_id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_sent_trace_is_continued() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(SENT));
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc-1"));
        let context = Context::of(&headers);
        assert_eq!(context.request_id, "abc-1");
        assert!(context.traceparent().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_ne!(context.traceparent(), SENT);
        assert_eq!(context.parent_id, Some(SpanId(0x00f0_67aa_0ba9_02b7)));
    }

    #[test]
    fn nonsense_is_replaced() {
        for nonsense in [
            "",
            "00-0-0-01",
            &SENT.to_uppercase(),
            &SENT.replace('4', "0").replace(|c: char| c.is_ascii_hexdigit(), "0"),
        ] {
            assert_eq!(parse_traceparent(nonsense), None, "{nonsense}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("a b\"c"));
        assert_ne!(Context::of(&headers).request_id, "a b\"c");
    }
}
