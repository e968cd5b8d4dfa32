//! What the stand-ins for payment gateways have in common: things by their ids, keys that make a request count once, faults, books, and the
//! webhooks that a real gateway would send.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ring::hmac;
use serde::Serialize;
use serde_json::{Value, json};
use service_kit::clock::Clock;
use tokio::time::sleep;

use crate::faults::{Fault, Kind, take};

const HANGS: Duration = Duration::from_secs(3_600);

/// A status and a body.
pub(crate) type Outcome = (u16, Value);

/// What a gateway's own books say, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Promised, and neither taken nor let go.
    pub held: i64,
    /// Taken in all.
    pub captured: i64,
    /// Given back in all.
    pub refunded: i64,
}

/// A webhook as the gateway would send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The name of its kind.
    pub kind: String,
    /// Headers, in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) number: u64,
    /// Everything by its id.
    pub(crate) objects: BTreeMap<String, Value>,
    keys: BTreeMap<String, (String, Outcome)>,
    pub(crate) faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
    pub(crate) deliveries: Vec<Delivery>,
}

/// A stand-in's state and clock.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Arc<dyn Clock>,
    desk: Mutex<Desk>,
}

impl Desk {
    pub(crate) fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// All things of a kind for which this holds, the oldest first.
    pub(crate) fn all(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut found: Vec<Value> = self.objects.values().filter(|object| fits(object)).cloned().collect();
        found.sort_by_key(|object| object["_number"].as_u64());
        found
    }

    /// Keeps a thing under its id.
    pub(crate) fn keep(&mut self, id: &str, mut object: Value) -> Value {
        object["_number"] = self.next().into();
        self.objects.insert(id.to_owned(), object.clone());
        object
    }

    /// Does it, unless the key was used for the same: then the first outcome is given again. `other` is said to another request.
    pub(crate) fn once(
        &mut self,
        key: &str,
        request: &str,
        other: Outcome,
        act: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        match self.keys.get(key).filter(|_| !key.is_empty()) {
            Some((first, _)) if first != request => return other,
            Some((_, outcome)) => return outcome.clone(),
            None => {}
        }
        let outcome = act(self);
        if !key.is_empty() && outcome.0 < 500 {
            self.keys.insert(key.to_owned(), (request.to_owned(), outcome.clone()));
        }
        outcome
    }
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, desk: Mutex::default() })
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nothing panics while it holds the sandbox")
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub(crate) fn time(&self) -> String {
        self.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    /// Counts an operation and lets go wrong what comes before it is done: an outcome ends it. `throttled` is this gateway's 429.
    pub(crate) async fn enter(&self, operation: &str, throttled: Outcome) -> Result<Option<Kind>, Outcome> {
        let fault = {
            let mut desk = self.desk();
            *desk.calls.entry(operation.to_owned()).or_default() += 1;
            let kinds = [Kind::Throttle, Kind::Error, Kind::Slow, Kind::AcceptThenHang, Kind::Hang];
            take(&mut desk.faults, operation, &kinds)
        };
        let Some(fault) = fault else { return Ok(None) };
        match fault.kind {
            Kind::Throttle => return Err(throttled),
            Kind::Error => return Err((500, json!({}))),
            Kind::Hang => sleep(HANGS).await,
            Kind::Slow => sleep(Duration::from_millis(fault.millis.unwrap_or(3_000))).await,
            _ => {}
        }
        Ok(Some(fault.kind))
    }

    /// Keeps back an answer that is to be lost.
    pub(crate) async fn leave(&self, kind: Option<Kind>) {
        if kind == Some(Kind::AcceptThenHang) {
            sleep(HANGS).await;
        }
    }

    /// Lets an operation go wrong: `accept_then_hang`, `hang`, `error`, `throttle`.
    pub(crate) fn fail(&self, operation: &str, kind: &str) {
        let kind = serde_json::from_value(kind.into()).expect("the kind of a fault");
        self.desk().faults.push(Fault { operation: operation.to_owned(), kind, times: 1, millis: None });
    }

    /// How often an operation was asked for.
    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.desk().calls.get(operation).copied().unwrap_or_default()
    }
}

/// The paths under `/_sandbox` that all have.
pub(crate) fn control(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/_sandbox/calls", get(calls))
        .route("/_sandbox/objects", get(objects))
        .route("/_sandbox/webhooks", get(webhooks))
        .with_state(shared)
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Vec<Fault>> {
    Json(shared.desk().faults.clone())
}

async fn add_fault(State(shared): State<Arc<Shared>>, Json(fault): Json<Fault>) -> StatusCode {
    shared.desk().faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.desk().faults.clear();
    StatusCode::NO_CONTENT
}

async fn calls(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!(shared.desk().calls))
}

async fn objects(State(shared): State<Arc<Shared>>) -> Json<Vec<Value>> {
    Json(shared.desk().objects.values().cloned().collect())
}

async fn webhooks(State(shared): State<Arc<Shared>>) -> Json<Vec<Delivery>> {
    Json(shared.desk().deliveries.clone())
}

/// What is answered; 204 has no body, and what is only for the sandbox is left out.
pub(crate) fn finish((status, mut body): Outcome) -> Response {
    strip(&mut body);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NO_CONTENT { status.into_response() } else { (status, Json(body)).into_response() }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with('_'));
            fields.values_mut().for_each(strip);
        }
        Value::Array(entries) => entries.iter_mut().for_each(strip),
        _ => {}
    }
}

/// HMAC-SHA256 in hexadecimal digits.
pub(crate) fn signature(secret: &str, text: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Minor units from a decimal text with two decimals at most.
pub(crate) fn minor(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain("00".chars()).take(2).collect();
    format!("{whole}{part}").parse().unwrap_or(0)
}

/// A decimal text with two decimals.
pub(crate) fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
