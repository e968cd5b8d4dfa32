//! What can be asked over HTTP, without a broker: commands are handled on the spot.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use futures::future::BoxFuture;
use orders::api::{Api, Around, Probe, Sends, other_spellings, router};
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::health::Health;
use service_kit::http::Server;
use service_kit::store::Store;
use shared_events::orders::{
    CancelOrder, ChangeOrderStatus, PlaceOrder, PutCart, PutCustomer, PutProduct, UpdateOrder,
};
use shared_events::{Envelope, Message, Topic};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use crate::bed::Bed;

/// Handles commands in the process, once each, and keeps their outcomes as the kit does.
struct OnTheSpot(Store);

impl OnTheSpot {
    async fn run<M: Message>(
        &self,
        handler: impl Handles<M>,
        envelope: &Envelope,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let data: M = serde_json::from_slice(payload)?;
        let mut work = self.0.read(&envelope.tenant).await?;
        let handled = handler.handle(&mut work, &Delivered { envelope: envelope.clone(), data }).await;
        let (status, rejection, result) = match handled {
            Ok(outcome) => ("done", None, outcome.value().cloned()),
            Err(Failure::Reject(rejection)) => {
                work = self.0.read(&envelope.tenant).await?;
                ("rejected", Some(serde_json::to_value(rejection)?), None)
            }
            Err(Failure::Retry(error)) => return Err(error),
        };
        sqlx::query(
            "INSERT INTO command_outcomes (command_id, tenant, actor, type, status, rejection, result, body_digest, correlation, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())",
        )
        .bind(envelope.id.0)
        .bind(envelope.tenant.as_str())
        .bind(&envelope.actor)
        .bind(M::TYPE)
        .bind(status)
        .bind(rejection)
        .bind(result)
        .bind(&envelope.body_digest)
        .bind(envelope.correlation)
        .execute(work.conn())
        .await?;
        Ok(work.commit().await?)
    }
}

impl Sends for OnTheSpot {
    fn send<'a>(
        &'a self,
        _topic: Topic,
        envelope: &'a Envelope,
        payload: Vec<u8>,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            match envelope.kind.as_str() {
                PlaceOrder::TYPE => self.run::<PlaceOrder>(orders::place_order::Place, envelope, &payload).await,
                UpdateOrder::TYPE => self.run::<UpdateOrder>(orders::update_order::Update, envelope, &payload).await,
                CancelOrder::TYPE => self.run::<CancelOrder>(orders::cancel_order::Cancel, envelope, &payload).await,
                PutProduct::TYPE => self.run::<PutProduct>(orders::put_product::Put, envelope, &payload).await,
                ChangeOrderStatus::TYPE => {
                    self.run::<ChangeOrderStatus>(orders::change_status::ChangeIt, envelope, &payload).await
                }
                PutCart::TYPE => self.run::<PutCart>(orders::put_around::PutIt, envelope, &payload).await,
                PutCustomer::TYPE => self.run::<PutCustomer>(orders::put_around::PutThem, envelope, &payload).await,
                other => anyhow::bail!("no handler for {other}"),
            }
        })
    }
}

fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")])
}

fn app(bed: &Bed) -> Router {
    app_among(bed, Around::default())
}

