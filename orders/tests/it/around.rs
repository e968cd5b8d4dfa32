//! The services around: a catalogue, carts and users elsewhere, and our own tables without them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use orders::api::Around;
use orders::config::{Config, Neighbour};
use serde_json::{Value, json};
use service_kit::redis::Redis;
use service_kit::testing::RedisServer;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;

use crate::bed::Bed;
use crate::http::{ANN, BOSS, app_among, ask, basket};

pub struct Shop {
    pub base: String,
    http: reqwest::Client,
}

impl Shop {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox::shop::Shop::default().router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, http: service_kit::http_client::client(Duration::from_secs(10)) }
    }

    pub async fn put(&self, path: &str, thing: Value) {
        let url = format!("{}/_sandbox/{path}", self.base);
        self.http.put(url).json(&thing).send().await.unwrap().error_for_status().unwrap();
    }

    pub async fn fail(&self, fault: Value) {
        let url = format!("{}/_sandbox/faults", self.base);
        self.http.post(url).json(&fault).send().await.unwrap().error_for_status().unwrap();
    }

    pub async fn calls(&self, folder: &str) -> u64 {
        let url = format!("{}/_sandbox/calls", self.base);
        let calls: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        calls[folder].as_u64().unwrap_or_default()
    }

    fn around(&self, bed: &Bed) -> Around {
        self.around_by(bed, None)
    }

    fn around_by(&self, bed: &Bed, redis: Option<Redis>) -> Around {
        let of = |key: &'static str| Neighbour {
            key,
            base: self.base.clone(),
            health: format!("{}/health", self.base),
            timeout: Duration::from_millis(500),
        };
        let neighbours = ["product_service", "cart_service", "user_service"].map(of).to_vec();
        Around::of(&Arc::new(Config { neighbours, redis, ..(*bed.parts.config).clone() }))
    }
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn prices_carts_and_customers_come_from_the_services_around(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let shop = Shop::start().await;
    let app = app_among(&bed, shop.around(&bed));
    shop.put("users/ann", json!({"data": {"id": "ann", "is_active": true}})).await;
    shop.put(
        "products/lamp",
        json!({"product": {"id": "lamp", "sku": "LAMP", "name": "Lamp", "price": 19.90, "grams": 300}}),
    )
    .await;
    let cart = json!({"user_id": "ann", "items": [{"product_id": "lamp", "quantity": 3, "price": "19.90"}]});
    shop.put("cart/c1", cart.clone()).await;
    let mut order = basket();
    order["items"] = json!([]);
    order["cart_id"] = json!("c1");
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("59.70")), "{}", placed.body);
    assert_eq!(placed.body["items"][0]["name"], "Lamp", "our own table has no lamp");
    // The cart's price is not the catalogue's any more.
    let mut stale = cart;
    stale["items"][0]["price"] = json!("18.90");
    shop.put("cart/c2", stale).await;
    order["cart_id"] = json!("c2");
    let refused = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (409, &json!("items[0].unit_price")),
        "{}",
        refused.body
    );
    assert_eq!(shop.calls("products").await, 1, "what the catalogue said is believed for a moment");
    shop.put("cart/c3", json!({"user_id": "eve", "items": [{"product_id": "lamp", "quantity": 1}]})).await;
    order["cart_id"] = json!("c3");
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await.status, 422, "somebody else's");
    order["cart_id"] = json!("c1");
    order["customer_id"] = json!("gone");
    let unknown = ask(&app, Method::POST, "/orders", BOSS, Some(order), "").await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (422, &json!("customer_id")), "{}", unknown.body);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn one_that_is_away_stops_orders_and_is_left_alone(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let shop = Shop::start().await;
    let app = app_among(&bed, shop.around(&bed));
    shop.put("users/ann", json!({"id": "ann"})).await;
    let mut order = basket();
    order["items"] = json!([{"product_id": "camera", "quantity": 1}]);
    shop.fail(json!({"operation": "products", "kind": "hang"})).await;
    shop.fail(json!({"operation": "products", "kind": "error", "times": 4})).await;
    for _ in 0..5 {
        let refused = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
        assert_eq!(refused.status, 503, "our own table is no answer: {}", refused.body);
    }
    let asked = shop.calls("products").await;
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(order), "").await.status, 503);
    assert_eq!((asked, shop.calls("products").await), (5, 5), "the breaker is open");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn without_them_our_own_tables_know(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app_among(&bed, Around::default());
    let cart = json!({"items": [{"product_id": "cable", "quantity": 2, "unit_price": "15.00"}]});
    assert_eq!(ask(&app, Method::PUT, "/api/v1/carts/mine", ANN, Some(cart), "").await.status, 200);
    let mut order = basket();
    order["items"] = json!([]);
    order["cart_id"] = json!("mine");
    let placed = ask(&app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
    assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("30.00")), "{}", placed.body);
    let out = json!({"is_active": false, "reason": "three chargebacks"});
    assert_eq!(ask(&app, Method::PUT, "/api/v1/customers/ann", ANN, Some(out.clone()), "").await.status, 403);
    assert_eq!(ask(&app, Method::PUT, "/api/v1/customers/ann", BOSS, Some(out), "").await.status, 200);
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(order), "").await.status, 403);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn instances_share_what_they_were_told_and_go_on_without_redis(pool: PgPoolOptions, options: PgConnectOptions) {
    let Some(mut redis) = RedisServer::start().await else { return };
    let bed = Bed::new(pool, options).await;
    let shop = Shop::start().await;
    let [one, other] = [(); 2].map(|()| app_among(&bed, shop.around_by(&bed, Some(redis.client()))));
    shop.put("users/ann", json!({"id": "ann"})).await;
    shop.put("products/lamp", json!({"id": "lamp", "name": "Lamp", "price": "19.90"})).await;
    let mut order = basket();
    order["items"] = json!([{"product_id": "lamp", "quantity": 1}]);
    for app in [&one, &other] {
        let placed = ask(app, Method::POST, "/orders", ANN, Some(order.clone()), "").await;
        assert_eq!((placed.status, &placed.body["subtotal"]), (201, &json!("19.90")), "{}", placed.body);
    }
    assert_eq!((shop.calls("products").await, shop.calls("users").await), (1, 1), "the other knew it already");
    redis.stop();
    let third = app_among(&bed, shop.around_by(&bed, Some(redis.client())));
    let placed = ask(&third, Method::POST, "/orders", ANN, Some(order), "").await;
    assert_eq!((placed.status, shop.calls("products").await), (201, 2), "{}", placed.body);
}
