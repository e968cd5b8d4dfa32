//! The HTTP server of a service: its routes inside the guard, beside the pages that every service has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, Method, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::context::REQUEST_ID;
use super::extract::Json;
use super::guard::{self, Guard};
use super::{docs, metrics};
use crate::auth::{KeyRing, Verifier};
use crate::clock::DevClock;
use crate::config::EdgeConfig;
use crate::health::{Health, Report};
use crate::limits::SubjectLimits;
use crate::problem::Problem;
use crate::shutdown::Shutdown;
use crate::telemetry::service_span;

/// What a service's HTTP side is made of.
pub struct Server {
    health: Health,
    config: EdgeConfig,
    verifier: Arc<Verifier>,
    limits: Option<Arc<SubjectLimits>>,
    keys: Option<Arc<dyn KeyRing>>,
    dev_clock: Option<Arc<DevClock>>,
    health_path: Option<&'static str>,
    any_origin: bool,
    slow_paths: Vec<(&'static str, Duration)>,
}

impl Server {
    /// A server for the service that `health` is of.
    pub fn new(health: Health, config: EdgeConfig, verifier: Arc<Verifier>) -> Self {
        Self {
            health,
            config,
            verifier,
            limits: None,
            keys: None,
            dev_clock: None,
            health_path: None,
            any_origin: false,
            slow_paths: Vec::new(),
        }
    }

    /// Limits the requests of each subject as the configuration says.
    #[must_use]
    pub fn limit_subjects(mut self) -> Self {
        let limits = SubjectLimits::new(self.config.requests_per_second).shared(self.config.redis.clone());
        self.limits = Some(Arc::new(limits));
        self
    }

    /// Takes keys of machines beside tokens.
    #[must_use]
    pub fn keys(mut self, ring: Arc<dyn KeyRing>) -> Self {
        self.keys = Some(ring);
        self
    }

    /// Gives a path a deadline of its own, where more is sent than elsewhere.
    #[must_use]
    pub fn slow_path(mut self, path: &'static str, timeout: Duration) -> Self {
        self.slow_paths.push((path, timeout));
        self
    }

    /// Mounts `POST /dev/clock`. The configuration allows such a clock only in development on a loopback address.
    #[must_use]
    pub fn dev_clock(mut self, clock: Option<Arc<DevClock>>) -> Self {
        self.dev_clock = clock;
        self
    }

    /// Shows the health report at one more path.
    #[must_use]
    pub fn health_path(mut self, path: &'static str) -> Self {
        self.health_path = Some(path);
        self
    }

    /// Lets pages of any origin call, for services that check origins themselves. Tokens travel in a header that
    /// pages have to set, so this gives no page more than it has.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.any_origin = true;
        self
    }

    /// The whole application: documented routes, routes that are not in the document, and the pages that every service has.
    pub fn app(self, documented: OpenApiRouter, other: Router) -> Router {
        metrics::recorder();
        let api = document(&documented, self.health_path);
        let pages = pages().with_state(self.health.clone());
        let (router, _) = documented.merge(pages).split_for_parts();
        let swagger =
            SwaggerUi::new("/docs").url("/openapi.json", api).config(Config::default().persist_authorization(true));
        let mut router = router.merge(other).merge(swagger).route("/metrics", get(metrics::page));
        if let Some(path) = self.health_path {
            router = router.route(path, get(ready).with_state(self.health.clone()));
        }
        if let Some(clock) = self.dev_clock.clone() {
            router = router.route("/dev/clock", post(advance_clock).with_state(clock));
        }
        self.guarded(router)
    }

    fn guarded(self, router: Router) -> Router {
        let service = self.health.service();
        let guard = Guard {
            service,
            span: service_span(service),
            verifier: self.verifier,
            limits: self.limits,
            keys: self.keys,
            timeout: self.config.request_timeout,
            slow_paths: self.slow_paths,
        };
        let guarded = router
            .fallback(|| async { Problem::not_found() })
            .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
            .layer(DefaultBodyLimit::max(self.config.max_body_bytes))
            .layer(axum::middleware::from_fn_with_state(Arc::new(guard), guard::pass));
        let origins = match (self.any_origin, self.config.cors_origins) {
            (true, _) => AllowOrigin::mirror_request(),
            (false, origins) if origins.is_empty() => return guarded,
            (false, origins) => AllowOrigin::list(origins),
        };
        guarded.layer(cors(origins))
    }
}

fn pages() -> OpenApiRouter<Health> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// The OpenAPI document of these routes as they are served: with the pages that every service has, and the refusals that every
/// route shares.
pub fn document<S: Clone + Send + Sync + 'static>(
    documented: &OpenApiRouter<S>,
    health_path: Option<&'static str>,
) -> OpenApi {
    let mut api = documented.get_openapi().clone();
    api.merge(pages().into_openapi());
    if let Some(path) = health_path
        && let Some(mut page) = api.paths.paths.get("/health/ready").cloned()
    {
        if let Some(operation) = &mut page.get {
            operation.operation_id = Some("health".into());
        }
        api.paths.paths.insert(path.to_owned(), page);
    }
    docs::complete(&mut api);
    api
}

fn cors(origins: AllowOrigin) -> CorsLayer {
    let named = HeaderName::from_static;
    let sent = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::RANGE,
        header::IF_NONE_MATCH,
        named("prefer"),
        named("idempotency-key"),
        named("last-event-id"),
        named("x-publishable-key"),
        named(REQUEST_ID),
    ];
    let shown = [
        header::CONTENT_DISPOSITION,
        header::CONTENT_RANGE,
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        named("preference-applied"),
        named(REQUEST_ID),
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(sent)
        .expose_headers(shown)
}

/// The process is up.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "The process is up", body = Alive)))]
async fn live(State(health): State<Health>) -> axum::Json<Alive> {
    axum::Json(Alive { service: health.service(), status: "live" })
}

/// That a process is up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Alive {
    /// The service.
    #[schema(example = "bff")]
    service: &'static str,
    /// Always `live`.
    #[schema(example = "live")]
    status: &'static str,
}

/// The service can do its work, and how each thing that it depends on fares.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "Ready", body = Report),
    (status = 503, description = "Not ready; the checks say why", body = Report),
))]
async fn ready(State(health): State<Health>) -> Report {
    health.report().await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

async fn advance_clock(
    State(clock): State<Arc<DevClock>>,
    Json(body): Json<Advance>,
) -> Result<impl IntoResponse, Problem> {
    let now = clock.advance(body.advance_seconds);
    let now = now.ok_or_else(|| {
        Problem::invalid_field("advance_seconds", "must not be negative or lead beyond a hundred years")
    })?;
    tracing::warn!(now = %now, "the development clock was moved ahead");
    Ok(axum::Json(serde_json::json!({ "now": now })))
}

/// Serves `app` until the shutdown begins, then finishes the requests in hand, as long as the shutdown lets it. Routes can take the address
/// of the peer, as axum's `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(app: Router, listener: TcpListener, shutdown: Shutdown) -> anyhow::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Small answers must not wait for more to send; a connection without the option still works.
        let _ = stream.set_nodelay(true);
    });
    let begun = shutdown.clone();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move { begun.begun().await });
    tokio::select! {
        ended = server.into_future() => Ok(ended?),
        () = shutdown.due() => Ok(()),
    }
}

#[cfg(test)]
mod tests;
