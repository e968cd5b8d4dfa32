//! Labels are bought, one for each shipment: what is bought is fixed before it is asked for, and after an answer that did not come the
//! shipment is looked at before anything is bought. The label itself is kept in the object store.

use chrono::TimeDelta;
use futures::future::join_all;
use providers::easypost::{Error, Shipment};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::StoredFile;
use shared_events::orders::LabelBought;
use shared_events::{OrderId, ShipmentId, TenantId};
use uuid::Uuid;

use super::{Turn, is_at, locked, not_connected, send};
use crate::advance::Ending;
use crate::config::{Parts, Post};
use crate::domain::process::{HoldReason, Step};
use crate::domain::status::Status;
use crate::follow_parcel;
use crate::order_row::{Order, stored_currency};

/// Seconds after which an unknown end is looked at.
const LOOK_AGAIN: i64 = 5;
/// Labels that are bought at the same time.
const MOST: usize = 6;
/// The folder of the object store that labels are in.
const FOLDER: &str = "labels";

/// A shipment whose label is bought.
pub(super) struct Ask {
    id: Uuid,
    number: i32,
    shipment: String,
    rate: String,
    asked_before: bool,
}

/// Finds the shipments without a label. That they will be bought is written down before they are.
pub(super) async fn begin(work: &mut Work, order: &Order) -> Result<Turn, Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let rows = sqlx::query!(
        r#"SELECT id, number, provider_shipment AS "shipment!", provider_rate AS "rate!", label_begun_at FROM shipments
           WHERE tenant = $1 AND order_id = $2 AND state = 'planned' AND provider_shipment IS NOT NULL AND provider_rate IS NOT NULL
           ORDER BY number LIMIT $3"#,
        tenant.as_str(),
        order.id.0,
        MOST as i64,
    )
    .fetch_all(work.conn())
    .await?;
    if rows.is_empty() {
        return Ok(Turn::Ends(send::label(work, order).await?));
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    sqlx::query!(
        "UPDATE shipments SET label_begun_at = COALESCE(label_begun_at, $3) WHERE tenant = $1 AND id = ANY($2)",
        tenant.as_str(),
        &ids,
        now,
    )
    .execute(work.conn())
    .await?;
    let asks = rows.into_iter().map(|row| Ask {
        id: row.id,
        number: row.number,
        shipment: row.shipment,
        rate: row.rate,
        asked_before: row.label_begun_at.is_some(),
    });
    Ok(Turn::Asks(super::Ask::Label(asks.collect())))
}

/// Buys all of them at the same time, and writes down what was bought.
pub(super) async fn make(
    parts: &Parts,
    store: &Store,
    job: &Job,
    id: OrderId,
    asks: Vec<Ask>,
) -> Result<(Work, Order, Turn), Failure> {
    let Some(post) = &parts.post else { return Err(not_connected()) };
    let bought = join_all(asks.iter().map(|asked| buy(post, &job.tenant, asked))).await;
    let (mut work, mut order) = locked(store, job, id).await?;
    let mut ending = None;
    for (asked, bought) in asks.iter().zip(bought) {
        let other = match bought {
            Ok((shipment, file)) => {
                record(&mut work, &job.cause, &mut order, asked, &shipment, &file).await?;
                None
            }
            Err(Error::Refused { code, .. }) => Some(Ending::held(
                HoldReason::Carrier,
                format!("the label of shipment {} is refused: {code}", asked.number),
            )),
            Err(error) => Some(Ending::later(LOOK_AGAIN, error.to_string())),
        };
        ending = ending.or(other);
    }
    let turn = match ending {
        _ if !is_at(&order, Step::BuyLabel) => Turn::Leaves,
        Some(ending) => Turn::Ends(ending),
        // There may be more than are bought at once.
        None if asks.len() == MOST => Turn::Again,
        None => Turn::Ends(send::label(&mut work, &order).await?),
    };
    Ok((work, order, turn))
}

/// The shipment with its label, and the label in our store.
async fn buy(post: &Post, tenant: &TenantId, asked: &Ask) -> Result<(Shipment, StoredFile), Error> {
    let known = if asked.asked_before { post.client.find(&asked.shipment).await? } else { None };
    let shipment = match known.filter(|shipment| shipment.postage_label.is_some()) {
        Some(bought) => bought,
        None => match post.client.buy(&asked.shipment, &asked.rate).await {
            Err(error) if error.is_bought_already() => {
                let found = post.client.find(&asked.shipment).await?;
                found.ok_or_else(|| Error::Unavailable("the shipment has gone".to_owned()))?
            }
            other => other?,
        },
    };
    let label =
        shipment.postage_label.as_ref().ok_or_else(|| Error::Unavailable("there is no label yet".to_owned()))?;
    let bytes = post.client.label(&label.label_url).await?;
    let kept = |error: providers::files::Refused| Error::Unavailable(format!("the label cannot be kept: {error}"));
    let mut intake = post.files.intake_into(FOLDER, tenant);
    intake.push(&bytes).await.map_err(kept)?;
    let file = intake.finish(None).await.map_err(kept)?;
    Ok((shipment, file))
}

