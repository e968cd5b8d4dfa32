//! Carriers of messages, on loopback: Twilio's Messages resource for texts, and Firebase Cloud Messaging (HTTP v1, with the sign-in of its
//! service accounts) for push messages.
//!
//! Numbers and tokens behave by their names, as Twilio's own test numbers do: a number that ends in `0001` is none (21211), in `0009` has an
//! owner that sent STOP (21610); a device called `gone…` is unregistered. Under `/_sandbox` they can be made to fail, and tell what they took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use service_kit::clock::Clock;

use crate::faults::{Fault, Kind, take};

const HANGS: Duration = Duration::from_secs(3_600);

/// A call back, as it would be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where to.
    pub address: String,
    /// `X-Twilio-Signature`.
    pub signature: String,
    /// The form.
    pub body: String,
}

/// The carriers.
#[derive(Debug, Clone)]
pub struct Messaging(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    texts: Vec<Value>,
    pushes: Vec<Value>,
    tokens: u64,
    faults: Vec<Fault>,
}

impl Messaging {
    /// Took nothing yet. Messages carry the times of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, state: Mutex::default() }))
    }

    /// All that is served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/2010-04-01/Accounts/{account}/Messages.json", get(list_texts).post(send_text))
            .route("/token", post(sign_in))
            .route("/v1/projects/{project}/{operation}", post(send_push))
            .route("/_sandbox/texts", get(texts))
            .route("/_sandbox/pushes", get(pushes))
            .route("/_sandbox/faults", post(add_fault).delete(clear_faults))
            .with_state(self.clone())
    }

    /// What Twilio would call back about a text: `queued`, `sent`, `delivered`, `undelivered` or `failed`, signed with the account's
    /// token. `None` for a text that is not there, or whose sender wants no news.
    pub fn news(&self, reference: &str, status: &str, token: &str) -> Option<Call> {
        let state = self.state();
        let text = state.texts.iter().find(|text| text["sid"] == reference)?;
        let address = text["_callback"].as_str()?.to_owned();
        let known = |name: &str| text[name].as_str().unwrap_or_default().to_owned();
        let mut fields = BTreeMap::from([
            ("AccountSid", known("account_sid")),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", known("from")),
            ("MessageSid", reference.to_owned()),
            ("MessageStatus", status.to_owned()),
            ("SmsSid", reference.to_owned()),
            ("SmsStatus", status.to_owned()),
            ("To", known("to")),
        ]);
        if matches!(status, "undelivered" | "failed") {
            fields.insert("ErrorCode", "30003".to_owned());
        }
        let signed = fields.iter().fold(address.clone(), |text, (name, value)| text + name + value);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        Some(Call { address, signature, body })
    }

    fn state(&self) -> MutexGuard<'_, Taken> {
        self.0.state.lock().expect("nothing panics while it holds the sandbox")
    }

    fn fault(&self, operation: &str) -> Option<Kind> {
        let kinds = [Kind::Throttle, Kind::Error, Kind::AcceptThenHang, Kind::Hang];
        take(&mut self.state().faults, operation, &kinds).map(|fault| fault.kind)
    }
}

fn refused(status: u16, code: i64, message: &str) -> Response {
    let body = json!({"code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status});
    answer(status, &body)
}

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/json")], Body::from(body.to_string())).into_response()
}

fn has_scheme(headers: &HeaderMap, scheme: &str) -> bool {
    headers.get("authorization").and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(scheme))
}

