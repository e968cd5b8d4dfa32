//! The service as the tests use it: a database as its own role, and the routes.

use std::sync::Arc;

use axum::Router;
use chrono::{DateTime, Utc};
use claims::{Config, State};
use service_kit::config::{Env, load};
use service_kit::testing::Slice;
use shared_events::Service;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// A morning in the demo tenant.
pub async fn slice(pool: PgPoolOptions, options: PgConnectOptions) -> Slice {
    let now: DateTime<Utc> = "2026-11-10T12:00:00Z".parse().expect("a moment");
    Slice::new(Service::Claims, pool, options, now).await
}

/// A key for everything, and no Amazon.
pub fn config() -> Arc<Config> {
    let key = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgMTI=";
    let masters = format!("tests:{key}");
    let objects = std::env::temp_dir().join("recoup-claims-tests");
    let env = Env::of([
        ("DOCUMENT_MASTER_KEYS", masters.as_str()),
        ("ACCOUNT_DETAILS_KEY", key),
        ("OBJECT_DIR", objects.to_str().expect("text")),
    ]);
    Arc::new(load(&env).expect("the keys are keys"))
}

/// The routes.
pub fn app(slice: &Slice) -> Router {
    slice.app(claims::http(State { store: slice.store.clone(), config: config() }))
}
