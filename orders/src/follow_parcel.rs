//! Where parcels are: told by the carrier, or asked for every few hours. What comes twice or late changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use providers::easypost::{Error, Tracker, TrackerStatus};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::orders::{OrderDelivered, ShipmentDelivered, ShipmentException, ShipmentReturned};
use shared_events::{OrderId, ShipmentId};
use uuid::Uuid;

use crate::advance::run_step;
use crate::config::Parts;
use crate::domain::approval::Kind;
use crate::domain::process::Step;
use crate::domain::status::Change;
use crate::order_row::Order;
use crate::{steps, tasks};

/// How often a carrier is asked that does not tell by itself.
const EVERY: TimeDelta = TimeDelta::hours(6);
/// For how long.
const UPTO: TimeDelta = TimeDelta::days(60);

/// Has a parcel asked about from now on.
///
/// # Errors
/// When the database is away.
pub async fn watch(work: &mut Work, cause: &Cause, order: OrderId, shipment: Uuid) -> Result<(), sqlx::Error> {
    let (due_at, payload) = (work.now() + EVERY, serde_json::json!({ "order_id": order, "shipment_id": shipment }));
    work.enqueue(NewJob { kind: Follow::KIND, key: shipment.to_string(), due_at, payload, cause: cause.clone() }).await
}

/// Writes down where a parcel is. The order is under lock.
///
/// # Errors
/// When the database is away.
pub async fn apply(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    shipment: Uuid,
    seen: &Tracker,
) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let row = sqlx::query!(
        r#"SELECT state::text AS "state!", number, carrier, tracking_status, tracked_at FROM shipments
           WHERE tenant = $1 AND id = $2 AND order_id = $3 FOR UPDATE"#,
        tenant.as_str(),
        shipment,
        order.id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    let Some(row) = row else { return Ok(()) };
    let at = seen.updated_at.unwrap_or(now);
    let before = row.tracking_status.as_deref();
    let is_late = row.tracked_at.is_some_and(|tracked| at < tracked) || before == Some("delivered");
    let is_new = before != Some(seen.status.name()) && !is_late && seen.status != TrackerStatus::Unknown;
    if is_new {
        sqlx::query!(
            "UPDATE shipments SET tracking_status = $3, tracked_at = $4 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            shipment,
            seen.status.name(),
            at,
        )
        .execute(work.conn())
        .await?;
    }
    let trouble = match seen.status {
        // It may have been told before the shipment had left here.
        TrackerStatus::Delivered if row.state == "dispatched" => {
            return delivered(work, cause, order, ShipmentId(shipment), at).await;
        }
        TrackerStatus::ReturnToSender if is_new => {
            order.save(work, None, None).await?;
            let returned = ShipmentReturned { order_id: order.id, shipment_id: ShipmentId(shipment) };
            work.emit(cause, order.sequence(), &returned);
            "brings it back".to_owned()
        }
        TrackerStatus::Failure | TrackerStatus::Error | TrackerStatus::Cancelled if is_new => {
            order.save(work, None, None).await?;
            let detail = seen.status_detail.clone().unwrap_or_default();
            let exception = ShipmentException {
                order_id: order.id,
                shipment_id: ShipmentId(shipment),
                status: seen.status.name().to_owned(),
                detail: detail.clone(),
            };
            work.emit(cause, order.sequence(), &exception);
            format!("says {} ({detail})", seen.status.name())
        }
        _ => return Ok(()),
    };
    let carrier = row.carrier.unwrap_or_else(|| "the carrier".to_owned());
    let summary = format!("shipment {}: {carrier} {trouble}", row.number);
    // Each trouble is a task of its own: another parcel's, and the same one's next.
    let about = format!("{shipment} {} {}", seen.status.name(), at.timestamp());
    tasks::open(work, cause, order, Kind::CarrierException, &about, &summary).await
}

async fn delivered(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    shipment: ShipmentId,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE shipments SET state = 'delivered', delivered_at = $3 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        shipment.0,
        at,
    )
    .execute(work.conn())
    .await?;
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM shipments WHERE tenant = $1 AND order_id = $2 AND state NOT IN ('delivered', 'cancelled')"#,
        tenant.as_str(),
        order.id.0,
    )
    .fetch_one(work.conn())
    .await?;
    let arrived = open == 0 && order.standing.after(Change::Deliver).is_ok();
    if arrived {
        order.change(Change::Deliver)?;
    }
    order.save(work, None, arrived.then_some(0)).await?;
    let told = ShipmentDelivered { order_id: order.id, shipment_id: shipment, delivered_at: at };
    work.emit(cause, order.sequence(), &told);
    if arrived {
        work.emit(cause, order.sequence(), &OrderDelivered { order_id: order.id });
        run_step(work, cause, order.id, order.progress.next().unwrap_or(Step::Close), 0).await?;
    }
    Ok(())
}

/// Asks a carrier where a parcel is.
pub struct Follow {
    /// What it needs.
    pub parts: Parts,
}

impl RunsJob for Follow {
    const KIND: &'static str = "orders.follow_parcel";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let order = steps::order_of(job)?;
        let id: Uuid = serde_json::from_value(job.payload["shipment_id"].clone()).map_err(anyhow::Error::from)?;
        let mut work = store.read(&job.tenant).await?;
        let row = sqlx::query!(
            r#"SELECT state::text AS "state!", provider_tracker, labelled_at FROM shipments WHERE tenant = $1 AND id = $2"#,
            job.tenant.as_str(),
            id,
        )
        .fetch_optional(work.conn())
        .await?;
        work.commit().await?;
        let Some(row) = row else { return Ok(()) };
        let is_open = !matches!(row.state.as_str(), "delivered" | "cancelled");
        let (Some(post), Some(tracker), true) = (&self.parts.post, row.provider_tracker, is_open) else {
            return Ok(());
        };
        let seen = match post.client.tracker(&tracker).await {
            Ok(seen) => Some(seen),
            Err(Error::Refused { code, .. }) => {
                tracing::warn!(shipment.id = %id, code, "a parcel cannot be asked about");
                None
            }
            Err(error) => return Err(Failure::Retry(anyhow::anyhow!("{error}"))),
        };
        let mut work = store.read(&job.tenant).await?;
        let mut order = Order::lock(&mut work, order).await?;
        if let Some(seen) = &seen {
            apply(&mut work, &job.cause, &mut order, id, seen).await?;
        }
        job.finish(&mut work).await?;
        if row.labelled_at.is_some_and(|since| work.now() - since < UPTO) {
            watch(&mut work, &job.cause, order.id, id).await?;
        }
        Ok(work.commit().await?)
    }
}
