//! Shipments to Amazon.

use chrono::{DateTime, Days, Utc};
use serde_json::{Value, json};

use super::ask::Ask;
use super::dispatch::Answer;
use super::state::{State, day_in};
use crate::world::Sent;

/// Entries of a page.
const PAGE: usize = 50;

/// How far a shipment is on a day: on its way for a week, then received; closed some days later, if ever.
fn status(sent: &Sent, today: chrono::NaiveDate) -> Option<&'static str> {
    let delivered = sent.delivered_on?;
    match () {
        () if today < delivered - Days::new(7) => None,
        () if today < delivered => Some("IN_TRANSIT"),
        () if today < delivered + Days::new(3) => Some("DELIVERED"),
        () if sent.closed && today >= delivered + Days::new(5) => Some("CLOSED"),
        () => Some("RECEIVING"),
    }
}

/// The shipments that there are, with their states.
fn there<'a>(state: &'a State, ask: &Ask, now: DateTime<Utc>) -> Vec<(&'a Sent, &'static str)> {
    let region = &state.world.regions[ask.region];
    let today = day_in(region, now);
    let here = state.world.sent.iter().filter(|sent| sent.marketplace == region.marketplace);
    here.filter_map(|sent| Some((sent, status(sent, today)?))).collect()
}

/// Whether the last change lies in the asked span: it is the day of delivery, or of receiving.
fn is_in_span(sent: &Sent, ask: &Ask, now: DateTime<Utc>) -> bool {
    if ask.get("QueryType") != Some("DATE_RANGE") {
        return true;
    }
    let Some(delivered) = sent.delivered_on else { return false };
    let changed = (delivered + Days::new(5)).min(now.date_naive());
    let after = ask.moment("LastUpdatedAfter").map(|at| at.date_naive());
    let before = ask.moment("LastUpdatedBefore").map(|at| at.date_naive());
    after.is_none_or(|after| after <= changed) && before.is_none_or(|before| changed <= before)
}

fn answer(name: &str, page: (Vec<Value>, Option<String>)) -> Answer {
    let mut payload = json!({ name: page.0 });
    if let Some(next) = page.1 {
        payload["NextToken"] = next.into();
    }
    Answer::payload(payload)
}

/// `getShipments`.
pub(super) fn shipments(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    if ask.get("QueryType") == Some("NEXT_TOKEN") {
        let page = state.page("getShipments", ask.get("NextToken").unwrap_or_default(), now, None);
        return page.map_or_else(|_| Answer::invalid("NextToken is invalid."), |page| answer("ShipmentData", page));
    }
    let (statuses, ids) = (ask.list("ShipmentStatusList"), ask.list("ShipmentIdList"));
    if ask.get("QueryType") == Some("SHIPMENT") && statuses.is_empty() && ids.is_empty() {
        return Answer::invalid("ShipmentStatusList or ShipmentIdList is missing.");
    }
    let fits = |(sent, status): &(&Sent, &'static str)| {
        (statuses.is_empty() || statuses.contains(status))
            && (ids.is_empty() || ids.contains(&sent.shipment_id.as_str()))
            && is_in_span(sent, ask, now)
    };
    let all = there(state, ask, now).into_iter().filter(fits).map(|(sent, status)| {
        json!({
            "ShipmentId": sent.shipment_id,
            "ShipmentName": format!("Shipment {}", sent.shipment_id),
            "ShipFromAddress": {
                "Name": "Sandbox seller", "AddressLine1": "1 Harbour Street", "City": "Seattle",
                "StateOrProvinceCode": "WA", "CountryCode": "US", "PostalCode": "98101",
            },
            "DestinationFulfillmentCenterId": "LGB3",
            "ShipmentStatus": status,
            "LabelPrepType": "SELLER_LABEL",
            "AreCasesRequired": false,
            "BoxContentsSource": "INTERACTIVE",
        })
    });
    let all = all.collect();
    answer("ShipmentData", state.first_page("getShipments", all, PAGE, now))
}

/// `getShipmentItems`.
pub(super) fn items(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    if ask.get("QueryType") == Some("NEXT_TOKEN") {
        let page = state.page("getShipmentItems", ask.get("NextToken").unwrap_or_default(), now, None);
        return page.map_or_else(|_| Answer::invalid("NextToken is invalid."), |page| answer("ItemData", page));
    }
    let all = there(state, ask, now).into_iter().filter(|(sent, _)| is_in_span(sent, ask, now));
    let all = all.map(|(sent, status)| {
        let received = if matches!(status, "CLOSED" | "RECEIVING") { sent.received } else { 0 };
        json!({
            "ShipmentId": sent.shipment_id,
            "SellerSKU": sent.sku,
            "FulfillmentNetworkSKU": sent.fnsku,
            "QuantityShipped": sent.shipped,
            "QuantityReceived": received,
            "QuantityInCase": 0,
            "PrepDetailsList": [],
        })
    });
    let all = all.collect();
    answer("ItemData", state.first_page("getShipmentItems", all, PAGE, now))
}
