//! What carriers tell, and the labels that were bought.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use providers::easypost::{Refused, SIGNATURE_HEADER, read_event};
use providers::files::Place;
use service_kit::auth::{Caller, Role};
use service_kit::http::{Path, context};
use service_kit::problem::Problem;
use service_kit::store::{Cause, new_id};
use shared_events::evidence::WrappedKey;
use shared_events::{OrderId, TenantId};
use uuid::Uuid;

use super::{Api, reach};
use crate::follow_parcel;
use crate::order_row::Order;

/// EasyPost tells where a parcel is. Signed by EasyPost; what was not is refused, and what is about nothing of ours is acknowledged.
#[utoipa::path(post, path = "/webhooks/carriers/easypost", operation_id = "easypost_tells", tag = "orders", request_body = serde_json::Value,
    security(()), responses((status = 200, description = "Heard", body = serde_json::Value),
        (status = 404, description = "Nobody here expects EasyPost", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn easypost(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let secret = api.config.easypost.as_ref().and_then(|easypost| easypost.webhook_secret.as_ref());
    let secret = secret.ok_or_else(Problem::not_found)?;
    let signature = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let event = read_event(secret, signature, &body).map_err(|refused| match refused {
        Refused::Signature => Problem::unauthorized(),
        Refused::Malformed => Problem::bad_request("the event cannot be read"),
    })?;
    let known = match &event.tracker {
        Some(tracker) => hear(&api, tracker).await?,
        None => false,
    };
    tracing::info!(event.id = event.id, known, "a carrier told something");
    Ok(axum::Json(serde_json::json!({ "received": true, "known": known })).into_response())
}

async fn hear(api: &Api, tracker: &providers::easypost::Tracker) -> Result<bool, Problem> {
    let mut work = api.store.begin().await?;
    let row = sqlx::query!(
        "SELECT tenant, order_id, shipment_id FROM carrier_parcels WHERE provider = 'easypost' AND tracker = $1",
        tracker.id,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(false) };
    let tenant = TenantId::try_new(row.tenant).map_err(Problem::internal)?;
    work.set_tenant(&tenant).await?;
    let locked = Order::lock(&mut work, OrderId(row.order_id)).await;
    let mut order = locked.map_err(|_| Problem::unavailable("the order cannot be changed now"))?;
    let correlation = context::current().map_or_else(|| new_id(work.now()), |names| Uuid::from_u128(names.trace_id.0));
    let traceparent = context::current().map(|names| names.traceparent());
    let cause = Cause { traceparent, ..Cause::root(correlation, Some("easypost".to_owned())) };
    let applied = follow_parcel::apply(&mut work, &cause, &mut order, row.shipment_id, tracker).await;
    applied.map_err(|_| Problem::unavailable("the parcel cannot be written down now"))?;
    work.commit().await?;
    Ok(true)
}

/// A shipment's label, as the carrier made it. For staff.
#[utoipa::path(get, path = "/api/v1/shipments/{id}/label", operation_id = "read_label", tag = "orders",
    params(("id" = Uuid, Path, description = "The shipment")), security(("bearer" = [])),
    responses((status = 200, description = "The label", body = Vec<u8>, content_type = "application/octet-stream")))]
pub async fn label(State(api): State<Api>, caller: Caller, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    caller.require(&Role::STAFF)?;
    let easypost = api.config.easypost.as_ref().ok_or_else(Problem::not_found)?;
    let mut work = api.store.read(&caller.tenant).await?;
    let row = sqlx::query!(
        r#"SELECT label_object AS "object!", label_bytes AS "bytes!", label_media_type AS "media_type!", label_key_master AS "master!",
                  label_key_wrapped AS "wrapped!", warehouse_id FROM shipments WHERE tenant = $1 AND id = $2 AND label_object IS NOT NULL"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(Problem::not_found)?;
    reach::check_warehouse(&mut work, &caller, &row.warehouse_id).await?;
    work.commit().await?;
    let place = Place {
        object: row.object,
        bytes: row.bytes.unsigned_abs(),
        key: WrappedKey { master: row.master, wrapped: row.wrapped },
    };
    let read = easypost.files.read_whole(&caller.tenant, &place).await;
    let bytes = read.map_err(|error| Problem::unavailable("the label cannot be read now").caused_by(error))?;
    let head = [
        (header::CONTENT_TYPE, row.media_type),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"label-{id}\"")),
    ];
    Ok((StatusCode::OK, head, bytes).into_response())
}