pub fn app_among(bed: &Bed, around: Around) -> Router {
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "orders").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let failing =
        Arc::new(|| -> BoxFuture<'static, anyhow::Result<u16>> { Box::pin(async { anyhow::bail!("refused") }) });
    let well = Arc::new(|| -> BoxFuture<'static, anyhow::Result<u16>> { Box::pin(async { Ok(200) }) });
    let probe = Probe::default().with("cart_service", "http://cart.example/health".into(), failing).with(
        "user_service",
        "http://user.example/health".into(),
        well,
    );
    let store = bed.slice.store.clone();
    let api =
        Api { sender: Arc::new(OnTheSpot(store.clone())), store, config: bed.parts.config.clone(), probe, around };
    Server::new(Health::new("orders"), config, verifier).app(router(api.clone()), other_spellings(api))
}

pub struct Asked {
    pub status: u16,
    pub body: Value,
    location: String,
}

pub async fn ask(
    app: &Router,
    method: Method,
    path: &str,
    who: Option<(&str, Role)>,
    body: Option<Value>,
    key: &str,
) -> Asked {
    let mut request = Request::builder().method(method).uri(path);
    if let Some((name, role)) = who {
        let claims = Claims { sub: name.into(), tenant: "demo".into(), roles: vec![role], partner: None };
        let token = mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap();
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let response = app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let location =
        response.headers().get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    Asked { status, body: serde_json::from_slice(&bytes).unwrap_or_default(), location }
}

pub const ANN: Option<(&str, Role)> = Some(("ann", Role::Customer));
const EVE: Option<(&str, Role)> = Some(("eve", Role::Customer));
pub const BOSS: Option<(&str, Role)> = Some(("boss", Role::Manager));

pub fn basket() -> Value {
    json!({
        "items": [{"product_id": "camera", "quantity": 1, "unit_price": "145.99"}, {"sku": "SKU-cable", "quantity": 2, "unit_price": 15.00}],
        "shipping_address": {"name": "Ann", "street": "1 Main Street", "city": "Springfield", "zip": "12345", "country": "us"},
        "payment_token": "pm_card_visa", "email": "ann@example.com"
    })
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn the_shops_paths_work_in_every_spelling(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let placed = ask(&app, Method::POST, "/orders/", ANN, Some(basket()), "key-1").await;
    assert_eq!(placed.status, 201, "{}", placed.body);
    let names = ["subtotal", "tax_amount", "shipping_amount", "total_amount", "currency"];
    assert_eq!(
        names.map(|name| placed.body[name].clone()),
        ["175.99", "17.60", "0.00", "193.59", "USD"].map(|text| json!(text))
    );
    let id = placed.body["id"].as_str().unwrap().to_owned();
    assert_eq!(placed.location, format!("/orders/{id}"));
    let again = ask(&app, Method::POST, "/api/v1/orders", ANN, Some(basket()), "key-1").await;
    assert_eq!((again.status, &again.body["id"]), (201, &placed.body["id"]));
    let mut other = basket();
    other["items"][0]["quantity"] = json!(2);
    let reused = ask(&app, Method::POST, "/orders", ANN, Some(other), "key-1").await;
    assert_eq!((reused.status, &reused.body["code"]), (422, &json!("idempotency_key_reused")));
    for path in ["/orders", "/orders/", "/api/v1/orders", "/api/v1/orders/"] {
        let listed = ask(&app, Method::GET, path, ANN, None, "").await;
        assert_eq!((listed.status, listed.body["orders"].as_array().map(Vec::len)), (200, Some(1)), "{path}");
        assert_eq!(ask(&app, Method::GET, path, EVE, None, "").await.body["orders"], json!([]));
        assert_eq!(ask(&app, Method::GET, path, None, None, "").await.status, 401);
    }
    for path in [format!("/orders/{id}"), format!("/api/v1/orders/{id}/"), format!("/api/order-workflow/orders/{id}")] {
        let shown = ask(&app, Method::GET, &path, ANN, None, "").await;
        assert_eq!((shown.status, &shown.body["shipping_address"]["country"]), (200, &json!("US")), "{path}");
        assert!(shown.body.get("fraud_factors").is_none());
        assert_eq!(ask(&app, Method::GET, &path, EVE, None, "").await.status, 404, "{path}");
    }
    let changed =
        ask(&app, Method::PUT, &format!("/orders/{id}"), ANN, Some(json!({"shipping_method": "express"})), "").await;
    assert_eq!((changed.status, &changed.body["shipping_method"]), (200, &json!("express")), "{}", changed.body);
    assert_eq!(ask(&app, Method::DELETE, &format!("/orders/{id}"), EVE, None, "").await.status, 404);
    let gone = ask(&app, Method::DELETE, &format!("/orders/{id}/"), ANN, None, "").await;
    assert_eq!((gone.status, &gone.body["status"]), (200, &json!("cancelled")), "{}", gone.body);
    assert_eq!(ask(&app, Method::DELETE, &format!("/orders/{id}"), ANN, None, "").await.status, 409);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_cannot_be_accepted_names_its_field(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = basket();
        change(&mut body);
        body
    };
    let cases: [(Value, u16, &str); 8] = [
        (with(&|body| body["items"][1]["unit_price"] = json!("14.99")), 409, "items[1].unit_price"),
        (with(&|body| body["items"][0]["product_id"] = json!("nothing")), 422, "items[0].product_id"),
        (with(&|body| body["items"][0]["quantity"] = json!(0)), 422, "items[0].quantity"),
        (with(&|body| body["items"][0]["unit_price"] = json!("145.999")), 422, "items[0].unit_price"),
        (with(&|body| body["items"] = json!([])), 422, "items"),
        (with(&|body| body["shipping_address"]["country"] = json!("USA")), 422, "shipping_address.country"),
        (with(&|body| body["payment_token"] = json!("4242 4242 4242 4242")), 422, "payment_token"),
        (with(&|body| body["surprise"] = json!(1)), 422, "surprise"),
    ];
    for (body, status, field) in cases {
        let refused = ask(&app, Method::POST, "/orders", ANN, Some(body.clone()), "").await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (status, &json!(field)),
            "{body} {}",
            refused.body
        );
    }
    let other = with(&|body| body["customer_id"] = json!("eve"));
    assert_eq!(ask(&app, Method::POST, "/orders", ANN, Some(other), "").await.status, 403);
    assert_eq!(ask(&app, Method::POST, "/orders", Some(("p", Role::Partner)), Some(basket()), "").await.status, 403);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn the_workflows_own_tax_and_shipping_are_what_is_paid(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let address = json!({"street_address": "1 Main Street", "city": "Springfield", "country": "US"});
    let body = json!({
        "customer_id": "cust_123",
        "items": [{"product_id": "prod_456", "sku": "WIDGET-001", "name": "Premium Widget", "quantity": 2, "unit_price": "29.99", "total_price": "59.98"}],
        "billing_address": address, "shipping_address": address, "payment_method": "credit_card", "shipping_method": "standard", "currency": "USD",
        "tax_rate": 0.08, "shipping_amount": "9.99", "payment_token": "tok"
    });
    let path = "/api/order-workflow/orders";
    let placed = ask(&app, Method::POST, path, BOSS, Some(body.clone()), "").await;
    assert_eq!(
        (placed.status, &placed.body["total_amount"], &placed.body["tax_amount"]),
        (201, &json!("74.77"), &json!("4.80")),
        "{}",
        placed.body
    );
    assert_eq!(ask(&app, Method::POST, path, Some(("cust_123", Role::Customer)), Some(body), "").await.status, 403);
    let id: shared_events::OrderId = serde_json::from_value(placed.body["order_id"].clone()).unwrap();
    let stock = shared_events::orders::ChangeStock {
        movement_id: shared_events::StockMovementId(uuid::Uuid::now_v7()),
        sku: "WIDGET-001".into(),
        warehouse_id: "east".into(),
        change: shared_events::orders::StockChange::Receive(5),
        reference: "x".into(),
        by: crate::bed::who("boss"),
    };
    bed.tell(&orders::change_stock::ChangeIt, stock).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.cheap.done("authorize")), ("buy_label", (1, 7_477)));
    let shown = ask(&app, Method::GET, &format!("{path}/{id}"), BOSS, None, "").await.body;
    assert_eq!((&shown["payments"][0]["state"], &shown["fraud"]["band"]), (&json!("authorized"), &json!("pass")));
    let tracked = ask(&app, Method::GET, &format!("{path}/{id}/tracking/"), BOSS, None, "").await.body;
    assert_eq!(
        (&tracked["shipments"][0]["warehouse_id"], &tracked["shipments"][0]["carrier"]),
        (&json!("east"), &json!("usps"))
    );
    let inventory = ask(&app, Method::GET, "/api/order-workflow/analytics/inventory", BOSS, None, "").await.body;
    assert_eq!((&inventory["items"][0]["on_hand"], &inventory["items"][0]["available"]), (&json!(5), &json!(3)));
    let performance = ask(&app, Method::GET, "/api/order-workflow/analytics/performance", BOSS, None, "").await.body;
    assert_eq!(
        (&performance["orders_placed"], &performance["payment_success_rate"]),
        (&json!(1), &json!("100.00")),
        "{performance}"
    );
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn staffs_pages_are_for_staff(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let status = format!("/admin/orders/{id}/status");
    for path in [
        "/admin/orders",
        "/admin/orders/",
        "/api/v1/admin/orders",
        "/admin/orders/stats",
        "/admin/orders/audit",
        "/api/v1/approvals",
        "/api/v1/stock/ledger",
    ] {
        assert_eq!(ask(&app, Method::GET, path, ANN, None, "").await.status, 403, "{path}");
        assert_eq!(ask(&app, Method::GET, path, BOSS, None, "").await.status, 200, "{path}");
    }
    let stats = ask(&app, Method::GET, "/admin/orders/stats/", BOSS, None, "").await.body;
    assert_eq!((&stats["total_orders"], &stats["revenue"][0]["total"]), (&json!(1), &json!("26.50")));
    assert_eq!(ask(&app, Method::PUT, &status, ANN, Some(json!({"status": "cancelled"})), "").await.status, 403);
    let wrong = ask(&app, Method::PUT, &status, BOSS, Some(json!({"status": "shipped"})), "").await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (409, &json!("status")));
    let held =
        ask(&app, Method::PUT, &status, BOSS, Some(json!({"status": "on_hold", "reason": "let me see"})), "").await;
    assert_eq!((held.status, &held.body["hold"]["detail"]), (200, &json!("let me see")), "{}", held.body);
    let trail = ask(&app, Method::GET, &format!("/admin/orders/audit?subject={id}"), BOSS, None, "").await.body;
    assert_eq!((&trail["entries"][0]["who"], &trail["entries"][0]["why"]), (&json!("boss"), &json!("let me see")));
    let listed = ask(&app, Method::GET, "/admin/orders?status=on_hold&limit=1", BOSS, None, "").await.body;
    assert_eq!(listed["orders"][0]["id"], json!(id));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn the_nine_health_pages_say_how_things_fare(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let page = async |path: &str| ask(&app, Method::GET, path, None, None, "").await;
    let basic = page("/health").await;
    assert_eq!(
        (basic.status, &basic.body["status"], &basic.body["service"]),
        (200, &json!("healthy"), &json!("order-service"))
    );
    let all = page("/health/connectivity").await.body;
    let states = ["postgres", "redis", "user_service", "cart_service", "product_service", "search_service"]
        .map(|key| all["connectivity"][key]["status"].clone());
    assert_eq!(
        states,
        ["connected", "not_configured", "connected", "failed", "not_configured", "not_configured"]
            .map(|text| json!(text))
    );
    assert_eq!(
        (&all["status"], &all["summary"]["total_services"], &all["summary"]["failed"]),
        (&json!("degraded"), &json!(6), &json!(1))
    );
    assert_eq!(all["live_system_status"]["cart_service_heroku"], "failed");
    for (path, status) in [
        ("postgres", 200),
        ("redis", 200),
        ("user-service", 200),
        ("cart-service", 503),
        ("product-service", 200),
        ("search-service", 200),
        ("info", 200),
        ("nonsense", 404),
    ] {
        assert_eq!(page(&format!("/health/{path}")).await.status, status, "{path}");
    }
}
