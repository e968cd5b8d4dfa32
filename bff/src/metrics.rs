//! Figures about claims and their money; the claims service computes them from its tables.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(recoveries))
        .routes(routes!(payments))
        .routes(routes!(dashboard))
        .route("/api/v1/metrics/recoveries", get(recoveries))
        .route("/api/v1/metrics/payments", get(payments))
        .route("/api/v1/metrics/dashboard", get(dashboard))
}

/// How many claims there are, how many were granted, and what they are about.
#[utoipa::path(get, path = "/api/metrics/recoveries", operation_id = "recovery_metrics", tag = "claims",
    security(("bearer" = [])), responses((status = 200, description = "The figures", body = serde_json::Value)))]
async fn recoveries(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// What came, what was taken back, and the fees, by currency.
#[utoipa::path(get, path = "/api/metrics/payments", operation_id = "payment_metrics", tag = "claims",
    security(("bearer" = [])), responses((status = 200, description = "The figures", body = serde_json::Value)))]
async fn payments(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Everything at a glance.
#[utoipa::path(get, path = "/api/metrics/dashboard", operation_id = "dashboard", tag = "claims",
    security(("bearer" = [])), responses((status = 200, description = "The figures", body = serde_json::Value)))]
async fn dashboard(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}
