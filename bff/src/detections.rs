//! What a marketplace seems to owe: finding it again, looking at it, leaving it alone; stock, costs and arrivals beside it.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use chrono::NaiveDate;
use serde::Deserialize;
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::claims::{Arrival, DismissDetection, RecordArrival, RecordSourcingCost, RunDetection};
use shared_events::money::Money;
use shared_events::{ConnectionId, DetectionId, DetectionRunId, Service, ids};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::Shared;
use crate::ask::{Ask, Body};
use crate::checks;
use crate::proxy::Page;
use crate::send::{Answers, Ids};

/// Who may evaluate, dismiss, and tell what reports do not.
const TELLERS: [Role; 4] = [Role::Admin, Role::Manager, Role::Operator, Role::Seller];

/// The routes of this file: as the seeds write them, and the same under `/api/v1`.
pub fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(run))
        .routes(routes!(run_status))
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(dismiss))
        .routes(routes!(inventory))
        .routes(routes!(reconciliation))
        .routes(routes!(record_cost))
        .routes(routes!(record_arrival))
        .route("/api/v1/detections", get(list))
        .route("/api/v1/detections/run", post(run))
        .route("/api/v1/detections/status/{id}", get(run_status))
        .route("/api/v1/detections/{id}", get(read))
        .route("/api/v1/detections/{id}/dismiss", post(dismiss))
}

/// What is evaluated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Of this seller; of all without.
    #[serde(default)]
    connection_id: Option<ConnectionId>,
}

impl Body for Wish {
    const OPTIONAL: bool = true;
}

/// Evaluates everything again.
#[utoipa::path(post, path = "/api/detections/run", operation_id = "run_detection", tag = "claims", request_body = Option<Wish>,
    security(("bearer" = [])), responses(Answers))]
async fn run(State(app): State<Shared>, ask: Ask<Wish>) -> Result<Response, Problem> {
    ask.caller.require(&TELLERS)?;
    let run_id = DetectionRunId(ids::derive(&["detection run", &ask.ticket.id.to_string()]));
    let (connection_id, asked_by) = (ask.body.connection_id, ask.caller.subject.clone());
    let command = RunDetection { run_id, connection_id, asked_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("run_id", run_id.to_string())])).await
}

/// How far an evaluation is.
#[utoipa::path(get, path = "/api/detections/status/{id}", operation_id = "read_detection_run", tag = "claims",
    params(("id" = Uuid, Path, description = "The run")),
    security(("bearer" = [])), responses((status = 200, description = "How far it is", body = serde_json::Value)))]
async fn run_status(
    State(app): State<Shared>,
    caller: Caller,
    Path(_id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// What a marketplace seems to owe, newest first.
#[utoipa::path(get, path = "/api/detections", operation_id = "list_detections", tag = "claims",
    params(Page, ("status" = Option<String>, Query, description = "claimable, researching, ..."),
        ("claim_type" = Option<String>, Query, description = "A kind of claim"),
        ("connection_id" = Option<Uuid>, Query, description = "A seller")),
    security(("bearer" = [])), responses((status = 200, description = "A page of detections", body = serde_json::Value)))]
async fn list(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// One detection: its arithmetic, its window, and the rows it rests on.
#[utoipa::path(get, path = "/api/detections/{id}", operation_id = "read_detection", tag = "claims",
    params(("id" = Uuid, Path, description = "The detection")),
    security(("bearer" = [])), responses((status = 200, description = "The detection", body = serde_json::Value)))]
async fn read(State(app): State<Shared>, caller: Caller, Path(_id): Path<Uuid>, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Why a detection is left alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the units were given away"}))]
struct Dismissal {
    /// In words, up to 500 characters.
    reason: String,
}

impl Body for Dismissal {}

/// Leaves a detection alone from now on.
#[utoipa::path(post, path = "/api/detections/{id}/dismiss", operation_id = "dismiss_detection", tag = "claims", request_body = Dismissal,
    params(("id" = Uuid, Path, description = "The detection")), security(("bearer" = [])), responses(Answers))]
