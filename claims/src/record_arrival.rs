//! What no report tells: when a shipment to Amazon arrived, what arrived of a removal, which parcel went wrong.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{Arrival, RecordArrival};
use shared_events::{ConnectionId, SyncRunId};

use crate::commit_rows::{self, Origin};
use crate::detection::{Delivery, Fact, Parcel};
use crate::fetch_inbound::new_row;
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::parse_report::{Batch, NewRow};
use crate::report_rows::{By, rows};
use crate::reports::RowKey;
use crate::synced::Entry;
use crate::{connection_row, touched};

/// What is told of a shipment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Told {
    /// The day that the carrier delivered it.
    pub delivered_on: NaiveDate,
    /// Whether Amazon's own carrier brought it.
    pub partnered: bool,
}

/// What was told of shipments.
///
/// # Errors
/// When the database is away.
pub async fn of_shipments(
    work: &mut Work,
    connection: ConnectionId,
    ids: &[String],
) -> Result<HashMap<String, Told>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT order_id AS "order_id!", raw FROM report_rows
           WHERE tenant = $1 AND connection_id = $2 AND order_id = ANY($3) AND report = 'inbound_delivery'"#,
        tenant.as_str(),
        connection.0,
        ids,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.order_id, serde_json::from_str(&row.raw).ok()?))).collect())
}

/// Handles [`RecordArrival`].
pub struct Record;

impl Handles<RecordArrival> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordArrival>) -> Result<Outcome, Failure> {
        let RecordArrival { connection_id, arrival, .. } = message.data.clone();
        let cause = Cause::from(&message.envelope);
        let seller = connection_row::read(work, connection_id).await?;
        let seller = seller.filter(|seller| seller.kind == "amazon");
        let seller = seller.ok_or_else(|| Failure::reject("connection_not_found", "there is no such seller"))?;
        let home = seller.marketplaces.first().and_then(|code| Marketplace::of_country(code));
        let unplaced = || Failure::reject("marketplace_not_found", "no such marketplace is known");
        match arrival {
            Arrival::Inbound { shipment_id, delivered_on, partnered } => {
                let place = home.ok_or_else(unplaced)?;
                let told = Told { delivered_on, partnered };
                let origin = origin(connection_id, message.envelope.id.0, Kind::InboundDelivery, place, delivered_on);
                let row = NewRow {
                    key: RowKey::of(&["inbound delivery", &shipment_id]),
                    raw: serde_json::to_string(&told).map_err(anyhow::Error::from)?,
                    entry: Entry { order_id: Some(shipment_id.clone()), ..Entry::default() },
                };
                commit_rows::commit(work, origin, Batch { rows: vec![row], ..Batch::default() }).await?;
                // What is known of the shipment already is told anew.
                let known = rows(work, connection_id, By::Order(&[shipment_id]), &[Kind::Inbound]).await?;
                for kept in known {
                    if let Ok(Some(Fact::Inbound(mut item))) = kept.fact() {
                        (item.delivered_on, item.partnered) = (Some(delivered_on), partnered);
                        let origin = Origin { kind: Kind::Inbound, place: kept.place, ..origin };
                        let batch = Batch { rows: vec![new_row(item)], ..Batch::default() };
                        commit_rows::commit(work, origin, batch).await?;
                    }
                }
            }
            Arrival::Removal { order_id, tracking, fnsku, marketplace, delivered_on, good, damaged } => {
                let place = Marketplace::of_country(&marketplace).ok_or_else(unplaced)?;
                let today = place.date_of(&work.now());
                let origin = origin(connection_id, message.envelope.id.0, Kind::Delivery, place, today);
                let delivery = Delivery { order_id, tracking, fnsku, delivered_on, good, damaged };
                let row = NewRow {
                    key: RowKey::of(&["delivery", &delivery.order_id, &delivery.tracking, &delivery.fnsku]),
                    raw: serde_json::to_string(&delivery).map_err(anyhow::Error::from)?,
                    entry: Entry {
                        day: delivered_on,
                        fnsku: Some(delivery.fnsku.clone()),
                        fact: Some(Fact::Delivery(delivery)),
                        ..Entry::default()
                    },
                };
                commit_rows::commit(work, origin, Batch { rows: vec![row], ..Batch::default() }).await?;
            }
            Arrival::Parcel { tracking, day, reason, value, marketplace } => {
                let place = Marketplace::of_country(&marketplace).ok_or_else(unplaced)?;
                let origin = origin(connection_id, message.envelope.id.0, Kind::Parcel, place, day);
                let parcel = Parcel { tracking, day, reason, value };
                let row = NewRow {
                    key: RowKey::of(&["parcel", &parcel.tracking]),
                    raw: serde_json::to_string(&parcel).map_err(anyhow::Error::from)?,
                    entry: Entry {
                        order_id: Some(parcel.tracking.clone()),
                        fact: Some(Fact::Parcel(parcel)),
                        ..Entry::default()
                    },
                };
                commit_rows::commit(work, origin, Batch { rows: vec![row], ..Batch::default() }).await?;
            }
        }
        touched::evaluate_soon(work, &cause, connection_id).await?;
        Ok(Outcome::none())
    }
}

fn origin(connection: ConnectionId, message: uuid::Uuid, kind: Kind, place: Marketplace, today: NaiveDate) -> Origin {
    Origin { connection, run: SyncRunId(message), kind, place, today }
}