async fn record(
    work: &mut Work,
    cause: &Cause,
    order: &mut Order,
    asked: &Ask,
    shipment: &Shipment,
    file: &StoredFile,
) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    // Whoever wraps keys anew has to know whose there are.
    sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
        .execute(work.conn())
        .await?;
    let tracking_number = shipment.tracking_code.clone().unwrap_or_default();
    let tracker = shipment.tracker.as_ref().map(|tracker| tracker.id.as_str());
    let row = sqlx::query!(
        r#"UPDATE shipments SET state = CASE WHEN state = 'planned' THEN 'labelled' ELSE state END, tracking_number = $3, provider_tracker = $4,
                  labelled_at = $5, label_object = $6, label_sha256 = $7, label_bytes = $8, label_media_type = $9, label_key_master = $10,
                  label_key_wrapped = $11
           WHERE tenant = $1 AND id = $2 RETURNING carrier, service, rate_minor, rate_currency"#,
        tenant.as_str(),
        asked.id,
        tracking_number,
        tracker,
        now,
        file.object,
        file.sha256,
        i64::try_from(file.bytes).unwrap_or(i64::MAX),
        file.media_type.name(),
        file.key.master,
        file.key.wrapped,
    )
    .fetch_one(work.conn())
    .await?;
    if let Some(tracker) = tracker {
        sqlx::query!(
            "INSERT INTO carrier_parcels (provider, tracker, tenant, order_id, shipment_id) VALUES ('easypost', $1, $2, $3, $4) ON CONFLICT DO NOTHING",
            tracker,
            tenant.as_str(),
            order.id.0,
            asked.id,
        )
        .execute(work.conn())
        .await?;
    }
    order.move_on();
    let currency = row.rate_currency.as_deref().map_or(order.currency, stored_currency);
    let bought = LabelBought {
        order_id: order.id,
        shipment_id: ShipmentId(asked.id),
        carrier: row.carrier.unwrap_or_default(),
        service: row.service.unwrap_or_default(),
        tracking_number,
        rate: shared_events::Money::new(row.rate_minor.unwrap_or_default(), currency),
        label_sha256: Some(file.sha256.clone()),
    };
    work.emit(cause, order.sequence(), &bought);
    follow_parcel::watch(work, cause, order.id, asked.id).await?;
    if order.standing.status == Status::Cancelled {
        give_back(work, cause, order.id).await?;
    }
    Ok(())
}

/// Has the labels given back that were, or may have been, bought for an order, or a shipment, that was given up.
///
/// # Errors
/// When the database is away.
pub async fn give_back(work: &mut Work, cause: &Cause, order: OrderId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let open = sqlx::query_scalar!(
        "SELECT s.id FROM shipments s JOIN orders o ON o.tenant = s.tenant AND o.id = s.order_id
         WHERE s.tenant = $1 AND s.order_id = $2 AND (o.status = 'cancelled' OR s.state = 'cancelled') AND s.label_begun_at IS NOT NULL
           AND (s.label_voided_at IS NULL OR s.label_voided_at < s.labelled_at)",
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await?;
    for id in open {
        let (due_at, payload) = (work.now(), serde_json::json!({ "order_id": order, "shipment_id": id }));
        work.enqueue(NewJob { kind: VoidLabel::KIND, key: id.to_string(), due_at, payload, cause: cause.clone() })
            .await?;
    }
    Ok(())
}

/// Gives a label back that will not be used.
pub struct VoidLabel {
    /// What it needs.
    pub parts: Parts,
}

impl RunsJob for VoidLabel {
    const KIND: &'static str = "orders.void_label";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id: Uuid = serde_json::from_value(job.payload["shipment_id"].clone()).map_err(anyhow::Error::from)?;
        let mut work = store.read(&job.tenant).await?;
        let shipment = sqlx::query_scalar!(
            "SELECT provider_shipment FROM shipments WHERE tenant = $1 AND id = $2",
            job.tenant.as_str(),
            id,
        )
        .fetch_optional(work.conn())
        .await?
        .flatten();
        work.commit().await?;
        let (Some(post), Some(shipment)) = (&self.parts.post, shipment) else { return Ok(()) };
        let away = |error: Error| Failure::Retry(anyhow::anyhow!("{error}"));
        let known = post.client.find(&shipment).await.map_err(away)?;
        let is_open = known.is_some_and(|known| known.postage_label.is_some() && known.refund_status.is_none());
        if is_open {
            match post.client.refund(&shipment).await {
                Ok(_) => {}
                // Used or too old: there is nothing to get back, and a person can see it in the log.
                Err(Error::Refused { code, .. }) => {
                    tracing::warn!(shipment.id = %id, code, "a label is not taken back")
                }
                Err(error) => return Err(away(error)),
            }
        }
        let mut work = store.read(&job.tenant).await?;
        // A moment later than now: what was bought in the meantime is given back, too.
        let at = work.now() + TimeDelta::microseconds(1);
        sqlx::query!(
            "UPDATE shipments SET label_voided_at = $3 WHERE tenant = $1 AND id = $2",
            job.tenant.as_str(),
            id,
            at
        )
        .execute(work.conn())
        .await?;
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
