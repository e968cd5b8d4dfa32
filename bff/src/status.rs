//! The directory of services: each is asked for its health every half minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::clock::Clock;
use service_kit::http::Path;
use service_kit::problem::Problem;
use service_kit::shutdown::Shutdown;
use shared_events::Service;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::proxy::{Question, Upstream};

/// How often services are asked.
const EVERY: Duration = Duration::from_secs(30);

/// The services and how they fare.
pub struct Directory {
    entries: Vec<(Arc<Upstream>, Mutex<Entry>)>,
    clock: Arc<dyn Clock>,
}

/// How one service fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// The service.
    #[schema(example = "tracking")]
    pub name: &'static str,
    /// `ready`, `unready`, or `unknown` before the first check.
    #[schema(example = "ready")]
    pub status: &'static str,
    /// How long the last check took.
    pub latency_ms: Option<u64>,
    /// When it was checked last.
    pub checked_at: Option<DateTime<Utc>>,
    /// What was wrong when it was last not ready.
    pub last_error: Option<String>,
}

/// How every service fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Overview {
    /// Each service.
    services: Vec<Entry>,
}

impl Directory {
    /// A directory of these services; none is checked yet.
    pub fn new(services: impl IntoIterator<Item = Arc<Upstream>>, clock: Arc<dyn Clock>) -> Self {
        let unknown = |name| Entry { name, status: "unknown", latency_ms: None, checked_at: None, last_error: None };
        let entries = services.into_iter().map(|upstream| {
            let entry = Mutex::new(unknown(upstream.service().name()));
            (upstream, entry)
        });
        Self { entries: entries.collect(), clock }
    }

    /// Checks every service now and then until the shutdown begins.
    pub async fn watch(&self, shutdown: Shutdown) {
        loop {
            self.check().await;
            tokio::select! {
                () = shutdown.begun() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Checks every service once, all at the same time.
    pub async fn check(&self) {
        let checks = self.entries.iter().map(|(upstream, entry)| async move {
            let started = Instant::now();
            let error = match upstream
                .get(Question {
                    target: "/health/ready",
                    caller: None,
                    accept: None,
                    patience: Duration::ZERO,
                    file: None,
                })
                .await
            {
                Ok(response) if response.status().is_success() => None,
                Ok(response) => Some(format!("answered {}", response.status().as_u16())),
                Err(_) => Some("does not answer".to_owned()),
            };
            let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
            entry.status = if error.is_none() { "ready" } else { "unready" };
            entry.latency_ms = Some(started.elapsed().as_millis() as u64);
            entry.checked_at = Some(self.clock.now());
            if error.is_some() {
                entry.last_error = error;
            }
        });
        futures::future::join_all(checks).await;
    }

    fn entries(&self) -> Vec<Entry> {
        self.entries.iter().map(|(_, entry)| entry.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }
}

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(overview)).routes(routes!(health))
}

/// Every service: health, latency, last error; checked every 30 seconds.
#[utoipa::path(get, path = "/api/services/status", operation_id = "services_status", tag = "health",
    responses((status = 200, description = "How the services fare", body = Overview)))]
async fn overview(State(app): State<Shared>) -> axum::Json<Overview> {
    axum::Json(Overview { services: app.directory.entries() })
}

/// One service's own health report, fetched now.
#[utoipa::path(get, path = "/api/services/{name}/health", operation_id = "service_health", tag = "health",
    params(("name" = String, Path, description = "The service", example = "tracking")),
    responses((status = 200, description = "The service is ready", body = serde_json::Value)))]
async fn health(State(app): State<Shared>, Path(name): Path<String>) -> Result<Response, Problem> {
    let service = Service::ALL.into_iter().find(|service| service.name() == name).ok_or_else(Problem::not_found)?;
    let question =
        Question { target: "/health/ready", caller: None, accept: None, patience: Duration::ZERO, file: None };
    app.upstream(service).pass_on(question).await
}
