//! A receiver of webhooks within the test: it keeps what comes and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Came {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Came {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Inner {
    came: Vec<Came>,
    /// What is answered next: status, and where to go on.
    answers: VecDeque<(u16, String)>,
    usual: u16,
}

#[derive(Debug, Clone)]
pub struct Receiver {
    pub port: u16,
    inner: Arc<Mutex<Inner>>,
}

async fn take(
    State(inner): State<Arc<Mutex<Inner>>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.came.push(Came { path, headers, body: String::from_utf8(body.to_vec()).unwrap() });
    let usual = (inner.usual, String::new());
    let (status, next) = inner.answers.pop_front().unwrap_or(usual);
    let status = StatusCode::from_u16(status).unwrap();
    match next.as_str() {
        "" => (status, "seen\n").into_response(),
        pause if !pause.contains('/') => (status, [(header::RETRY_AFTER, pause.to_owned())]).into_response(),
        next => (status, [(header::LOCATION, next.to_owned())]).into_response(),
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Mutex::new(Inner { usual: 200, ..Inner::default() }));
        let app = Router::new().route("/{*path}", post(take)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { port, inner }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Answers so from now on.
    pub fn usually(&self, status: u16) {
        self.inner.lock().unwrap().usual = status;
    }

    /// Answers so next: a status, and a `Location` or the seconds of `Retry-After`.
    pub fn next(&self, status: u16, header: &str) {
        self.inner.lock().unwrap().answers.push_back((status, header.to_owned()));
    }

    pub fn came(&self) -> Vec<Came> {
        self.inner.lock().unwrap().came.clone()
    }
}
