//! A Saleor shop: its orders come in once, at its prices, and it is told what became of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::TimeDelta;
use orders::config::{Config, Parts};
use orders::gateways::{BySaleor, saleor_terms};
use orders::import_saleor;
use providers::saleor::Saleor;
use serde_json::{Value, json};
use service_kit::config::Secret;
use shared_events::OrderId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::bed::Bed;
use crate::http::{ANN, BOSS, app, ask};

/// The shop's side.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    orders: Vec<Value>,
    fulfilled: Vec<Value>,
    cancelled: Vec<String>,
    /// So many changes are carried out without an answer.
    lost: u32,
}

impl Held {
    fn place(&self, id: &Value) -> Option<usize> {
        self.orders.iter().position(|order| order["id"] == *id)
    }
}

fn sum(gross: f64, net: f64, tax: f64) -> Value {
    let amount = |amount: f64| json!({"currency": "USD", "amount": amount});
    json!({"gross": amount(gross), "net": amount(net), "tax": amount(tax)})
}

/// Three cables for 40.00, which our catalogue sells at 15.00 each; 53.00 in all, and paid.
fn order(number: &str, changed: &str) -> Value {
    let place = json!({"firstName": "Ann", "lastName": "Example", "companyName": "", "streetAddress1": "1 Main Street", "streetAddress2": "",
        "city": "SPRINGFIELD", "countryArea": "IL", "postalCode": "62701", "phone": null, "country": {"code": "US"}});
    json!({
        "id": format!("order-{number}"), "number": number, "created": changed, "updatedAt": changed, "status": "UNFULFILLED",
        "chargeStatus": "FULL", "userEmail": format!("{number}@example.com"), "shippingMethodName": "standard", "voucherCode": null,
        "user": null, "channel": {"warehouses": [{"id": "house-1"}]}, "shippingAddress": place, "billingAddress": place,
        "total": sum(53.0, 48.99, 4.01), "shippingPrice": sum(10.0, 8.99, 1.01),
        "lines": [{"id": "line-1", "productName": "Cable", "variantName": "2 m", "productSku": "SKU-cable", "productVariantId": "variant-1",
            "isShippingRequired": true, "quantity": 3, "quantityToFulfill": 3, "totalPrice": sum(43.0, 40.0, 3.0),
            "allocations": [{"quantity": 2, "warehouse": {"id": "house-2"}}]}],
        "fulfillments": []
    })
}

impl Shop {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    fn sell(&self, order: Value) {
        self.held().orders.push(order);
    }

    fn change(&self, number: &str, how: impl FnOnce(&mut Value)) {
        how(self.held().orders.iter_mut().find(|order| order["number"] == number).unwrap());
    }
}