async fn send_text(
    State(carriers): State<Messaging>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !has_scheme(&headers, "Basic ") {
        return refused(401, 20_003, "Authenticate");
    }
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (to, text) = (field("To"), field("Body"));
    let from = if form.contains_key("MessagingServiceSid") { "" } else { field("From") };
    let fault = carriers.fault("texts");
    match fault {
        Some(Kind::Throttle) => return refused(429, 20_429, "Too Many Requests"),
        Some(Kind::Error) => return refused(500, 20_500, "Internal Server Error"),
        Some(Kind::Hang) => tokio::time::sleep(HANGS).await,
        _ => {}
    }
    if !to.starts_with('+') || to.ends_with("0001") {
        return refused(400, 21_211, &format!("The 'To' number {to} is not a valid phone number."));
    }
    if to.ends_with("0009") {
        return refused(400, 21_610, "Attempt to send to unsubscribed recipient");
    }
    if text.is_empty() || text.chars().count() > 1_600 {
        return refused(400, 21_617, "The concatenated message body exceeds the 1600 character limit");
    }
    let message = {
        let now = carriers.0.clock.now();
        let mut state = carriers.state();
        let sid = format!("SM{:032x}", state.texts.len() + 1);
        let message = json!({
            "sid": sid, "account_sid": account, "to": to, "from": from, "body": text, "status": "queued", "direction": "outbound-api",
            "messaging_service_sid": form.get("MessagingServiceSid"), "num_segments": "1", "price": null, "error_code": null,
            "date_created": now.to_rfc2822(), "date_sent": null, "_callback": form.get("StatusCallback"),
        });
        state.texts.push(message.clone());
        message
    };
    if fault == Some(Kind::AcceptThenHang) {
        tokio::time::sleep(HANGS).await;
    }
    answer(201, &message)
}

async fn list_texts(
    State(carriers): State<Messaging>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    if !has_scheme(&headers, "Basic ") {
        return refused(401, 20_003, "Authenticate");
    }
    let size = query.get("PageSize").and_then(|size| size.parse().ok()).unwrap_or(50);
    let wanted = |message: &&Value| query.get("To").is_none_or(|to| message["to"] == to.as_str());
    let messages: Vec<Value> = carriers.state().texts.iter().rev().filter(wanted).take(size).cloned().collect();
    answer(200, &json!({"messages": messages, "page": 0, "page_size": size, "next_page_uri": null}))
}

async fn sign_in(State(carriers): State<Messaging>, body: Bytes) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let grant = form.get("grant_type").map(String::as_str);
    let assertion = form.get("assertion").map(String::as_str).unwrap_or_default();
    if grant != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") || assertion.split('.').count() != 3 {
        return answer(400, &json!({"error": "invalid_grant"}));
    }
    let mut state = carriers.state();
    state.tokens += 1;
    let token = format!("ya29.sandbox-{}", state.tokens);
    answer(200, &json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}))
}

fn push_error(status: u16, name: &str, code: &str) -> Response {
    let detail = json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code});
    answer(status, &json!({"error": {"code": status, "message": name, "status": name, "details": [detail]}}))
}

async fn send_push(
    State(carriers): State<Messaging>,
    Path((project, operation)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if operation != "messages:send" {
        return answer(404, &json!({"error": {"code": 404, "status": "NOT_FOUND"}}));
    }
    if !has_scheme(&headers, "Bearer ya29.") {
        return push_error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR");
    }
    let fault = carriers.fault("pushes");
    match fault {
        Some(Kind::Throttle) => return push_error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        Some(Kind::Error) => return push_error(500, "INTERNAL", "INTERNAL"),
        Some(Kind::Hang) => tokio::time::sleep(HANGS).await,
        _ => {}
    }
    let Some(token) = body["message"]["token"].as_str().filter(|token| !token.is_empty()) else {
        return push_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT");
    };
    if token.starts_with("gone") {
        return push_error(404, "NOT_FOUND", "UNREGISTERED");
    }
    let name = {
        let mut state = carriers.state();
        let name = format!("projects/{project}/messages/0:{}", state.pushes.len() + 1);
        state.pushes.push(body["message"].clone());
        name
    };
    if fault == Some(Kind::AcceptThenHang) {
        tokio::time::sleep(HANGS).await;
    }
    answer(200, &json!({"name": name}))
}

async fn texts(State(carriers): State<Messaging>) -> Json<Vec<Value>> {
    Json(carriers.state().texts.clone())
}

async fn pushes(State(carriers): State<Messaging>) -> Json<Vec<Value>> {
    Json(carriers.state().pushes.clone())
}

/// Lets something go wrong; operations are called `texts` and `pushes`.
async fn add_fault(State(carriers): State<Messaging>, Json(fault): Json<Fault>) -> StatusCode {
    carriers.state().faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(carriers): State<Messaging>) -> StatusCode {
    carriers.state().faults.clear();
    StatusCode::NO_CONTENT
}
