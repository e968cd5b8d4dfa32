//! Money that was posted, in both of Amazon's ways to tell it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ask::Ask;
use super::dispatch::Answer;
use super::reports::{iso, marketplace};
use super::state::State;
use crate::world::region::{Posted, Region};

/// An amount of so many minor units as a JSON number; all currencies there have hundredths.
pub(super) fn number(minor: i64) -> Value {
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100);
    serde_json::from_str(&text).expect("a decimal is a JSON number")
}

fn currency(region: &Region, minor: i64) -> Value {
    json!({"CurrencyCode": region.currency, "CurrencyAmount": number(minor)})
}

/// Postings of one order and moment are one event.
type Key<'a> = (DateTime<Utc>, &'a str, &'a str, &'a str, usize);

/// What was posted between two times, until two minutes ago, by event.
fn grouped<'a>(
    region: &'a Region,
    ask: &Ask,
    names: (&str, &str),
    now: DateTime<Utc>,
) -> BTreeMap<Key<'a>, Vec<&'a Posted>> {
    let after = ask.moment(names.0).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let before = ask.moment(names.1).unwrap_or(now).min(now - TimeDelta::minutes(2));
    let mut events: BTreeMap<Key<'_>, Vec<&Posted>> = BTreeMap::new();
    for (at, posted) in region.postings.iter().enumerate() {
        if after <= posted.at && posted.at < before {
            // Each reimbursement stands for itself.
            let alone = if posted.transaction == "other-transaction" { at } else { 0 };
            let key = (posted.at, posted.transaction, posted.order.as_str(), posted.sku.as_str(), alone);
            events.entry(key).or_default().push(posted);
        }
    }
    events
}

fn span_is_wrong(ask: &Ask, names: (&str, &str)) -> Option<Answer> {
    let after = ask.moment(names.0);
    match (after, ask.moment(names.1)) {
        (None, _) => Some(Answer::invalid("Start date cannot be null")),
        (Some(after), Some(before)) if before - after > TimeDelta::days(180) => {
            Some(Answer::invalid("Date range is invalid: more than 180 days."))
        }
        _ => None,
    }
}

/// `listFinancialEvents`: events by kind.
pub(super) fn events(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let names = ("PostedAfter", "PostedBefore");
    let page = match ask.get("NextToken") {
        Some(token) => state.page("listFinancialEvents", token, now, None),
        None => {
            if let Some(wrong) = span_is_wrong(ask, names) {
                return wrong;
            }
            let region = &state.world.regions[ask.region];
            let events = grouped(region, ask, names, now);
            let events = events.values().map(|postings| event(region, postings)).collect();
            let size = ask.get("MaxResultsPerPage").and_then(|size| size.parse().ok()).unwrap_or(100).min(100);
            Ok(state.first_page("listFinancialEvents", events, size, now))
        }
    };
    let Ok((events, next)) = page else { return Answer::invalid("NextToken is invalid.") };
    let mut lists = json!({"ShipmentEventList": [], "RefundEventList": [], "AdjustmentEventList": []});
    for mut event in events {
        let list = event["list"].as_str().unwrap_or_default().to_owned();
        if let Some(list) = lists[list.as_str()].as_array_mut() {
            list.push(event["event"].take());
        }
    }
    let mut payload = json!({"FinancialEvents": lists});
    if let Some(next) = next {
        payload["NextToken"] = next.into();
    }
    Answer::payload(payload)
}

