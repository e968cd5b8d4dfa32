//! Prices by rules: off unless switched on; the tenant's own table, or a pricing service; and why, with the order.

use std::time::Duration;

use axum::Router;
use axum::http::Method;
use orders::api::Around;
use orders::config::{Config, Neighbour};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::around::Shop;
use crate::bed::Bed;
use crate::http::{ANN, BOSS, app_among, ask, basket};

/// Prices follow rules, a service's where one is named.
fn switched_on(bed: &Bed, service: Option<&Shop>) -> Router {
    let of = |shop: &Shop| Neighbour {
        key: "pricing_service",
        base: shop.base.clone(),
        health: format!("{}/health", shop.base),
        timeout: Duration::from_millis(500),
    };
    let neighbours = service.map(of).into_iter().collect();
    app_among(bed, Around::of(&Config { prices_dynamically: true, neighbours, ..(*bed.parts.config).clone() }))
}

async fn put_rules(app: &Router, rules: Value) -> u16 {
    let body = json!({"rates": {"rules": rules}, "reason": "spring"});
    ask(app, Method::PUT, "/api/v1/price-rules", BOSS, Some(body), "").await.status
}

fn cables(quantity: i64, seen: Option<&str>) -> Value {
    let mut order = basket();
    order["items"] = json!([{"product_id": "cable", "quantity": quantity}]);
    if let Some(seen) = seen {
        order["items"][0]["unit_price"] = json!(seen);
    }
    order
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_tenants_rules_price_its_orders_and_say_why(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 40).await;
    let app = switched_on(&bed, None);
    let rules = json!([{"name": "ten-or-more", "quantity_from": 10, "available_from": 40, "basis_points": -500}]);
    assert_eq!(put_rules(&app, rules).await, 200);
    let asked = ask(&app, Method::GET, "/api/v1/prices?product_id=cable&quantity=10", ANN, None, "").await;
    assert_eq!((asked.status, &asked.body["unit_price"]), (200, &json!("14.25")), "{}", asked.body);
    // The catalogue's price is not the price now, and whoever saw that is told.
    let stale = ask(&app, Method::POST, "/orders", ANN, Some(cables(10, Some("15.00"))), "").await;
    assert_eq!(
        (stale.status, &stale.body["errors"][0]["field"]),
        (409, &json!("items[0].unit_price")),
        "{}",
        stale.body
    );
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(cables(10, Some("14.25"))), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("142.50")), "{}", placed.body);
    let read = ask(&app, Method::GET, &format!("/orders/{}", placed.body["id"].as_str().unwrap()), ANN, None, "").await;
    assert_eq!(
        read.body["items"][0]["pricing"],
        json!({"source": "table", "rule": "ten-or-more", "list_price": "15.00",
            "inputs": {"available": "40", "basis_points": "-500", "quantity": "10"}})
    );
    let few = ask(&app, Method::POST, "/orders", ANN, Some(cables(9, Some("15.00"))), "").await;
    assert_eq!((few.status, few.body["items"][0].get("pricing")), (201, None), "no rule fits: {}", few.body);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn switched_off_rules_count_for_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app_among(&bed, Around::of(&bed.parts.config));
    assert_eq!(put_rules(&app, json!([{"name": "half", "basis_points": -5_000}])).await, 200);
    let shown = ask(&app, Method::GET, "/api/v1/price-rules", BOSS, None, "").await;
    assert_eq!((&shown.body["decided_by"], &shown.body["is_own"]), (&json!("catalogue"), &json!(true)));
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(cables(2, Some("15.00"))), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("30.00")), "{}", placed.body);
    let price = ask(&app, Method::GET, "/api/v1/prices?product_id=cable", ANN, None, "").await;
    assert_eq!((price.status, &price.body["unit_price"], price.body.get("pricing")), (200, &json!("15.00"), None));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn rules_are_checked_and_kept_by_managers_alone(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = switched_on(&bed, None);
    let given_away = json!({"rates": {"rules": [{"name": "free", "basis_points": -10_000}]}, "reason": "x"});
    let refused = ask(&app, Method::PUT, "/api/v1/price-rules", BOSS, Some(given_away.clone()), "").await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (422, &json!("rates.rules[0].basis_points")),
        "{}",
        refused.body
    );
    assert_eq!(ask(&app, Method::PUT, "/api/v1/price-rules", ANN, Some(given_away), "").await.status, 403);
    assert_eq!(ask(&app, Method::GET, "/api/v1/price-rules", ANN, None, "").await.status, 403);
    assert_eq!(ask(&app, Method::GET, "/api/v1/price-rules", None, None, "").await.status, 401);
    assert_eq!(ask(&app, Method::GET, "/api/v1/prices?product_id=cable", None, None, "").await.status, 401);
    assert_eq!(ask(&app, Method::GET, "/api/v1/prices?product_id=moon", ANN, None, "").await.status, 404);
    let none = ask(&app, Method::GET, "/api/v1/prices?product_id=cable&quantity=0", ANN, None, "").await;
    assert_eq!((none.status, &none.body["errors"][0]["field"]), (422, &json!("quantity")));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_pricing_service_decides_where_one_is_named(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let shop = Shop::start().await;
    let app = switched_on(&bed, Some(&shop));
    // Nothing of its own: the catalogue's price.
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(cables(2, None)), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("30.00")), "{}", placed.body);
    shop.put("prices/camera", json!({"price": 139.99, "rule": "evening", "inputs": {"hour": 20}})).await;
    let mut order = basket();
    order["items"] = json!([{"product_id": "camera", "quantity": 1}]);
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("139.99")), "{}", placed.body);
    assert_eq!(
        placed.body["items"][0]["pricing"],
        json!({"source": "service", "rule": "evening", "list_price": "145.99", "inputs": {"hour": "20"}})
    );
    let asked = shop.calls("prices").await;
    ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!(shop.calls("prices").await, asked, "what it said is believed for a moment");
    // What cannot be right is not believed, and one that is away is not guessed for.
    shop.put("prices/watch", json!({"price": "12.50", "rule": "slip of the comma"})).await;
    order["items"][0]["product_id"] = json!("watch");
    let absurd = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!(absurd.status, 503, "a hundredth of its price: {}", absurd.body);
    shop.fail(json!({"operation": "prices", "kind": "error", "times": 1})).await;
    order["items"][0]["product_id"] = json!("cable");
    order["items"][0]["quantity"] = json!(7);
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(order), "").await.status, 503);
}
