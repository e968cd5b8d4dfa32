//! The health pages of the order service (seed 002): what it depends on and how each thing fares, looked at all at once. They need no token
//! and name no secret. What is not configured says so; it is not counted as failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::SecondsFormat;
use futures::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};
use service_kit::http::Path;
use service_kit::http_client;
use service_kit::problem::Problem;
use service_kit::redis::Redis;
use service_kit::store::Store;

use super::Api;
use crate::config::Config;

/// The service's name on these pages, as the seed writes it.
const SERVICE: &str = "order-service";
/// A look that takes longer has timed out.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How something is looked at: the status of its health page, or that it does not answer.
pub type Look = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<u16>> + Send + Sync>;

/// Something that is reached over HTTP.
#[derive(Clone)]
struct Remote {
    address: String,
    patience: Duration,
    look: Look,
}

/// What the service depends on.
#[derive(Clone, Default)]
pub struct Probe {
    remotes: Vec<(&'static str, Remote)>,
    redis: Option<Redis>,
}

/// The things that are looked at: path, key of the report, key of the summary.
const THINGS: [(&str, &str, &str); 6] = [
    ("postgres", "postgres", "postgres_neon"),
    ("redis", "redis", "redis_upstash"),
    ("user-service", "user_service", "user_service_gke"),
    ("cart-service", "cart_service", "cart_service_heroku"),
    ("product-service", "product_service", "product_service_heroku"),
    ("search-service", "search_service", "search_service_render"),
];

impl Probe {
    /// What the configuration names.
    pub fn of(config: &Config) -> Self {
        let probe = Self { redis: config.redis.clone(), ..Self::default() };
        config.neighbours.iter().fold(probe, |mut probe, neighbour| {
            let (client, target) = (http_client::client(neighbour.timeout), neighbour.health.clone());
            let look: Look = Arc::new(move || {
                let request = client.get(&target);
                Box::pin(async move { Ok(request.send().await?.status().as_u16()) })
            });
            let remote = Remote { address: neighbour.health.clone(), patience: neighbour.timeout, look };
            probe.remotes.push((neighbour.key, remote));
            probe
        })
    }

    /// Adds something that is reached over HTTP, under its key in the report (`user_service`, ...).
    #[must_use]
    pub fn with(mut self, key: &'static str, address: String, look: Look) -> Self {
        self.remotes.push((key, Remote { address, patience: TIMEOUT, look }));
        self
    }

    /// Looks at everything and writes it to the log. It holds nothing up: the service starts meanwhile.
    pub async fn log_all(&self, store: &Store) {
        let looks = THINGS.map(|(_, key, _)| async move { (key, self.look_at(store, key).await) });
        for (key, report) in join_all(looks).await {
            let status = report["status"].as_str().unwrap_or_default();
            tracing::info!(dependency = key, status, "looked at a dependency at the start");
        }
    }

    async fn look_at(&self, store: &Store, key: &str) -> Value {
        let began = Instant::now();
        if key == "postgres" {
            return postgres(store).await;
        }
        if let ("redis", Some(redis)) = (key, &self.redis) {
            return look_at_redis(redis).await;
        }
        let Some((_, remote)) = self.remotes.iter().find(|(name, _)| *name == key) else {
            return json!({ "status": "not_configured" });
        };
        let seen = tokio::time::timeout(remote.patience, (remote.look)()).await;
        let status = match seen {
            Err(_) => "timeout",
            // The client's own patience may end a moment before ours.
            Ok(Err(_)) if began.elapsed() + Duration::from_millis(50) >= remote.patience => "timeout",
            Ok(Err(_)) => "failed",
            Ok(Ok(200..=299)) => "connected",
            Ok(Ok(_)) => "warning",
        };
        json!({
            "status": status, "provider": "HTTP", "endpoint": remote.address, "response_time": seconds(began.elapsed())
        })
    }
}

/// Seconds with milliseconds, as the seed writes them.
fn seconds(elapsed: Duration) -> f64 {
    format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis()).parse().unwrap_or_default()
}

async fn postgres(store: &Store) -> Value {
    let began = Instant::now();
    let asked =
        sqlx::query!(r#"SELECT split_part(version(), ' ', 2) AS "version!", current_database()::text AS "database!""#)
            .fetch_one(store.pool());
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(row)) => json!({
            "status": "connected", "provider": "PostgreSQL", "version": format!("PostgreSQL {}", row.version),
            "database": row.database, "response_time": seconds(began.elapsed())
        }),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the database does not answer");
            json!({ "status": "failed", "provider": "PostgreSQL" })
        }
        Err(_) => json!({ "status": "timeout", "provider": "PostgreSQL" }),
    }
}

