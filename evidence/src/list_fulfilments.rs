//! `GET /api/v1/evidence/fulfilments`: proof that parcels were labelled, handed over and delivered.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::read_request::READERS;

/// Which parcels.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those of this order
    order_id: Option<Uuid>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// What is known of the sending of one parcel.
#[derive(Debug, Serialize, ToSchema)]
pub struct FulfilmentView {
    /// Its place in the list.
    #[serde(skip)]
    pub seq: i64,
    /// The parcel.
    pub shipment_id: Uuid,
    /// Its order.
    pub order_id: Uuid,
    /// From where.
    pub warehouse_id: Option<String>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// What the carrier calls the service.
    pub service: Option<String>,
    /// Under which number it can be followed.
    pub tracking_number: Option<String>,
    /// SHA-256 of the label, in hexadecimal.
    pub label_sha256: Option<String>,
    /// When its label was bought.
    pub labelled_at: Option<DateTime<Utc>>,
    /// When it left.
    pub dispatched_at: Option<DateTime<Utc>>,
    /// When it arrived.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The messages that said so: stage, id, type, time, correlation.
    pub trail: Value,
}

/// A page of parcels.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fulfilments {
    /// Newest first.
    pub fulfilments: Vec<FulfilmentView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Proof that parcels were labelled, handed over and delivered, newest first.
#[utoipa::path(get, path = "/api/v1/evidence/fulfilments", tag = "requests", operation_id = "list_fulfilments", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of parcels", body = Fulfilments)))]
pub async fn list_fulfilments(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Fulfilments>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut fulfilments = sqlx::query_as!(
        FulfilmentView,
        "SELECT seq, shipment_id, order_id, warehouse_id, carrier, service, tracking_number, label_sha256, labelled_at, dispatched_at, delivered_at,
                trail FROM fulfilments
         WHERE tenant = $1 AND ($2::bigint IS NULL OR seq < $2) AND ($3::uuid IS NULL OR order_id = $3) ORDER BY seq DESC LIMIT $4",
        caller.tenant.as_str(),
        parameters.cursor,
        parameters.order_id,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut fulfilments, |row| row.seq);
    Ok(Json(Fulfilments { fulfilments, next_cursor }))
}
