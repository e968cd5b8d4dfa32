//! What lies in the warehouses now.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ask::Ask;
use super::dispatch::Answer;
use super::reports::iso;
use super::state::{State, day_in};

/// Entries of a page, fewer than Amazon's fifty so that a small seller has several.
const PAGE: usize = 10;
/// A token dies after thirty seconds.
const TOKEN_LIFE: TimeDelta = TimeDelta::seconds(30);

/// `getInventorySummaries`.
pub(super) fn summaries(state: &mut State, ask: &Ask, now: DateTime<Utc>) -> Answer {
    let Some(marketplace) = ask.get("granularityId").filter(|_| ask.get("granularityType") == Some("Marketplace"))
    else {
        return Answer::invalid("granularityType and granularityId are missing.");
    };
    let page = match ask.get("nextToken") {
        Some(token) => state.page("getInventorySummaries", token, now, Some(TOKEN_LIFE)),
        None => {
            let all = all(state, ask, now);
            Ok(state.first_page("getInventorySummaries", all, PAGE, now))
        }
    };
    let Ok((summaries, next)) = page else { return Answer::invalid("nextToken is invalid or expired.") };
    let granularity = json!({"granularityType": "Marketplace", "granularityId": marketplace});
    let mut answer = json!({"payload": {"granularity": granularity, "inventorySummaries": summaries}});
    if let Some(next) = next {
        answer["pagination"] = json!({"nextToken": next});
    }
    Answer::ok(&answer)
}

/// The report of stock, told by this operation.
fn all(state: &State, ask: &Ask, now: DateTime<Utc>) -> Vec<Value> {
    let region = &state.world.regions[ask.region];
    let Some(paper) = region.papers.get("GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA") else { return Vec::new() };
    let (wanted, one) = (ask.list("sellerSkus"), ask.get("sellerSku"));
    let details = ask.get("details") == Some("true");
    let rows = paper.rows(day_in(region, now)).into_iter().map(|(_, row)| row);
    let rows = rows.filter(|row| wanted.is_empty() || wanted.contains(&row[0].as_str()));
    let rows = rows.filter(|row| one.is_none_or(|one| one == row[0]));
    let summary = |row: &[String]| {
        let number = |column: usize| row[column].parse::<i64>().unwrap_or(0);
        let searched = number(10);
        let mut summary = json!({
            "asin": row[2],
            "fnSku": row[1],
            "sellerSku": row[0],
            "condition": "NewItem",
            "lastUpdatedTime": iso(now),
            "productName": row[3],
            "totalQuantity": number(6) + searched,
        });
        if details {
            summary["inventoryDetails"] = json!({
                "fulfillableQuantity": number(7),
                "inboundWorkingQuantity": 0,
                "inboundShippedQuantity": 0,
                "inboundReceivingQuantity": 0,
                "reservedQuantity": {
                    "totalReservedQuantity": number(9), "pendingCustomerOrderQuantity": 0,
                    "pendingTransshipmentQuantity": 0, "fcProcessingQuantity": number(9),
                },
                "researchingQuantity": {
                    "totalResearchingQuantity": searched,
                    "researchingQuantityBreakdown": [
                        {"name": "researchingQuantityInShortTerm", "quantity": searched},
                        {"name": "researchingQuantityInMidTerm", "quantity": 0},
                        {"name": "researchingQuantityInLongTerm", "quantity": 0},
                    ],
                },
                "unfulfillableQuantity": {
                    "totalUnfulfillableQuantity": number(8), "customerDamagedQuantity": 0,
                    "warehouseDamagedQuantity": number(8), "distributorDamagedQuantity": 0,
                    "carrierDamagedQuantity": 0, "defectiveQuantity": 0, "expiredQuantity": 0,
                },
            });
        }
        summary
    };
    rows.map(summary).collect()
}
