//! An order over the BFF, its command over the broker, and its way as far as it goes without a payment provider.

use serde_json::json;
use service_kit::testing::eventually;

use crate::bed::Bed;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_in_by_the_edge_and_waits_where_nobody_can_be_paid_by() {
    let bed = Bed::up().await;
    let product = json!({"sku": "WIDGET-001", "name": "Premium Widget", "unit_price": "15.00", "grams": 400});
    bed.send("PUT", "manager", "boss", "/api/v1/products/prod_456", &product).await;
    let warehouse = json!({"name": "East", "country": "US", "shipment_cost": "4.00"});
    bed.send("PUT", "manager", "boss", "/api/v1/warehouses/east", &warehouse).await;
    let shift = json!({"operators": ["olga"], "reason": "she works there"});
    bed.send("PUT", "manager", "boss", "/api/v1/warehouses/east/operators", &shift).await;
    let delivery =
        json!({"sku": "WIDGET-001", "warehouse_id": "east", "change": {"receive": 5}, "reference": "note 1"});
    bed.post("operator", "olga", "/api/v1/stock", &delivery).await;
    let order = json!({
        "items": [{"product_id": "prod_456", "quantity": 1}], "payment_token": "pm_card_visa",
        "shipping_address": {"name": "Ann", "street": "1 Main Street", "city": "Springfield", "zip": "12345", "country": "US"}
    });
    let placed = bed.post("customer", "ann", "/orders/", &order).await;
    assert_eq!((&placed["status"], &placed["total_amount"]), (&json!("placed"), &json!("26.50")));
    let path = format!("/orders/{}", placed["id"].as_str().expect("an id"));
    let waits = eventually("the order waits for a way to be paid", async || {
        let shown = bed.send("GET", "customer", "ann", &path, &json!({})).await;
        (shown["status"] == "on_hold").then_some(shown)
    })
    .await;
    assert_eq!((&waits["hold"]["reason"], &waits["next_step"]), (&json!("payment"), &json!("authorize_payment")));
    let cancelled = bed.send("DELETE", "customer", "ann", &path, &json!({})).await;
    assert_eq!(cancelled["status"], "cancelled");
    eventually("its stock is free again", async || {
        let inventory = bed.send("GET", "manager", "boss", "/api/order-workflow/analytics/inventory", &json!({})).await;
        (inventory["items"][0]["reserved"] == 0).then_some(())
    })
    .await;
    let health = bed.send("GET", "customer", "ann", "/health/connectivity", &json!({})).await;
    assert_eq!(
        (&health["status"], &health["connectivity"]["redis"]["status"]),
        (&json!("healthy"), &json!("not_configured"))
    );
}
