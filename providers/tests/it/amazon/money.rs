//! Money: what was posted, and what a case brings.

use chrono::TimeDelta;
use providers::amazon::finances_v0::FinancialEvents;
use providers::amazon::{
    CreateReport, FeesEstimateRequest, GetOrders, GetShipmentItems, GetShipments, ListFinancialEvents,
    ListTransactions, QueryType, Region, ShipmentStatus, Transaction,
};
use serde_json::json;
use shared_events::money::{Currency, Money};

use super::bed::Bed;
use super::reports::{REIMBURSEMENTS, lines};

async fn events(bed: &Bed, region: Region) -> Vec<FinancialEvents> {
    let session = bed.session(region);
    let now = bed.amazon.now();
    let mut query = ListFinancialEvents {
        max_results_per_page: Some(50),
        posted_after: Some(now - TimeDelta::days(179)),
        ..ListFinancialEvents::default()
    };
    let mut pages = vec![];
    loop {
        let page = session.list_financial_events(&query).await.unwrap();
        pages.push(page.financial_events);
        let Some(next_token) = page.next_token else { return pages };
        query = ListFinancialEvents { next_token: Some(next_token), ..ListFinancialEvents::default() };
    }
}

async fn transactions(bed: &Bed, region: Region) -> Vec<Transaction> {
    let session = bed.session(region);
    let mut query =
        ListTransactions { posted_after: Some(bed.amazon.now() - TimeDelta::days(179)), ..ListTransactions::default() };
    let mut all = vec![];
    loop {
        let page = session.list_transactions(&query).await.unwrap();
        all.extend(page.transactions);
        query.next_token = page.next_token;
        if query.next_token.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn both_ways_to_tell_of_money_tell_the_same() {
    let bed = Bed::new().await;
    for region in [Region::Na, Region::Eu] {
        let pages = events(&bed, region).await;
        assert!(pages.len() > 1);
        let (mut sum, mut reimbursed) = (0, 0);
        let minor =
            |amount: &Option<providers::amazon::Amount>| amount.as_ref().unwrap().money().unwrap().unwrap().minor;
        for page in &pages {
            let items = page.shipment_event_list.iter().flat_map(|event| &event.shipment_item_list);
            for item in items {
                sum += item.item_charge_list.iter().map(|charge| minor(&charge.charge_amount)).sum::<i64>();
                sum += item.item_fee_list.iter().map(|fee| minor(&fee.fee_amount)).sum::<i64>();
            }
            let items = page.refund_event_list.iter().flat_map(|event| &event.shipment_item_adjustment_list);
            for item in items {
                sum += item.item_charge_adjustment_list.iter().map(|charge| minor(&charge.charge_amount)).sum::<i64>();
                sum += item.item_fee_adjustment_list.iter().map(|fee| minor(&fee.fee_amount)).sum::<i64>();
            }
            for event in &page.adjustment_event_list {
                assert!(event.adjustment_type.as_deref().is_some_and(|kind| !kind.contains("FBAInventory")));
                reimbursed += minor(&event.adjustment_amount);
            }
        }
        let all = transactions(&bed, region).await;
        let told: i64 = all.iter().map(|transaction| minor(&transaction.total_amount)).sum();
        assert_eq!(sum + reimbursed, told, "{region}");
        let plain = all.iter().filter(|transaction| transaction.transaction_type.as_deref() == Some("Adjustment"));
        assert!(plain.clone().count() > 0);
        assert!(plain.clone().all(|one| one.description.as_deref().unwrap().starts_with("FBAInventoryReimbursement")));
    }
}

#[tokio::test]
async fn a_case_is_decided_paid_and_taken_back() {
    let bed = Bed::new().await;
    let truth = bed.get("/_sandbox/truth").await;
    let owed = truth["owed"].as_array().unwrap();
    let thing = owed.iter().find(|thing| thing["claim_type"] == "fc_lost" && thing["marketplace"] == "US").unwrap();
    let case = json!({
        "case_id": "15900000001",
        "outcome": "approve",
        "claims": [{
            "claim_type": "fc_lost", "subject": thing["subject"], "clock": thing["clock"], "marketplace": "US",
            "units": thing["units"], "amount_minor": thing["minor"],
        }],
    });
    let decided = bed.post("/_sandbox/cases", &case).await;
    let decision = &decided["decisions"][0];
    assert_eq!((&decision["outcome"], &decision["amount_minor"]), (&json!("approved"), &thing["minor"]));
    assert_eq!(bed.post("/_sandbox/cases", &case).await, decided, "the same again is the same");
    let wish = CreateReport::new(REIMBURSEMENTS, ["ATVPDKIKX0DER"]);
    let of_case = |lines: &[String]| -> Vec<Vec<String>> {
        let fields = lines.iter().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        fields.filter(|fields| fields[2] == "15900000001").collect()
    };
    let rows = of_case(&lines(&bed.us(), &wish).await);
    assert_eq!((rows.len(), rows[0][4].as_str()), (1, "Lost_Warehouse"));
    let minor = thing["minor"].as_i64().unwrap();
    assert_eq!(Money::parse(&rows[0][12], Currency::USD).unwrap().minor, minor);
    let adjusted = |pages: Vec<FinancialEvents>| -> Vec<i64> {
        let all = pages.into_iter().flat_map(|page| page.adjustment_event_list);
        all.map(|event| event.adjustment_amount.unwrap().money().unwrap().unwrap().minor).collect()
    };
    let before = adjusted(events(&bed, Region::Na).await);
    bed.advance(3 * 86_400);
    let after = adjusted(events(&bed, Region::Na).await);
    let fresh = |sum: &[i64]| sum.iter().sum::<i64>();
    assert!(after.contains(&minor), "the money came two days later");
    assert!(after.len() > before.len() - 30 && fresh(&after) != fresh(&before));
    let reversed = bed.post("/_sandbox/reverse", &json!({"reimbursement_id": rows[0][1]})).await;
    assert_eq!(reversed["amount_minor"], -minor);
    bed.advance(2 * 86_400);
    let rows = of_case(&lines(&bed.us(), &wish).await);
    assert_eq!((rows.len(), rows[1][4].as_str(), &rows[1][16]), (2, "Reimbursement_Reversal", &rows[0][1]));
    assert!(adjusted(events(&bed, Region::Na).await).contains(&-minor));
    let nothing = json!({"case_id": "15900000002", "claims": [{
        "claim_type": "fc_lost", "subject": "fnsku XUS999999", "marketplace": "US", "units": 1, "amount_minor": 100,
    }]});
    let refused = bed.post("/_sandbox/cases", &nothing).await;
    assert_eq!(refused["decisions"][0]["category"], "INVALID_CLAIM");
}

#[tokio::test]
async fn shipments_orders_and_fees_are_the_worlds() {
    let bed = Bed::new().await;
    let session = bed.us();
    let mut query = GetShipments {
        query_type: QueryType::Shipment,
        marketplace_id: "ATVPDKIKX0DER".to_owned(),
        shipment_statuses: vec![ShipmentStatus::Closed, ShipmentStatus::Receiving],
        shipment_ids: vec![],
        last_updated_after: None,
        last_updated_before: None,
        next_token: None,
    };
    let shipments = session.get_shipments(&query).await.unwrap().shipment_data;
    assert!(shipments.len() > 3);
    query.shipment_ids = vec![shipments[0].shipment_id.clone().unwrap()];
    assert_eq!(session.get_shipments(&query).await.unwrap().shipment_data, shipments[..1]);
    let items = GetShipmentItems {
        query_type: QueryType::DateRange,
        marketplace_id: "ATVPDKIKX0DER".to_owned(),
        last_updated_after: Some(bed.amazon.now() - TimeDelta::days(400)),
        last_updated_before: Some(bed.amazon.now()),
        next_token: None,
    };
    let items = session.get_shipment_items(&items).await.unwrap().item_data;
    assert!(items.iter().any(|item| item.quantity_received < item.quantity_shipped), "some units are missing");
    let orders = GetOrders {
        marketplace_ids: vec!["A1PA6795UKMFR9".to_owned()],
        created_after: Some("2025-01-01T00:00:00Z".to_owned()),
        max_results_per_page: Some(10),
        ..GetOrders::default()
    };
    let europe = bed.session(Region::Eu);
    let page = europe.get_orders(&orders).await.unwrap();
    assert_eq!(page.orders.len(), 10);
    let next = GetOrders { next_token: page.next_token, ..orders };
    let second = europe.get_orders(&next).await.unwrap().orders;
    assert_ne!(second[0].amazon_order_id, page.orders[0].amazon_order_id);
    let one = europe.get_order(page.orders[0].amazon_order_id.as_deref().unwrap()).await.unwrap();
    assert_eq!(one, page.orders[0]);
    let wish = FeesEstimateRequest {
        marketplace_id: "ATVPDKIKX0DER".to_owned(),
        is_amazon_fulfilled: Some(true),
        listing_price: Some(Money::new(2_000, Currency::USD)),
        shipping: None,
        points: None,
        identifier: Some("one".to_owned()),
    };
    let estimate = session.get_my_fees_estimate_for_sku("US-SKU-001", &wish).await.unwrap().fees_estimate.unwrap();
    let referral = estimate.fee_detail_list.iter().find(|fee| fee.fee_type.as_deref() == Some("ReferralFee")).unwrap();
    assert_eq!(referral.final_fee.as_ref().unwrap().money().unwrap(), Some(Money::new(300, Currency::USD)));
    let none = session.get_my_fees_estimate_for_sku("NO-SUCH", &wish).await.unwrap();
    assert_eq!(none.error.unwrap().code.as_deref(), Some("InvalidParameterValue"));
}
