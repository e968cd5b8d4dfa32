//! Whether a service lives and whether it can serve: named checks of what it depends on, and flags that its tasks set.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

/// A check that takes longer counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers younger than this are given again, so that probes cannot load a dependency.
const REUSE_FOR: Duration = Duration::from_millis(250);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What a service depends on and how it fares; clones share it.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    checks: Mutex<Vec<(&'static str, Check)>>,
    last: tokio::sync::Mutex<Option<(Instant, Report)>>,
}

/// The health of a service and of each thing it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// The service.
    #[schema(example = "tracking")]
    pub service: &'static str,
    /// `ready` or `unready`.
    pub status: Status,
    /// Each dependency by its name.
    pub checks: BTreeMap<&'static str, CheckReport>,
}

/// The health of one dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckReport {
    /// `ready` or `unready`.
    pub status: Status,
    /// How long the check took.
    pub latency_ms: u64,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether something can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can.
    Ready,
    /// It cannot now.
    Unready,
}

/// A condition that a task reports; unready until it is first set.
#[derive(Debug, Clone)]
pub struct Flag(Arc<Mutex<Result<(), String>>>);

impl Flag {
    /// All is well.
    pub fn up(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Ok(());
    }

    /// Something is wrong; `why` is shown to everyone who may see the health page, so it names no secrets.
    pub fn down(&self, why: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Err(why.into());
    }
}

impl Health {
    /// A service without dependencies: ready.
    pub fn new(service: &'static str) -> Self {
        Self { service, inner: Arc::default() }
    }

    /// The service that this is the health of.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Adds a dependency; its error text is shown to everyone who may see the health page, so it names no secrets.
    pub fn check<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let boxed: Check = Arc::new(move || check().boxed());
        self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner).push((name, boxed));
    }

    /// Adds a condition that a task reports by itself.
    pub fn flag(&self, name: &'static str) -> Flag {
        let flag = Flag(Arc::new(Mutex::new(Err("not started yet".into()))));
        let state = flag.clone();
        self.check(name, move || std::future::ready(state.0.lock().unwrap_or_else(PoisonError::into_inner).clone()));
        flag
    }

    /// Runs every check, all at once.
    pub async fn report(&self) -> Report {
        let mut last = self.inner.last.lock().await;
        if let Some((when, report)) = &*last
            && when.elapsed() < REUSE_FOR
        {
            return report.clone();
        }
        let checks = self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let runs = checks.into_iter().map(|(name, check)| async move { (name, run(check).await) });
        let checks: BTreeMap<_, _> = futures::future::join_all(runs).await.into_iter().collect();
        let all_ready = checks.values().all(|check| check.status == Status::Ready);
        let status = if all_ready { Status::Ready } else { Status::Unready };
        let report = Report { service: self.service, status, checks };
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn run(check: Check) -> CheckReport {
    let started = Instant::now();
    let outcome = tokio::time::timeout(CHECK_TIMEOUT, check()).await.unwrap_or_else(|_| Err("check timed out".into()));
    let status = if outcome.is_ok() { Status::Ready } else { Status::Unready };
    CheckReport { status, latency_ms: started.elapsed().as_millis() as u64, error: outcome.err() }
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        let status = match self.status {
            Status::Ready => StatusCode::OK,
            Status::Unready => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, axum::Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_bad_check_makes_the_service_unready_and_is_named() {
        let health = Health::new("tracking");
        health.check("database", || async { Ok(()) });
        let consumer = health.flag("consumer");
        consumer.up();
        health.check("pulsar", || async { Err("connection refused".into()) });
        let report = health.report().await;
        assert_eq!(report.status, Status::Unready);
        assert_eq!(report.checks["consumer"].status, Status::Ready);
        assert_eq!(report.checks["pulsar"].error.as_deref(), Some("connection refused"));
    }

    #[tokio::test]
    async fn a_flag_is_down_until_it_is_set() {
        let health = Health::new("tracking");
        let _flag = health.flag("consumer");
        assert_eq!(health.report().await.status, Status::Unready);
    }
}