fn event(region: &Region, postings: &[&Posted]) -> Value {
    let first = postings[0];
    let of = |name: &str, amount: &str, fees: bool| -> Vec<Value> {
        let components = postings.iter().filter(|posted| fees == (posted.description != "Principal"));
        components.map(|posted| json!({name: posted.description, amount: currency(region, posted.minor)})).collect()
    };
    let (charges, fees) = (of("ChargeType", "ChargeAmount", false), of("FeeType", "FeeAmount", true));
    let (posted, store) = (iso(first.at), region.store);
    if first.transaction == "other-transaction" {
        let total: i64 = postings.iter().map(|posted| posted.minor).sum();
        let article = region.articles.iter().find(|article| article.sku == first.sku);
        let quantity = first.quantity.unwrap_or(1);
        let item = json!({
            "Quantity": quantity.to_string(),
            "PerUnitAmount": currency(region, if quantity == 0 { total } else { total / quantity }),
            "TotalAmount": currency(region, total),
            "SellerSKU": first.sku,
            "FnSKU": article.map(|article| article.fnsku.as_str()),
            "ProductDescription": article.map(|article| article.title.as_str()),
            "ASIN": article.map(|article| article.asin.as_str()),
        });
        let event = json!({
            "AdjustmentType": first.description,
            "PostedDate": posted,
            "StoreName": store,
            "AdjustmentAmount": currency(region, total),
            "AdjustmentItemList": [item],
        });
        return json!({"list": "AdjustmentEventList", "event": event});
    }
    let refund = first.transaction == "Refund";
    let item_id = format!("{}", first.order.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)));
    let mut event = json!({
        "AmazonOrderId": first.order,
        "SellerOrderId": first.order,
        "MarketplaceName": store,
        "PostedDate": posted,
    });
    let quantity = postings.iter().find_map(|posted| posted.quantity);
    let list = match refund {
        false => {
            event["ShipmentItemList"] = json!([{"SellerSKU": first.sku, "OrderItemId": item_id, "QuantityShipped": quantity, "ItemChargeList": charges, "ItemFeeList": fees}]);
            "ShipmentEventList"
        }
        true => {
            event["ShipmentItemAdjustmentList"] = json!([{"SellerSKU": first.sku, "OrderAdjustmentItemId": item_id, "ItemChargeAdjustmentList": charges, "ItemFeeAdjustmentList": fees}]);
            "RefundEventList"
        }
    };
    json!({"list": list, "event": event})
}

/// `listTransactions`: one kind of thing, and no reasons.
pub(super) fn transactions(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let names = ("postedAfter", "postedBefore");
    let page = match ask.get("nextToken") {
        Some(token) => state.page("listTransactions", token, now, None),
        None => {
            let related = ask.get("relatedIdentifierValue");
            if let Some(wrong) = span_is_wrong(ask, names).filter(|_| related.is_none()) {
                return wrong;
            }
            let region = &state.world.regions[ask.region];
            let seller = state.seller();
            let events = grouped(region, ask, names, now);
            let fits = |postings: &&Vec<&Posted>| related.is_none_or(|related| postings[0].order == related);
            let all = events.values().filter(fits).map(|postings| transaction(region, &seller, postings)).collect();
            Ok(state.first_page("listTransactions", all, 100, now))
        }
    };
    let Ok((transactions, next)) = page else { return Answer::invalid("nextToken is invalid.") };
    let mut payload = json!({"transactions": transactions});
    if let Some(next) = next {
        payload["nextToken"] = next.into();
    }
    Answer::payload(payload)
}

fn transaction(region: &Region, seller: &str, postings: &[&Posted]) -> Value {
    let first = postings[0];
    let amount = |minor: i64| json!({"currencyCode": region.currency, "currencyAmount": number(minor)});
    let total: i64 = postings.iter().map(|posted| posted.minor).sum();
    let (kind, description) = match first.transaction {
        "Order" => ("Shipment", "Order Payment"),
        "Refund" => ("Refund", "Refund Order"),
        // The reason is not told here: it stands in the report of reimbursements.
        _ if total < 0 => ("Adjustment", "FBAInventoryReimbursement_Reversal"),
        _ => ("Adjustment", "FBAInventoryReimbursement"),
    };
    let mut related = Vec::new();
    if !first.order.is_empty() {
        related.push(json!({"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": first.order}));
    }
    let parts: Vec<Value> = postings
        .iter()
        .map(|posted| json!({"breakdownType": posted.description, "breakdownAmount": amount(posted.minor), "breakdowns": null}))
        .collect();
    let article = region.articles.iter().find(|article| article.sku == first.sku);
    let context = json!({
        "contextType": "ProductContext",
        "asin": article.map(|article| article.asin.as_str()),
        "sku": first.sku,
        "quantityShipped": postings.iter().find_map(|posted| posted.quantity),
        "fulfillmentNetwork": "AFN",
    });
    let id = marketplace(region);
    json!({
        "sellingPartnerMetadata": {"sellingPartnerId": seller, "accountType": "PAYABLE", "marketplaceId": id},
        "relatedIdentifiers": related,
        "transactionType": kind,
        "transactionId": format!("{}-{}-{}", first.at.timestamp(), first.order, first.sku),
        "transactionStatus": "RELEASED",
        "description": description,
        "postedDate": iso(first.at),
        "totalAmount": amount(total),
        "marketplaceDetails": {"marketplaceId": id, "marketplaceName": region.store},
        "items": [{"description": first.sku, "totalAmount": amount(total), "contexts": [context]}],
        "breakdowns": if kind == "Adjustment" { Vec::new() } else { parts },
    })
}