async fn dismiss(State(app): State<Shared>, Path(id): Path<Uuid>, ask: Ask<Dismissal>) -> Result<Response, Problem> {
    ask.caller.require(&TELLERS)?;
    checks::text("reason", &ask.body.reason, 500)?;
    let (reason, asked_by) = (ask.body.reason, ask.caller.subject.clone());
    let command = DismissDetection { detection_id: DetectionId(id), reason, asked_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("detection_id", id.to_string())])).await
}

/// What lies in the warehouses, by article and place.
#[utoipa::path(get, path = "/api/v1/inventory", operation_id = "read_inventory", tag = "claims",
    params(("connection_id" = Option<Uuid>, Query, description = "A seller"), ("fnsku" = Option<String>, Query, description = "An article"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200")),
    security(("bearer" = [])), responses(
        (status = 200, description = "A page of articles", body = serde_json::Value),
        (status = 404, description = "No such seller of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
async fn inventory(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// Balances, movements and current stock side by side, and where they differ.
#[utoipa::path(get, path = "/api/v1/inventory/reconciliation", operation_id = "reconcile_inventory", tag = "claims",
    params(("connection_id" = Option<Uuid>, Query, description = "A seller"), ("fnsku" = Option<String>, Query, description = "An article"),
        ("only_differences" = Option<bool>, Query, description = "Only where sources differ"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"), ("limit" = Option<u32>, Query, description = "At most 200")),
    security(("bearer" = [])), responses(
        (status = 200, description = "A page of articles", body = serde_json::Value),
        (status = 404, description = "No such seller of yours", body = service_kit::problem::Body, content_type = "application/problem+json")))]
async fn reconciliation(State(app): State<Shared>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    app.upstream(Service::Claims).answer(&caller, &uri).await
}

/// What an article costs to buy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fnsku": "X001HEADB1", "unit_cost": {"minor": 1188, "currency": "USD"}, "valid_from": "2026-01-01"}))]
struct Cost {
    /// Amazon's number of the article.
    fnsku: String,
    /// For one unit, without freight, duty and labelling.
    unit_cost: Money,
    /// From this day on.
    valid_from: NaiveDate,
}

impl Body for Cost {}

/// Notes what an article costs to buy; what was lost of it is valued by that.
#[utoipa::path(post, path = "/api/v1/inventory/costs", operation_id = "record_sourcing_cost", tag = "claims", request_body = Cost,
    security(("bearer" = [])), responses(Answers))]
async fn record_cost(State(app): State<Shared>, ask: Ask<Cost>) -> Result<Response, Problem> {
    ask.caller.require(&TELLERS)?;
    let Cost { fnsku, unit_cost: unit, valid_from } = ask.body;
    checks::text("fnsku", &fnsku, 40)?;
    if unit.minor < 0 {
        return Err(Problem::invalid_field("unit_cost", "must not be negative"));
    }
    let told_by = ask.caller.subject.clone();
    let command = RecordSourcingCost { fnsku: fnsku.clone(), unit, valid_from, told_by };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("fnsku", fnsku)])).await
}

/// What no report tells.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "connection_id": "0190163d-8694-739b-aea5-966c26f8ad91",
    "arrival": {"kind": "inbound", "shipment_id": "FBA15ABC", "delivered_on": "2026-05-02", "partnered": true}
}))]
struct Told {
    /// The seller.
    connection_id: ConnectionId,
    /// What arrived, or went wrong.
    arrival: Arrival,
}

impl Body for Told {}

/// Notes when a shipment to Amazon arrived, what arrived of a removal, or which parcel went wrong.
#[utoipa::path(post, path = "/api/v1/inventory/arrivals", operation_id = "record_arrival", tag = "claims", request_body = Told,
    security(("bearer" = [])), responses(Answers))]
async fn record_arrival(State(app): State<Shared>, ask: Ask<Told>) -> Result<Response, Problem> {
    ask.caller.require(&TELLERS)?;
    let Told { connection_id, arrival } = ask.body;
    if let Arrival::Removal { good, damaged, .. } = &arrival
        && (*good < 0 || *damaged < 0)
    {
        return Err(Problem::invalid_field("arrival.good", "units must not be negative"));
    }
    let command = RecordArrival { connection_id, arrival, told_by: ask.caller.subject.clone() };
    app.send(&ask.caller, ask.ticket, &command, Ids::from([("connection_id", connection_id.to_string())])).await
}
