//! Reads the body of a request into events, one by one: a bad one does not sink the others.

use std::borrow::Cow;
use std::fmt;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use service_kit::problem::Problem;
use service_kit::store::new_id;
use shared_events::TenantId;

use crate::domain::event::NewEvent;
use crate::domain::incoming::{self, Refused};

/// Events in one request.
pub const MOST_EVENTS: usize = 10_000;
/// Bytes of one request.
pub const MOST_BYTES: usize = 5 * 1024 * 1024;

/// What a body holds.
#[derive(Debug)]
pub struct Sent {
    /// Whether it was one event alone, which is answered as such.
    pub alone: bool,
    /// Each event, or why it is not taken.
    pub events: Vec<Result<NewEvent, Unread>>,
}

/// An event that is not taken.
#[derive(Debug)]
pub struct Unread {
    /// The caller's id for it, where that much can be read.
    pub event_id: Option<String>,
    /// Why.
    pub refused: Refused,
}

/// How a body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Json,
    Lines,
}

/// Reads a body.
///
/// # Errors
/// A problem with the body as a whole: media type, not UTF-8, no JSON, too many events.
pub fn read(headers: &HeaderMap, body: &[u8], tenant: &TenantId, now: DateTime<Utc>) -> Result<Sent, Problem> {
    let layout = layout(headers)?;
    let text = std::str::from_utf8(body).map_err(|_| Problem::bad_request("the body is not valid UTF-8"))?;
    // A microsecond apart, so that the order within a request is kept.
    let mut received_at = now;
    let mut one = |json: &str| {
        received_at += TimeDelta::microseconds(1);
        read_one(json, tenant, received_at)
    };
    if layout == Layout::Lines {
        let lines = || text.lines().filter(|line| !line.trim().is_empty());
        if lines().nth(MOST_EVENTS).is_some() {
            return Err(too_many());
        }
        return Ok(Sent { alone: false, events: lines().map(&mut one).collect() });
    }
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'[') => {
            let Elements(elements) = serde_json::from_str(text).map_err(|error| whole_body(&error))?;
            Ok(Sent { alone: false, events: elements.into_iter().map(|element| one(element.get())).collect() })
        }
        Some(b'{') => {
            // Tells what is no JSON at all (400) from an event that does not fit (422).
            let event: &RawValue = serde_json::from_str(text).map_err(|error| whole_body(&error))?;
            Ok(Sent { alone: true, events: vec![one(event.get())] })
        }
        _ => match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => Err(Problem::invalid_field("body", "must be an event or an array of events")),
            Err(error) => Err(whole_body(&error)),
        },
    }
}

fn read_one(json: &str, tenant: &TenantId, now: DateTime<Utc>) -> Result<NewEvent, Unread> {
    incoming::read(json, tenant, now, || new_id(now)).map_err(|refused| Unread { event_id: event_id_in(json), refused })
}

/// The id of an event that is otherwise bad, so that the caller knows which one it was.
fn event_id_in(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct OnlyId<'a> {
        #[serde(borrow)]
        event_id: Option<Cow<'a, str>>,
    }
    let id = serde_json::from_str::<OnlyId<'_>>(json).ok()?.event_id?;
    (id.len() <= 256 && !id.chars().any(char::is_control)).then(|| id.into_owned())
}

fn layout(headers: &HeaderMap) -> Result<Layout, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Layout::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Layout::Lines),
        _ => Err(Problem::unsupported_media_type(
            "send one event or an array as application/json, or lines as application/x-ndjson",
        )),
    }
}

fn too_many() -> Problem {
    Problem::too_large(format!("a request holds at most {MOST_EVENTS} events"))
}

const TOO_MANY: &str = "too many events";

fn whole_body(error: &serde_json::Error) -> Problem {
    if error.to_string().starts_with(TOO_MANY) {
        return too_many();
    }
    Problem::bad_request(format!("the body is not valid JSON: {error}"))
}

/// The elements of an array, unread. Stops at one too many: an array of millions of nothings must not fill the memory.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = sequence.next_element()? {
                    if elements.len() == MOST_EVENTS {
                        return Err(serde::de::Error::custom(TOO_MANY));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        from.deserialize_seq(Bounded)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::domain::samples::{at, tenant};

    fn read_as(media_type: &'static str, body: &[u8]) -> Result<Sent, Problem> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        read(&headers, body, &tenant(), at(0))
    }

    fn status(media_type: &'static str, body: &[u8]) -> u16 {
        read_as(media_type, body).expect_err("refused").status().as_u16()
    }

    #[test]
    fn one_bad_event_does_not_sink_the_others() {
        let bodies = [
            (
                "application/json; charset=utf-8",
                r#" [{"event_type":"click"}, {"event_id":"e2","event_type":"sale"}, 5, {"event_type":"lead"}]"#,
            ),
            (
                "application/x-ndjson",
                "{\"event_type\":\"click\"}\r\n\n{\"event_id\":\"e2\",\"event_type\":\"sale\"}\n{]\n{\"event_type\":\"lead\"}",
            ),
        ];
        for (media_type, body) in bodies {
            let sent = read_as(media_type, body.as_bytes()).expect("read");
            assert_eq!(sent.events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true]);
            assert_eq!(sent.events[1].as_ref().err().and_then(|unread| unread.event_id.as_deref()), Some("e2"));
        }
    }

    #[test]
    fn what_is_wrong_with_the_whole_body_is_told_at_once() {
        let json = "application/json";
        for bad in ["", " ", "{", "[", "[1", "[{}] x", "nonsense", "{\"event_type\":\"click\"} {}"] {
            assert_eq!(status(json, bad.as_bytes()), 400, "{bad}");
        }
        assert_eq!(status(json, b"{\"event_type\":\"cl\xffick\"}"), 400);
        assert_eq!(status(json, b"5"), 422);
        assert_eq!(status("text/plain", b"{}"), 415);
        let (most, more) = (vec!["{}"; MOST_EVENTS], vec!["{}"; MOST_EVENTS + 1]);
        for (media_type, start, between, end) in [(json, "[", ",", "]"), ("application/x-ndjson", "", "\n", "\n")] {
            assert!(read_as(media_type, format!("{start}{}{end}", most.join(between)).as_bytes()).is_ok());
            assert_eq!(status(media_type, format!("{start}{}{end}", more.join(between)).as_bytes()), 413);
        }
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        for body in
            [format!("[{}", "[".repeat(1_000_000)), format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000))]
        {
            assert!(
                read_as("application/json", body.as_bytes()).is_ok_and(|sent| sent.events[0].is_err())
                    || status("application/json", body.as_bytes()) == 400
            );
        }
    }
}
