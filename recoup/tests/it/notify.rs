//! Notify over the BFF and the broker: an order's news reaches its customer and a webhook's log.

use serde_json::json;
use service_kit::testing::eventually;

use crate::bed::Bed;

#[tokio::test(flavor = "multi_thread")]
async fn an_orders_news_reaches_its_customer_and_those_who_listen() {
    let bed = Bed::up().await;
    let contact = json!({"email": "ann@example.com", "language": "de-AT"});
    bed.send("PUT", "customer", "ann", "/api/v1/contacts/ann", &contact).await;
    let shown = bed.send("GET", "customer", "ann", "/api/v1/contacts/ann", &json!({})).await;
    assert_eq!((&shown["points"][0]["address"], &shown["language"]), (&json!("a***@example.com"), &json!("de-AT")));
    // A name that nobody can look up: nothing leaves this machine.
    let webhook = json!({"url": "https://hooks.invalid/recoup", "types": ["order.placed"]});
    let made = bed.post("manager", "boss", "/api/v1/webhooks", &webhook).await;
    assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();
    let product = json!({"sku": "WIDGET-001", "name": "Premium Widget", "unit_price": "15.00", "grams": 400});
    bed.send("PUT", "manager", "boss", "/api/v1/products/prod_456", &product).await;
    let order = json!({
        "items": [{"product_id": "prod_456", "quantity": 1}], "payment_token": "pm_card_visa",
        "shipping_address": {"name": "Ann", "street": "1 Main Street", "city": "Springfield", "zip": "12345", "country": "US"}
    });
    let placed = bed.post("customer", "ann", "/orders/", &order).await;
    let order_id = placed["id"].as_str().expect("an id").to_owned();
    let told = eventually("ann is told", async || {
        let list = bed.send("GET", "customer", "ann", "/api/v1/notifications", &json!({})).await;
        list["notifications"].as_array()?.iter().find(|one| one["template"] == "order_placed").cloned()
    })
    .await;
    assert_eq!(told["language"], "de");
    assert!(told["subject"].as_str().is_some_and(|subject| subject.contains(&order_id)), "{told}");
    let path = format!("/api/v1/notifications/{}", told["id"].as_str().expect("an id"));
    bed.post("customer", "ann", &format!("{path}/read"), &json!({})).await;
    let read = bed.send("GET", "customer", "ann", &path, &json!({})).await;
    assert!(read["read_at"].is_string(), "{read}");
    let log = eventually("the webhook is told", async || {
        let path = format!("/api/v1/webhooks/{id}/deliveries");
        let log = bed.send("GET", "manager", "boss", &path, &json!({})).await;
        log["deliveries"].as_array()?.first().filter(|first| first["attempts"].as_i64() > Some(0)).cloned()
    })
    .await;
    assert_eq!((&log["type"], &log["state"]), (&json!("order.placed"), &json!("waiting")));
    let key = json!({"recipient": "ann", "template": "message", "variables": {"subject": "a", "text": "b"}, "dedupe_key": "once"});
    let first = bed.post("manager", "boss", "/api/v1/notifications", &key).await;
    let again = bed.post("manager", "boss", "/api/v1/notifications", &key).await;
    assert_eq!((&first["result"]["created"], &again["result"]["created"]), (&json!(true), &json!(false)));
}