async fn look_at_redis(redis: &Redis) -> Value {
    let began = Instant::now();
    let status = match redis.ping().await {
        Ok(()) => "connected",
        Err(away) => {
            tracing::debug!(%away, "redis does not answer");
            "failed"
        }
    };
    let elapsed = began.elapsed();
    let mut page = json!({ "status": status, "provider": "Redis", "endpoint": redis.endpoint(), "response_time": seconds(elapsed) });
    if status == "connected" {
        // One that may be used but not asked about itself is connected all the same.
        let about = redis.about().await.unwrap_or_default();
        (page["version"], page["memory"]) = (json!(about.version), json!(about.memory));
    }
    page
}

fn head(api: &Api, status: &str) -> Value {
    json!({
        "status": status, "service": SERVICE, "version": env!("CARGO_PKG_VERSION"),
        "timestamp": api.store.now().to_rfc3339_opts(SecondsFormat::Millis, true)
    })
}

/// Whether the service is up; `healthy` or, when its database is away, `unhealthy`.
#[utoipa::path(get, path = "/health", operation_id = "health_basic", tag = "health", responses(
    (status = 200, description = "Healthy", body = serde_json::Value), (status = 503, description = "Its database is away", body = serde_json::Value)))]
pub async fn basic(State(api): State<Api>) -> Response {
    let database = api.probe.look_at(&api.store, "postgres").await;
    let healthy = database["status"] == "connected";
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(head(&api, if healthy { "healthy" } else { "unhealthy" }))).into_response()
}

/// Everything that the service depends on, looked at all at once. `healthy`, `degraded` (something configured does not answer) or
/// `unhealthy` (the database does not).
#[utoipa::path(get, path = "/health/connectivity", operation_id = "health_connectivity", tag = "health",
    responses((status = 200, description = "How everything fares", body = serde_json::Value), (status = 503, description = "The database is away", body = serde_json::Value)))]
pub async fn connectivity(State(api): State<Api>) -> Response {
    let looks = THINGS.map(|(_, key, live)| {
        let api = &api;
        async move { (key, live, api.probe.look_at(&api.store, key).await) }
    });
    let reports = join_all(looks).await;
    let count = |wanted: &[&str]| {
        reports.iter().filter(|(_, _, report)| wanted.contains(&report["status"].as_str().unwrap_or_default())).count()
    };
    let (connected, failed, warnings) = (count(&["connected"]), count(&["failed", "timeout"]), count(&["warning"]));
    let database = reports.iter().any(|(key, _, report)| *key == "postgres" && report["status"] == "connected");
    let status = match (database, failed + warnings) {
        (false, _) => "unhealthy",
        (true, 0) => "healthy",
        _ => "degraded",
    };
    let mut page = head(&api, status);
    let live: Map<String, Value> =
        reports.iter().map(|(_, live, report)| ((*live).to_owned(), report["status"].clone())).collect();
    let all: Map<String, Value> = reports.into_iter().map(|(key, _, report)| (key.to_owned(), report)).collect();
    page["summary"] = json!({
        "total_services": THINGS.len(), "connected": connected, "failed": failed, "warnings": warnings,
        "not_configured": THINGS.len() - connected - failed - warnings
    });
    page["connectivity"] = Value::Object(all);
    page["live_system_status"] = Value::Object(live);
    let code = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(page)).into_response()
}

/// One of the things that the service depends on: `postgres`, `redis`, `user-service`, `cart-service`, `product-service` or
/// `search-service`; or `info`, what the service is.
#[utoipa::path(get, path = "/health/{name}", operation_id = "health_of_one", tag = "health",
    params(("name" = String, Path, description = "Which")), responses(
        (status = 200, description = "How it fares", body = serde_json::Value), (status = 503, description = "It does not answer", body = serde_json::Value)))]
pub async fn one(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    if name == "info" {
        return Ok(info(&api).into_response());
    }
    let (_, key, _) = THINGS.into_iter().find(|(path, ..)| *path == name).ok_or_else(Problem::not_found)?;
    let mut page = api.probe.look_at(&api.store, key).await;
    page["service"] = json!(key);
    page["timestamp"] = head(&api, "")["timestamp"].clone();
    let away = matches!(page["status"].as_str(), Some("failed" | "timeout"));
    let code = if away { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok((code, axum::Json(page)).into_response())
}

fn info(api: &Api) -> axum::Json<Value> {
    let mut page = head(api, "healthy");
    let endpoints: Vec<String> = ["", "/connectivity"]
        .into_iter()
        .map(|path| format!("/health{path}"))
        .chain(THINGS.iter().map(|(path, ..)| format!("/health/{path}")))
        .chain(["/health/info".to_owned()])
        .collect();
    let redis = api.probe.redis.iter().map(|_| "redis");
    let configured: Vec<&str> = redis.chain(api.probe.remotes.iter().map(|(key, _)| *key)).collect();
    page["endpoints"] = json!(endpoints);
    page["dependencies"] = json!({ "postgres": "required", "configured": configured });
    axum::Json(page)
}
