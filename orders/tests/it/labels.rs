//! Labels by EasyPost: bought once whatever happens to the answers, kept, given back, and followed until the parcel arrives.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use chrono::TimeDelta;
use orders::config::{Config, EasyPostConfig, Parts, Post};
use orders::private::Address;
use providers::easypost::{EasyPost, sign};
use providers::files::{Files, Place};
use providers::objects::{ObjectConfig, Objects};
use serde_json::{Value, json};
use service_kit::clock::SystemClock;
use service_kit::config::Secret;
use shared_events::OrderId;
use shared_events::evidence::WrappedKey;
use shared_events::orders::PutWarehouse;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::bed::{Bed, address, who};
use orders::api::Around;

use crate::http::{BOSS, app_among, ask};

const SECRET: &str = "what carriers sign with";

/// A bed whose parcels go through a sandbox of EasyPost.
struct PostBed {
    bed: Bed,
    base: String,
    http: reqwest::Client,
}

impl PostBed {
    async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let mut bed = Bed::new(pool, options).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = sandbox::easypost::EasyPost::new(Arc::new(SystemClock)).router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let dir = std::env::temp_dir().join(format!("recoup-labels-{}", uuid::Uuid::now_v7().simple()));
        let masters = "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().unwrap();
        let files = Files { objects: Objects::open(&ObjectConfig::Local { dir }).unwrap(), masters };
        let (key, webhook_secret) = (Secret::new("EZTKtests"), Some(Secret::new(SECRET)));
        let easypost = EasyPostConfig { base: base.clone(), key: key.clone(), webhook_secret, files: files.clone() };
        let config = Arc::new(Config { easypost: Some(easypost), ..(*bed.parts.config).clone() });
        let client = EasyPost::new(&base, key).with_timeout(Duration::from_millis(700));
        bed.parts = Parts { config, providers: bed.parts.providers.clone(), post: Some(Post { client, files }) };
        for id in ["east", "west"] {
            let warehouse = PutWarehouse {
                warehouse_id: id.into(),
                name: id.into(),
                country: "US".into(),
                cost_minor: 400,
                distance_km: 100,
                is_active: true,
                marketplace: None,
                address: Some(serde_json::to_value(Address { name: Some(id.into()), ..address("US") }).unwrap()),
                reason: None,
                by: who("boss"),
            };
            bed.tell(&orders::put_warehouse::Put, warehouse).await.unwrap();
        }
        Self { bed, base, http: service_kit::http_client::client(Duration::from_secs(10)) }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/_sandbox/{path}", self.base)).json(&body).send().await.unwrap();
        answer.json().await.unwrap_or_default()
    }

    async fn fail(&self, operation: &str, kind: &str) {
        self.post("faults", json!({"operation": operation, "kind": kind})).await;
    }

    /// Shipments, labels and refunds at the carrier.
    async fn counts(&self) -> (u64, u64, u64) {
        let url = format!("{}/_sandbox/counts", self.base);
        let counts: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let of = |name: &str| counts[name].as_u64().unwrap();
        (of("shipments"), of("labels"), of("refunds"))
    }

    /// The carrier moves a parcel on and tells us; what we answer.
    async fn tell(&self, code: &str, status: &str, secret: &str) -> (u16, Value) {
        let event = self.post("track", json!({"tracking_code": code, "status": status})).await.to_string();
        let request = Request::post("/webhooks/carriers/easypost")
            .header("x-hmac-signature", sign(&Secret::new(secret), event.as_bytes()))
            .header("content-type", "application/json")
            .body(Body::from(event))
            .unwrap();
        let answer = app_among(&self.bed, Around::default()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn one(&self, column: &str, id: OrderId) -> Option<String> {
        let mut work = self.bed.slice.work().await;
        let query = format!("SELECT {column}::text FROM shipments WHERE order_id = $1 ORDER BY number LIMIT 1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(id.0).fetch_one(work.conn()).await.unwrap()
    }
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_parcel_goes_from_rates_to_the_door_by_itself(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = PostBed::new(pool, options).await;
    let bed = &post.bed;
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "shipped", "nobody had to buy a label");
    assert_eq!((post.counts().await, bed.said("label_bought").await), ((2, 2, 0), 2));
    let why = post.one("choice", id).await.unwrap();
    assert!(why.starts_with("usps GroundAdvantage for 6.43 USD in 5 days: the cheapest of 5 within 14 days"), "{why}");
    assert!(
        post.one("label_sha256", id).await.is_some()
            && post.one("label_object", id).await.unwrap().starts_with("labels/")
    );
    let codes: Vec<String> = {
        let mut work = bed.slice.work().await;
        sqlx::query_scalar("SELECT tracking_number FROM shipments ORDER BY number")
            .fetch_all(work.conn())
            .await
            .unwrap()
    };
    assert_eq!(post.tell(&codes[0], "delivered", "another secret").await.0, 401);
    assert_eq!(post.tell(&codes[0], "in_transit", SECRET).await, (200, json!({"received": true, "known": true})));
    for _ in 0..2 {
        assert_eq!(post.tell(&codes[0], "delivered", SECRET).await.0, 200);
    }
    assert_eq!((bed.stands(id).await.0.as_str(), bed.said("shipment_delivered").await), ("shipped", 1));
    // The other is not told of; it is found out by asking.
    post.post("track", json!({"tracking_code": codes[1], "status": "delivered"})).await;
    bed.slice.clock.advance(TimeDelta::hours(6));
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.said("order_delivered").await), ("completed", 1));
    assert_eq!(
        post.tell("EZ9", "delivered", SECRET).await.1["known"],
        json!(null),
        "not ours: the sandbox knows no such parcel"
    );
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn one_shipment_never_has_two_labels(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = PostBed::new(pool, options).await;
    let bed = &post.bed;
    bed.receive("cable", "east", 9).await;
    for (operation, kind) in [
        ("create", "accept_then_hang"),
        ("create", "error"),
        ("buy", "accept_then_hang"),
        ("buy", "error"),
        ("buy", "hang"),
        ("buy", "throttle"),
    ] {
        let before = post.counts().await;
        post.fail(operation, kind).await;
        let id = bed.place(bed.order(&[("cable", 1)])).await;
        bed.run().await;
        assert_eq!(bed.stands(id).await.0, "shipped", "{operation} {kind}");
        let after = post.counts().await;
        assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1), "{operation} {kind}: one shipment, one label");
    }
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_label_opens_with_the_new_master_key_alone(pool: PgPoolOptions, options: PgConnectOptions) {
    const NEW: &str = "two:Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWUtMTI=";
    let post = PostBed::new(pool, options).await;
    let bed = &post.bed;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let files = bed.parts.config.easypost.as_ref().unwrap().files.clone();
    let both = format!("{NEW},one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").parse().unwrap();
    assert_eq!(orders::rotate_keys::rotate(&bed.slice.store, &both).await.unwrap(), 1);
    assert_eq!(orders::rotate_keys::rotate(&bed.slice.store, &both).await.unwrap(), 0);
    let value = async |column: &str| post.one(column, id).await.unwrap();
    let key = WrappedKey { master: value("label_key_master").await, wrapped: value("label_key_wrapped").await };
    let bytes = value("label_bytes").await.parse().unwrap();
    let place = Place { object: value("label_object").await, bytes, key };
    assert!(files.read_whole(&bed.slice.tenant, &place).await.is_err(), "the old key is not needed any more");
    let files = Files { masters: NEW.parse().unwrap(), ..files };
    assert_eq!(files.read_whole(&bed.slice.tenant, &place).await.unwrap().len() as u64, bytes);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_is_given_up_gives_its_label_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = PostBed::new(pool, options).await;
    let bed = &post.bed;
    bed.receive("cable", "east", 2).await;
    // It is bought, nobody hears of it, and the order is given up meanwhile.
    post.fail("buy", "accept_then_hang").await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let worker = bed.worker();
    while post.counts().await.1 == 0 {
        worker.run_next().await.unwrap();
        bed.slice.clock.advance(TimeDelta::seconds(1));
    }
    bed.cancel(id, None).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), post.counts().await), ("cancelled", (1, 1, 1)));
    assert_eq!(bed.in_stock("cable", "east").await, (2, 0));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn trouble_on_the_way_is_somebodys_task(pool: PgPoolOptions, options: PgConnectOptions) {
    let post = PostBed::new(pool, options).await;
    let bed = &post.bed;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let code = post.one("tracking_number", id).await.unwrap();
    assert_eq!(post.tell(&code, "failure", SECRET).await.0, 200);
    assert_eq!(post.tell(&code, "return_to_sender", SECRET).await.0, 200);
    assert_eq!((bed.said("shipment_exception").await, bed.said("shipment_returned").await), (1, 1));
    let mut work = bed.slice.work().await;
    let tasks: Vec<(String, String)> =
        sqlx::query_as("SELECT kind, summary FROM order_tasks ORDER BY seq").fetch_all(work.conn()).await.unwrap();
    drop(work);
    assert_eq!(tasks.len(), 2, "each trouble is a task of its own: {tasks:?}");
    assert!(tasks.iter().all(|(kind, _)| kind == "carrier_exception"));
    assert!(tasks[0].1.contains("usps says failure") && tasks[1].1.contains("brings it back"), "{tasks:?}");
    assert_eq!(post.tell(&code, "return_to_sender", SECRET).await.0, 200);
    assert_eq!(bed.said("order_task_opened").await, 2, "told twice it is one");
    let path = format!("/api/order-workflow/orders/{id}/tracking");
    let tracked = ask(&app_among(bed, Around::default()), Method::GET, &path, BOSS, None, "").await.body;
    assert_eq!(tracked["shipments"][0]["tracking_status"], "return_to_sender");
    assert!(tracked["shipments"][0]["tracked_at"].is_string(), "{tracked}");
}
