//! Orders, what selling costs, and where the seller sells.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::ask::Ask;
use super::dispatch::Answer;
use super::finances::number;
use super::reports::{iso, marketplace};
use super::state::State;
use crate::world::region::{Ordered, Region};

/// When an order was placed.
fn placed(region: &Region, order: &Ordered) -> DateTime<Utc> {
    region.zone.at(order.day, 10, 0).to_utc()
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn order(region: &Region, order: &Ordered) -> Value {
    let at = iso(placed(region, order));
    json!({
        "AmazonOrderId": order.id,
        "PurchaseDate": at,
        "LastUpdateDate": at,
        "OrderStatus": "Shipped",
        "FulfillmentChannel": "AFN",
        "SalesChannel": region.store,
        "ShipServiceLevel": "Std",
        "OrderTotal": {"CurrencyCode": region.currency, "Amount": decimal(order.minor)},
        "NumberOfItemsShipped": order.units,
        "NumberOfItemsUnshipped": 0,
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": marketplace(region),
        "ShipmentServiceLevelCategory": "Standard",
        "OrderType": "StandardOrder",
        "IsReplacementOrder": false,
        "IsBusinessOrder": false,
        "IsPrime": false,
        "IsISPU": false,
    })
}

/// `getOrders`.
pub(super) fn list(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    if ask.list("MarketplaceIds").is_empty() {
        return Answer::invalid("MarketplaceIds is missing.");
    }
    let page = match ask.get("NextToken") {
        Some(token) => state.page("getOrders", token, now, None),
        None => {
            let (ids, statuses) = (ask.list("AmazonOrderIds"), ask.list("OrderStatuses"));
            let after = ask.moment("CreatedAfter").or_else(|| ask.moment("LastUpdatedAfter"));
            if after.is_none() && ids.is_empty() {
                return Answer::invalid("CreatedAfter or LastUpdatedAfter is missing.");
            }
            let before =
                ask.moment("CreatedBefore").or_else(|| ask.moment("LastUpdatedBefore")).unwrap_or(now).min(now);
            let region = &state.world.regions[ask.region];
            let fits = |order: &&Ordered| {
                let at = placed(region, order);
                after.is_none_or(|after| after <= at)
                    && at <= before
                    && (ids.is_empty() || ids.contains(&order.id.as_str()))
                    && (statuses.is_empty() || statuses.contains(&"Shipped"))
            };
            let found: Vec<Value> = region.orders.iter().filter(fits).map(|found| order(region, found)).collect();
            let size = ask.get("MaxResultsPerPage").and_then(|size| size.parse().ok()).unwrap_or(100).min(100);
            Ok(state.first_page("getOrders", found, size, now))
        }
    };
    let Ok((orders, next)) = page else { return Answer::invalid("NextToken is invalid.") };
    let mut payload = json!({"Orders": orders, "CreatedBefore": iso(now)});
    if let Some(next) = next {
        payload["NextToken"] = next.into();
    }
    Answer::payload(payload)
}

/// `getOrder`.
pub(super) fn one(state: &State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let id = ask.get("orderId").unwrap_or_default();
    // An order's id does not tell its marketplace.
    let all = state.world.regions.iter().flat_map(|region| region.orders.iter().map(move |order| (region, order)));
    let found = all.into_iter().find(|(region, order)| order.id == id && placed(region, order) <= now);
    found.map_or_else(
        || Answer::refused(404, "NotFound", "The requested order does not exist."),
        |(region, found)| Answer::payload(order(region, found)),
    )
}

/// `getMyFeesEstimateForSKU`: fifteen hundredths of the price, and the article's handling.
pub(super) fn fees(state: &State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let region = &state.world.regions[ask.region];
    let sku = ask.get("SellerSKU").unwrap_or_default();
    let wish = &ask.body["FeesEstimateRequest"];
    let price = wish["PriceToEstimateFees"]["ListingPrice"]["Amount"].to_string();
    let minor = shared_events::money::Currency::try_new(region.currency)
        .and_then(|currency| shared_events::money::Money::parse(&price, currency))
        .map(|price| price.minor);
    let Ok(minor) = minor else { return Answer::invalid("PriceToEstimateFees is missing.") };
    let identifier = json!({
        "MarketplaceId": wish["MarketplaceId"],
        "SellerId": state.seller(),
        "IdType": "SellerSKU",
        "IdValue": sku,
        "IsAmazonFulfilled": wish["IsAmazonFulfilled"],
        "PriceToEstimateFees": wish["PriceToEstimateFees"],
        "SellerInputIdentifier": wish["Identifier"],
    });
    let Some(article) = region.articles.iter().find(|article| article.sku == sku) else {
        let error = json!({"Type": "Sender", "Code": "InvalidParameterValue", "Message": "There is no such SKU.", "Detail": []});
        let result = json!({"Status": "ClientError", "FeesEstimateIdentifier": identifier, "Error": error});
        return Answer::payload(json!({"FeesEstimateResult": result}));
    };
    let amount = |minor: i64| json!({"CurrencyCode": region.currency, "Amount": number(minor)});
    let fee = |kind: &str, minor: i64| json!({"FeeType": kind, "FeeAmount": amount(minor), "FeePromotion": amount(0), "FinalFee": amount(minor)});
    let (referral, handling) = (minor * 15 / 100, article.fulfilment);
    let estimate = json!({
        "TimeOfFeesEstimation": iso(now),
        "TotalFeesEstimate": amount(referral + handling),
        "FeeDetailList": [fee("ReferralFee", referral), fee("FBAFees", handling)],
    });
    let result = json!({"Status": "Success", "FeesEstimateIdentifier": identifier, "FeesEstimate": estimate});
    Answer::payload(json!({"FeesEstimateResult": result}))
}

/// `getMarketplaceParticipations`. The American answer is Amazon's own example.
pub(super) fn participations(state: &State, ask: &Ask) -> Answer {
    let region = &state.world.regions[ask.region];
    let (country, language) = if region.marketplace == "US" { ("US", "en_US") } else { ("DE", "de_DE") };
    let marketplace = json!({
        "id": marketplace(region),
        "countryCode": country,
        "name": region.store,
        "defaultCurrencyCode": region.currency,
        "defaultLanguageCode": language,
        "domainName": format!("www.{}", region.store.to_lowercase()),
    });
    Answer::payload(json!([{
        "marketplace": marketplace,
        "storeName": "BestSellerStore",
        "participation": {"isParticipating": true, "hasSuspendedListings": false},
    }]))
}
