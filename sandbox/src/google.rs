//! Google's login as far as mailboxes need it, on loopback: the page where an owner consents, which consents, and the exchange of codes
//! and refresh tokens. Whoever is named by `login_hint` is the owner. Under `/_sandbox` it can be made to fail, and consents are taken
//! back. [`Google::door`] is a door before an IMAP server that opens by an access token alone.

mod door;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::clock::Clock;

use crate::faults::{Fault, Kind, take};

/// A code is good for ten minutes, and once.
const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Seconds that an access token is good for.
const TOKEN_SECONDS: i64 = 3_599;
/// The owner where nobody is named.
const OWNER: &str = "shop@gmail.example";

/// A stand-in.
#[derive(Clone)]
pub struct Google(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<Books>,
}

/// A consent that was given.
struct Consent {
    owner: String,
    scope: String,
    redirect_uri: String,
    until: DateTime<Utc>,
}

#[derive(Default)]
struct Books {
    number: u64,
    codes: BTreeMap<String, Consent>,
    /// Owners by their refresh tokens.
    refresh: BTreeMap<String, (String, String)>,
    /// Owners by their access tokens, and until when each is good.
    access: BTreeMap<String, (String, DateTime<Utc>)>,
    faults: Vec<Fault>,
    /// How often tokens were asked for.
    asked: u64,
}

impl Books {
    fn name(&mut self, prefix: &str) -> String {
        self.number += 1;
        format!("{prefix}sandbox-{:06}", self.number)
    }
}

impl Google {
    /// Nobody consented yet. Codes and tokens run out by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, state: Mutex::default() }))
    }

    /// All that is served by HTTP.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/o/oauth2/v2/auth", get(consent))
            .route("/token", post(token))
            .route("/_sandbox/faults", post(add_fault))
            .with_state(self.clone())
    }

    /// Lets the exchange (`token`) go wrong once; `revoke` takes every consent back, `expire_token` ends every access token.
    pub fn fail(&self, kind: &str) {
        let kind = serde_json::from_value(kind.into()).expect("the kind of a fault");
        self.add(Fault { operation: "token".to_owned(), kind, times: 1, millis: None });
    }

    /// How often tokens were asked for.
    pub fn asked(&self) -> u64 {
        self.books().asked
    }

    fn add(&self, fault: Fault) {
        let mut books = self.books();
        match fault.kind {
            Kind::Revoke => {
                books.refresh.clear();
                books.access.clear();
            }
            Kind::ExpireToken => books.access.clear(),
            _ => books.faults.push(fault),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.state.lock().expect("nothing panics while it holds the sandbox")
    }

    fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Whether a mailbox opens by an access token.
    fn opens(&self, address: &str, token: &str) -> bool {
        let now = self.now();
        self.books().access.get(token).is_some_and(|(owner, until)| owner == address && now < *until)
    }
}

async fn add_fault(State(google): State<Google>, Json(fault): Json<Fault>) -> StatusCode {
    google.add(fault);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    #[serde(default)]
    access_type: String,
    login_hint: Option<String>,
}

/// The owner always consents, and is sent back with a code.
async fn consent(State(google): State<Google>, Query(asked): Query<Asked>) -> Response {
    if asked.response_type != "code" || asked.client_id.is_empty() || asked.access_type != "offline" {
        return (StatusCode::BAD_REQUEST, "Error 400: invalid_request").into_response();
    }
    let until = google.now() + CODE_LIFE;
    let code = {
        let mut books = google.books();
        let code = books.name("4/");
        let owner = asked.login_hint.unwrap_or_else(|| OWNER.to_owned());
        let given = Consent { owner, scope: asked.scope.clone(), redirect_uri: asked.redirect_uri.clone(), until };
        books.codes.insert(code.clone(), given);
        code
    };
    let query = [("state", asked.state.as_str()), ("code", &code), ("scope", &asked.scope), ("authuser", "0")];
    match url::Url::parse_with_params(&asked.redirect_uri, query) {
        Ok(back) => Redirect::to(back.as_str()).into_response(),
        Err(_) => (StatusCode::BAD_REQUEST, "Error 400: redirect_uri_mismatch").into_response(),
    }
}

fn refused(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": description}))).into_response()
}

/// An ID token; nobody looks at its signature, which is none.
fn id_token(owner: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let said = json!({"iss": "https://accounts.google.com", "sub": "1", "email": owner, "email_verified": true});
    format!("{}.{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(said), URL_SAFE_NO_PAD.encode("unsigned"))
}

/// Exchanges a code or a refresh token.
async fn token(State(google): State<Google>, body: Bytes) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let now = google.now();
    let mut books = google.books();
    books.asked += 1;
    match take(&mut books.faults, "token", &[Kind::Throttle, Kind::Error]).map(|fault| fault.kind) {
        Some(Kind::Throttle) => return refused(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "Slow down"),
        Some(_) => return refused(StatusCode::INTERNAL_SERVER_ERROR, "internal_failure", "Try again"),
        None => {}
    }
    if field("client_id").is_empty() || field("client_secret").is_empty() {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client", "The OAuth client was not found.");
    }
    let bad_grant = |words: &str| refused(StatusCode::BAD_REQUEST, "invalid_grant", words);
    let (owner, scope, refresh_token) = match field("grant_type") {
        "authorization_code" => {
            let given = books.codes.remove(field("code")).filter(|given| now < given.until);
            let Some(given) = given.filter(|given| given.redirect_uri == field("redirect_uri")) else {
                return bad_grant("Malformed auth code.");
            };
            let token = books.name("1//");
            books.refresh.insert(token.clone(), (given.owner.clone(), given.scope.clone()));
            (given.owner, given.scope, Some(token))
        }
        "refresh_token" => match books.refresh.get(field("refresh_token")).cloned() {
            // A refresh brings no other refresh token.
            Some((owner, scope)) => (owner, scope, None),
            None => return bad_grant("Token has been expired or revoked."),
        },
        _ => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Invalid grant_type"),
    };
    let access_token = books.name("ya29.");
    books.access.insert(access_token.clone(), (owner.clone(), now + TimeDelta::seconds(TOKEN_SECONDS)));
    let mut answer = json!({
        "access_token": access_token, "expires_in": TOKEN_SECONDS, "scope": scope, "token_type": "Bearer", "id_token": id_token(&owner),
    });
    if let Some(refresh_token) = refresh_token {
        answer["refresh_token"] = refresh_token.into();
    }
    Json(answer).into_response()
}
