//! What followed from orders elsewhere: proof that parcels were sent, and goods that a marketplace has to get back.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use service_kit::auth::Caller;
use service_kit::problem::Problem;
use shared_events::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(fulfilments)).routes(routes!(returns))
}

/// Proof that parcels were labelled, handed over and delivered, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/fulfilments", operation_id = "list_fulfilments", tag = "evidence",
    params(("order_id" = Option<uuid::Uuid>, Query, description = "Of this order"), ("cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")),
    security(("bearer" = [])), responses((status = 200, description = "A page of parcels", body = serde_json::Value)))]
async fn fulfilments(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Evidence).answer(&caller, &uri).await
}

/// Refunded goods that a marketplace had sent, and how long they still have to come back, newest first.
#[utoipa::path(get, path = "/api/v1/claims/returns", operation_id = "list_returns", tag = "claims",
    params(("order_id" = Option<uuid::Uuid>, Query, description = "Of this order"), ("state" = Option<String>, Query, description = "In this state"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200; 50 unless said")),
    security(("bearer" = [])), responses((status = 200, description = "A page of clocks", body = serde_json::Value)))]
async fn returns(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}
