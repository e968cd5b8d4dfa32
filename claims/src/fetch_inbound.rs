//! Shipments to Amazon, by its operations: what was sent, what was received, and whether Amazon is through with it.

use std::collections::HashMap;

use providers::amazon::{GetShipmentItems, GetShipments, InboundShipmentItem, QueryType, ShipmentStatus};
use shared_events::ConnectionId;

use crate::detection::{Fact, InboundItem};
use crate::fetch_document::Committing;
use crate::kind::Kind;
use crate::parse_report::{Batch, NewRow, Reading};
use crate::record_arrival::{self, Told};
use crate::reports::{Charset, RowKey};
use crate::run_report::{Next, Running, Trouble};
use crate::run_row::Step;
use crate::synced::Entry;

/// Ids in one question.
const IDS: usize = 50;

/// Fetches and commits them.
///
/// # Errors
/// What went wrong with Amazon, or with us.
pub async fn fetch(running: &Running<'_>) -> Result<Next, Trouble> {
    running.advance(Step { state: Some("parsing"), ..Step::default() }).await?;
    let items = items(running).await?;
    let mut ids: Vec<String> = items.iter().filter_map(|item| item.shipment_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let closed = closed(running, &ids).await?;
    let mut work = running.store.read(&running.job.tenant).await?;
    let told = record_arrival::of_shipments(&mut work, ConnectionId(running.connection.id), &ids).await?;
    work.commit().await?;
    let today = running.place.date_of(&running.store.now());
    let reading = Reading { kind: Kind::Inbound, place: running.place, today, charset: Charset::Unknown };
    let mut committing = Committing::new(running, reading, None);
    for some in items.chunks(1_000) {
        let rows = some.iter().filter_map(|item| row(item, &closed, &told)).collect();
        committing.commit(Batch { rows, ..Batch::default() }, 0).await?;
    }
    committing.finish().await
}

fn row(item: &InboundShipmentItem, closed: &HashMap<String, bool>, told: &HashMap<String, Told>) -> Option<NewRow> {
    let shipment_id = item.shipment_id.clone()?;
    let arrival = told.get(&shipment_id);
    let item = InboundItem {
        sku: item.seller_sku.clone().unwrap_or_default(),
        fnsku: item.fulfillment_network_sku.clone()?,
        shipped: item.quantity_shipped.unwrap_or_default(),
        received: item.quantity_received.unwrap_or_default(),
        closed: closed.get(&shipment_id).copied().unwrap_or_default(),
        delivered_on: arrival.map(|told| told.delivered_on),
        partnered: arrival.is_some_and(|told| told.partnered),
        shipment_id,
    };
    Some(new_row(item))
}

/// The row of an article of a shipment.
pub fn new_row(item: InboundItem) -> NewRow {
    NewRow {
        key: RowKey::of(&["inbound", &item.shipment_id, &item.fnsku]),
        raw: serde_json::to_string(&item).expect("texts and numbers are JSON"),
        entry: Entry {
            day: item.delivered_on,
            fnsku: Some(item.fnsku.clone()),
            order_id: Some(item.shipment_id.clone()),
            fact: Some(Fact::Inbound(item)),
            ..Entry::default()
        },
    }
}

async fn items(running: &Running<'_>) -> Result<Vec<InboundShipmentItem>, Trouble> {
    let mut query = GetShipmentItems {
        query_type: QueryType::DateRange,
        marketplace_id: running.place.place().id.clone(),
        last_updated_after: Some(running.run.window_from),
        last_updated_before: Some(running.run.window_to),
        next_token: None,
    };
    let mut all = Vec::new();
    loop {
        let page = running.session.get_shipment_items(&query).await?;
        all.extend(page.item_data);
        let Some(next) = page.next_token.filter(|token| !token.is_empty()) else { return Ok(all) };
        query = GetShipmentItems {
            query_type: QueryType::NextToken,
            last_updated_after: None,
            last_updated_before: None,
            next_token: Some(next),
            ..query
        };
    }
}

/// Whether each shipment is closed.
async fn closed(running: &Running<'_>, ids: &[String]) -> Result<HashMap<String, bool>, Trouble> {
    let mut closed = HashMap::new();
    for some in ids.chunks(IDS) {
        let mut query = GetShipments {
            query_type: QueryType::Shipment,
            marketplace_id: running.place.place().id.clone(),
            shipment_statuses: Vec::new(),
            shipment_ids: some.to_vec(),
            last_updated_after: None,
            last_updated_before: None,
            next_token: None,
        };
        loop {
            let page = running.session.get_shipments(&query).await?;
            for shipment in page.shipment_data {
                let Some(id) = shipment.shipment_id else { continue };
                closed.insert(id, shipment.shipment_status == Some(ShipmentStatus::Closed));
            }
            let Some(next) = page.next_token.filter(|token| !token.is_empty()) else { break };
            query = GetShipments {
                query_type: QueryType::NextToken,
                shipment_ids: Vec::new(),
                next_token: Some(next),
                ..query
            };
        }
    }
    Ok(closed)
}
