//! What orders tells of a parcel is kept as proof of its sending: the label, the hand-over, the delivery, and what went wrong. Each fact
//! names the message that said it, so that it can be traced.

use chrono::{DateTime, Utc};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::evidence::FulfilmentProved;
use shared_events::orders::{
    LabelBought, OrderDelivered, ShipmentDelivered, ShipmentDispatched, ShipmentException, ShipmentReturned,
};
use shared_events::{Message, OrderId, ShipmentId};

use crate::document_row;

/// Handles what orders tells of parcels.
#[derive(Clone, Copy)]
pub struct Prove;

/// What one message says of a parcel.
#[derive(Default)]
struct Said<'a> {
    warehouse: Option<&'a str>,
    carrier: Option<&'a str>,
    service: Option<&'a str>,
    tracking_number: Option<&'a str>,
    label_sha256: Option<&'a str>,
    labelled_at: Option<DateTime<Utc>>,
    dispatched_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
}

fn named(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Writes it down; what is known already stays.
async fn keep<M: Message>(
    work: &mut Work,
    message: &Delivered<M>,
    (order_id, shipment_id): (OrderId, ShipmentId),
    stage: &str,
    said: Said<'_>,
) -> Result<Outcome, Failure> {
    document_row::know_tenant(work).await?;
    let (tenant, now, envelope) = (work.tenant().clone(), work.now(), &message.envelope);
    let step = serde_json::json!([{
        "stage": stage, "message_id": envelope.id, "type": M::TYPE, "at": envelope.time, "correlation": envelope.correlation
    }]);
    let version = sqlx::query_scalar!(
        "INSERT INTO fulfilments AS known (tenant, shipment_id, order_id, warehouse_id, carrier, service, tracking_number, label_sha256,
                                           labelled_at, dispatched_at, delivered_at, trail, recorded_at, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (tenant, shipment_id) DO UPDATE SET
             warehouse_id = coalesce(known.warehouse_id, $4), carrier = coalesce(known.carrier, $5), service = coalesce(known.service, $6),
             tracking_number = coalesce(known.tracking_number, $7), label_sha256 = coalesce(known.label_sha256, $8),
             labelled_at = coalesce(known.labelled_at, $9), dispatched_at = coalesce(known.dispatched_at, $10),
             delivered_at = coalesce(known.delivered_at, $11), trail = known.trail || $12, version = known.version + 1
         RETURNING version",
        tenant.as_str(),
        shipment_id.0,
        order_id.0,
        said.warehouse,
        said.carrier,
        said.service,
        said.tracking_number,
        said.label_sha256,
        said.labelled_at,
        said.dispatched_at,
        said.delivered_at,
        step,
        now,
        envelope.correlation,
    )
    .fetch_one(work.conn())
    .await?;
    let proved = FulfilmentProved { shipment_id, order_id, stage: stage.to_owned() };
    work.emit(&Cause::from(envelope), u64::from(version.unsigned_abs()), &proved);
    Ok(Outcome::none())
}

impl Handles<LabelBought> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<LabelBought>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let said = Said {
            carrier: named(&data.carrier),
            service: named(&data.service),
            tracking_number: named(&data.tracking_number),
            label_sha256: data.label_sha256.as_deref(),
            labelled_at: Some(message.envelope.time),
            ..Said::default()
        };
        keep(work, message, (data.order_id, data.shipment_id), "label", said).await
    }
}

impl Handles<ShipmentDispatched> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<ShipmentDispatched>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let said = Said {
            warehouse: named(&data.warehouse_id),
            carrier: named(&data.carrier),
            service: data.service.as_deref(),
            tracking_number: named(&data.tracking_number),
            dispatched_at: Some(message.envelope.time),
            ..Said::default()
        };
        keep(work, message, (data.order_id, data.shipment_id), "dispatch", said).await
    }
}

impl Handles<ShipmentDelivered> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<ShipmentDelivered>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let said = Said { delivered_at: Some(data.delivered_at), ..Said::default() };
        keep(work, message, (data.order_id, data.shipment_id), "delivery", said).await
    }
}

impl Handles<ShipmentException> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<ShipmentException>) -> Result<Outcome, Failure> {
        let data = &message.data;
        keep(work, message, (data.order_id, data.shipment_id), "exception", Said::default()).await
    }
}

impl Handles<ShipmentReturned> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<ShipmentReturned>) -> Result<Outcome, Failure> {
        let data = &message.data;
        keep(work, message, (data.order_id, data.shipment_id), "return", Said::default()).await
    }
}

/// A person said that the whole order arrived: that counts for parcels of which nobody else said so.
impl Handles<OrderDelivered> for Prove {
    async fn handle(&self, work: &mut Work, message: &Delivered<OrderDelivered>) -> Result<Outcome, Failure> {
        let (tenant, order) = (work.tenant().clone(), message.data.order_id);
        let open = sqlx::query_scalar!(
            "SELECT shipment_id FROM fulfilments WHERE tenant = $1 AND order_id = $2 AND delivered_at IS NULL ORDER BY shipment_id LIMIT 500",
            tenant.as_str(),
            order.0,
        )
        .fetch_all(work.conn())
        .await?;
        for shipment in open {
            let said = Said { delivered_at: Some(message.envelope.time), ..Said::default() };
            keep(work, message, (order, ShipmentId(shipment)), "delivery", said).await?;
        }
        Ok(Outcome::none())
    }
}
