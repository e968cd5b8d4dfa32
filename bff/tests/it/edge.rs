//! A BFF on a port of its own, with stand-ins for tracking and commission that answer what a test tells them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use bff::{Config, Shared};
use reqwest::RequestBuilder;
use serde_json::Value;
use service_kit::auth::{Claims, Role, mint};
use service_kit::clock::SystemClock;
use service_kit::config::{AuthConfig, Env, PulsarConfig, address_var, load};
use service_kit::http_client;
use service_kit::shutdown::Shutdown;
use shared_events::Service;
use tokio::net::TcpListener;

/// The secret of every token in these tests.
pub const SECRET: &str = "a secret of at least 32 characters";

/// A running BFF.
pub struct Edge {
    /// Its address.
    pub base: String,
    /// The services behind it.
    pub services: Services,
    /// Where files are put.
    pub objects: std::path::PathBuf,
    client: reqwest::Client,
    shutdown: Shutdown,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.shutdown.begin();
        let _ = std::fs::remove_dir_all(&self.objects);
    }
}

/// What a stand-in answers to a path: one answer after the other, the last one for ever.
type Script = Vec<(u16, Value)>;

/// Both services behind one address.
#[derive(Clone, Default)]
pub struct Services {
    scripts: Arc<Mutex<HashMap<String, Script>>>,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// What a stand-in was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method, path and query.
    pub line: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Services {
    /// Answers `path` with these, one after the other.
    pub fn answer(&self, path: &str, answers: impl Into<Script>) {
        self.scripts.lock().expect("unpoisoned").insert(path.into(), answers.into());
    }

    /// Serves a file, of which bytes 2 to 4 are asked for.
    pub fn file(&self, path: &str, content: &[u8]) {
        self.files.lock().expect("unpoisoned").insert(path.into(), content.to_vec());
    }

    /// What was asked so far, health checks apart.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("unpoisoned").clone()
    }

    async fn start(&self) -> String {
        let app = Router::new().fallback(stand_in).layer(DefaultBodyLimit::disable()).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        base
    }
}

async fn stand_in(
    State(services): State<Services>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/health/ready" {
        return axum::Json(serde_json::json!({"status": "ready"})).into_response();
    }
    services.asked.lock().expect("unpoisoned").push(Asked { line: format!("{method} {uri}"), headers, body });
    if let Some(content) = services.files.lock().expect("unpoisoned").get(uri.path()) {
        let described = [
            ("content-range", format!("bytes 2-4/{}", content.len())),
            ("etag", "\"abc\"".to_owned()),
            ("content-disposition", "inline; filename=\"a.pdf\"".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        return (StatusCode::PARTIAL_CONTENT, described, content[2..5].to_vec()).into_response();
    }
    let mut scripts = services.scripts.lock().expect("unpoisoned");
    let Some(script) = scripts.get_mut(uri.path()) else { return StatusCode::NOT_FOUND.into_response() };
    let (status, body) = if script.len() > 1 { script.remove(0) } else { script[0].clone() };
    (StatusCode::from_u16(status).expect("a status"), axum::Json(body)).into_response()
}

/// The settings of a BFF in a test.
pub fn env(services: &str) -> Env {
    let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    let objects =
        std::env::temp_dir().join(format!("recoup-bff-{}", uuid::Uuid::now_v7().simple())).display().to_string();
    let env = Env::of([
        ("JWT_SECRET_KEY", SECRET),
        ("ACCOUNT_DETAILS_KEY", key.as_str()),
        ("DOCUMENT_MASTER_KEYS", format!("k1:{key}").as_str()),
        ("OBJECT_DIR", objects.as_str()),
        ("PULSAR_SERVICE_URL", "pulsar://127.0.0.1:1"),
    ]);
    Service::ALL.into_iter().fold(env, |env, service| env.with(address_var(service).name, services))
}

impl Edge {
    /// A BFF whose broker is away.
    pub async fn without_broker() -> Self {
        Self::start(None, |env| env).await
    }

    /// A BFF on a broker.
    pub async fn on(pulsar: PulsarConfig) -> Self {
        Self::start(Some(pulsar), |env| env).await
    }

    /// A BFF with other settings.
    pub async fn start(pulsar: Option<PulsarConfig>, settings: impl FnOnce(Env) -> Env) -> Self {
        let services = Services::default();
        let behind = services.start().await;
        let env = settings(env(&behind));
        let objects = env.get("OBJECT_DIR").expect("set above").into();
        let mut config: Config = load(&env).expect("usable settings");
        if let Some(pulsar) = pulsar {
            config.pulsar = pulsar;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let shutdown = Shutdown::new();
        let shared = Shared { clock: Arc::new(SystemClock), dev_clock: None };
        tokio::spawn(bff::run(config, shared, listener, shutdown.clone()));
        let client = http_client::client(std::time::Duration::from_secs(60));
        Self { base, services, objects, client, shutdown }
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A question in somebody's name.
    pub fn get(&self, token: &str, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token)
    }

    /// A command in somebody's name.
    pub fn post(&self, token: &str, path: &str, body: &str) -> RequestBuilder {
        self.request(Method::POST, path)
            .bearer_auth(token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_owned())
    }
}

/// A token of somebody of the tenant `demo`.
pub fn token(subject: &str, role: Role) -> String {
    let auth: AuthConfig = load(&env("http://127.0.0.1:1")).expect("usable settings");
    let claims = Claims { sub: subject.into(), tenant: "demo".into(), roles: vec![role], partner: None };
    mint(&auth, &claims, 600).expect("signed")
}

/// Sends a request and reads the status, the headers and the JSON.
pub async fn answer(request: RequestBuilder) -> (u16, HeaderMap, Value) {
    let response = request.send().await.expect("answered");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("readable");
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