async fn answer(State(shop): State<Shop>, Json(question): Json<Value>) -> Response {
    let mut held = shop.held();
    let asked = &question["variables"];
    let data = match question["operationName"].as_str().unwrap() {
        "RecoupOrders" => {
            let since = asked["since"].as_str().unwrap().to_owned();
            let mut changed: Vec<Value> = held
                .orders
                .iter()
                .filter(|order| order["updatedAt"].as_str().unwrap() >= since.as_str())
                .cloned()
                .collect();
            changed.sort_by_key(|order| order["updatedAt"].as_str().unwrap().to_owned());
            let edges: Vec<Value> = changed.into_iter().map(|order| json!({"node": order})).collect();
            json!({"orders": {"edges": edges, "pageInfo": {"hasNextPage": false, "endCursor": null}}})
        }
        "RecoupOrder" => json!({"order": held.place(&asked["id"]).map(|place| held.orders[place].clone())}),
        "RecoupFulfil" => {
            let place = held.place(&asked["order"]).unwrap();
            held.fulfilled.push(asked.clone());
            let order = &mut held.orders[place];
            order["fulfillments"]
                .as_array_mut()
                .unwrap()
                .push(json!({"status": "FULFILLED", "trackingNumber": asked["tracking"]}));
            order["lines"][0]["quantityToFulfill"] = json!(0);
            json!({"orderFulfill": {"order": {"id": asked["order"]}, "errors": []}})
        }
        _ => {
            let place = held.place(&asked["order"]).unwrap();
            held.orders[place]["status"] = json!("CANCELED");
            let id = asked["order"].as_str().unwrap().to_owned();
            held.cancelled.push(id.clone());
            json!({"orderCancel": {"order": {"id": id}, "errors": []}})
        }
    };
    let changes = !question["operationName"].as_str().unwrap().starts_with("RecoupOrder");
    if changes && held.lost > 0 {
        held.lost -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    Json(json!({"data": data})).into_response()
}

/// Orders with a shop that is read.
async fn connected(pool: PgPoolOptions, options: PgConnectOptions) -> (Bed, Shop) {
    let (mut bed, shop) = (Bed::new(pool, options).await, Shop::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/graphql/", listener.local_addr().unwrap());
    let router = Router::new().route("/graphql/", post(answer)).with_state(shop.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Saleor::new(&address, Secret::new("app-token")).with_timeout(Duration::from_secs(20));
    let since = Some("2026-11-20T09:00:00Z".parse().unwrap());
    let saleor = import_saleor::Shop { client: client.clone(), tenant: bed.slice.tenant.clone(), since };
    let key = bed.parts.config.key.clone();
    let config = Arc::new(Config { saleor: Some(saleor), ..(*bed.parts.config).clone() });
    let providers = bed.parts.providers.clone().with(saleor_terms(), Arc::new(BySaleor { client, key }));
    bed.parts = Parts { config, providers, post: None };
    import_saleor::begin(&bed.slice.store, &bed.parts).await;
    bed.receive("cable", "east", 20).await;
    (bed, shop)
}

async fn listed(bed: &Bed) -> Value {
    let listed = ask(&app(bed), Method::GET, "/api/v1/saleor/orders", BOSS, None, "").await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    listed.body
}

fn id_of(listed: &Value, place: usize) -> OrderId {
    OrderId(Uuid::try_parse(listed["orders"][place]["order_id"].as_str().unwrap()).unwrap())
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_comes_in_once_at_the_shops_price_and_its_parcel_is_told(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (bed, shop) = connected(pool, options).await;
    shop.sell(order("1041", "2026-11-20T11:00:00.5Z"));
    shop.held().lost = 1;
    bed.run().await;
    let known = listed(&bed).await;
    assert_eq!((&known["configured"], known["orders"].as_array().map(Vec::len)), (&json!(true), Some(1)), "{known}");
    let id = id_of(&known, 0);
    let shown = bed.shown(id).await;
    let money = ["subtotal", "tax_amount", "shipping_amount", "total_amount"].map(|name| shown[name].clone());
    assert_eq!(money, ["40.00", "4.01", "8.99", "53.00"].map(|text| json!(text)));
    let lines: Vec<(&Value, &Value)> =
        shown["items"].as_array().unwrap().iter().map(|item| (&item["quantity"], &item["unit_price"])).collect();
    assert_eq!(lines, [(&json!(2), &json!("13.33")), (&json!(1), &json!("13.34"))], "forty does not divide by three");
    assert_eq!(bed.stands(id).await.2, "buy_label", "{shown}");
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    bed.run().await;
    assert_eq!(bed.shown(id).await["captured_amount"], json!("53.00"));
    let told = shop.held().fulfilled.clone();
    assert_eq!(
        told,
        [json!({"order": "order-1041", "tracking": "1Z1",
            "lines": [{"orderLineId": "line-1", "stocks": [{"warehouse": "house-2", "quantity": 3}]}]})],
        "once, though the answer was lost"
    );
    let known = listed(&bed).await;
    assert_eq!(known["orders"][0]["told"][0]["status"], json!("done"), "{known}");
    assert_eq!(bed.said("order_placed").await, 1);
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_is_given_up_on_one_side_is_given_up_on_the_other(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, shop) = connected(pool, options).await;
    shop.sell(order("1", "2026-11-20T11:00:00Z"));
    shop.sell(order("2", "2026-11-20T11:01:00Z"));
    bed.run().await;
    let known = listed(&bed).await;
    let (there, here) = (id_of(&known, 0), id_of(&known, 1));
    assert_eq!(bed.in_stock("cable", "east").await, (20, 6));
    bed.cancel(here, None).await.unwrap();
    shop.change("2", |order| {
        order["status"] = json!("CANCELED");
        order["updatedAt"] = json!("2026-11-20T12:05:00Z");
    });
    bed.run().await;
    bed.run().await;
    assert_eq!((bed.stands(here).await.0, bed.stands(there).await.0), ("cancelled".into(), "cancelled".into()));
    assert_eq!(shop.held().cancelled, ["order-1"], "what the shop gave up, it is not told");
    assert_eq!(bed.in_stock("cable", "east").await, (20, 0));
    bed.run().await;
    let states = |known: &Value| [0, 1].map(|place| known["orders"][place]["status"].clone());
    assert_eq!(states(&listed(&bed).await), [json!("closed"), json!("closed")]);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_cannot_come_in_says_why_and_is_tried_when_it_changes(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, shop) = connected(pool, options).await;
    let mut unpaid = order("1", "2026-11-20T11:00:00Z");
    unpaid["chargeStatus"] = json!("PARTIAL");
    shop.sell(unpaid);
    let mut nameless = order("2", "2026-11-20T11:01:00Z");
    nameless["lines"][0]["productSku"] = json!(null);
    shop.sell(nameless);
    let mut other = order("3", "2026-11-20T11:02:00Z");
    other["total"] = sum(50.0, 45.99, 4.01);
    shop.sell(other);
    bed.run().await;
    let known = listed(&bed).await;
    assert_eq!(known["orders"].as_array().unwrap().len(), 2, "what is not paid yet is left alone: {known}");
    assert_eq!(known["orders"][1]["reason"], json!("Cable has no sku"));
    assert_eq!(known["orders"][0]["reason"], json!("total_conflict: total_amount: the order comes to 53.00 USD"));
    assert_eq!(bed.said("order_placed").await, 0, "nothing of it is left");
    shop.change("2", |order| {
        order["lines"][0]["productSku"] = json!("SKU-cable");
        order["updatedAt"] = json!("2026-11-20T12:01:00Z");
    });
    bed.run().await;
    let known = listed(&bed).await;
    assert_eq!((&known["orders"][1]["status"], bed.said("order_placed").await), (&json!("imported"), 1), "{known}");
    let app = app(&bed);
    assert_eq!(ask(&app, Method::GET, "/api/v1/saleor/orders", ANN, None, "").await.status, 403);
    assert_eq!(ask(&app, Method::GET, "/api/v1/saleor/orders", None, None, "").await.status, 401);
    let odd = ask(&app, Method::GET, "/api/v1/saleor/orders?status=lost", BOSS, None, "").await;
    assert_eq!((odd.status, &odd.body["errors"][0]["field"]), (422, &json!("status")));
}

async fn import_job(bed: &Bed) -> (i64, i64) {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT count(*), count(failed_at) FROM jobs WHERE kind = 'orders.import_saleor'")
        .fetch_one(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_reading_that_was_given_up_begins_again_at_the_next_start(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, shop) = connected(pool, options).await;
    bed.run().await;
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE jobs SET failed_at = now(), attempts = 12 WHERE kind = 'orders.import_saleor'")
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    shop.sell(order("1", "2026-11-20T11:00:00Z"));
    bed.slice.clock.advance(TimeDelta::days(1));
    bed.run().await;
    assert_eq!(bed.said("order_placed").await, 0);
    import_saleor::begin(&bed.slice.store, &bed.parts).await;
    import_saleor::begin(&bed.slice.store, &bed.parts).await;
    assert_eq!(import_job(&bed).await, (1, 0));
    bed.run().await;
    assert_eq!(bed.said("order_placed").await, 1);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_cannot_be_dealt_with_does_not_end_the_reading(pool: PgPoolOptions, options: PgConnectOptions) {
    let (bed, shop) = connected(pool.clone(), options.clone()).await;
    let owner = pool.connect_with(options).await.unwrap();
    sqlx::query("ALTER TABLE saleor_lines RENAME TO mislaid").execute(&owner).await.unwrap();
    shop.sell(order("1", "2026-11-20T11:00:00Z"));
    // More often than a job has attempts.
    for _ in 0..13 {
        bed.run().await;
        bed.slice.clock.advance(TimeDelta::minutes(20));
    }
    let known = listed(&bed).await;
    let why = known["feed"]["problem"].as_str().unwrap_or_default();
    assert!(why.contains("could not be dealt with"), "{known}");
    assert_eq!((import_job(&bed).await, bed.said("order_placed").await), ((1, 0), 0));
    sqlx::query("ALTER TABLE mislaid RENAME TO saleor_lines").execute(&owner).await.unwrap();
    bed.run().await;
    let known = listed(&bed).await;
    assert_eq!(
        (&known["orders"][0]["status"], &known["feed"]["problem"]),
        (&json!("imported"), &json!(null)),
        "{known}"
    );
    assert_eq!(bed.said("order_placed").await, 1);
}
