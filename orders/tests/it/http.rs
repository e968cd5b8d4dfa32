//! What can be asked over HTTP, without a broker: commands are handled on the spot.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use futures::future::BoxFuture;
use orders::api::{Api, Around, Probe, other_spellings, router};
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, Verifier, mint};
use service_kit::config::{AuthConfig, EdgeConfig, Env, Reader, load};
use service_kit::health::Health;
use service_kit::http::Server;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use crate::bed::Bed;
use crate::spot::OnTheSpot;

pub fn env() -> Env {
    Env::of([("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")])
}

pub fn app(bed: &Bed) -> Router {
    app_among(bed, Around::default())
}

pub fn app_among(bed: &Bed, around: Around) -> Router {
    let env = env();
    let config = EdgeConfig::read_for(&mut Reader::new(&env), "orders").unwrap();
    let verifier = Arc::new(Verifier::new(&load(&env).unwrap()).unwrap());
    let failing =
        Arc::new(|| -> BoxFuture<'static, anyhow::Result<u16>> { Box::pin(async { anyhow::bail!("refused") }) });
    let well = Arc::new(|| -> BoxFuture<'static, anyhow::Result<u16>> { Box::pin(async { Ok(200) }) });
    let probe = Probe::of(&bed.parts.config).with("cart_service", "http://cart.example/health".into(), failing).with(
        "user_service",
        "http://user.example/health".into(),
        well,
    );
    let store = bed.slice.store.clone();
    let api =
        Api { sender: Arc::new(OnTheSpot(store.clone())), store, config: bed.parts.config.clone(), probe, around };
    Server::new(Health::new("orders"), config, verifier)
        .keys(Arc::new(api.clone()))
        .app(router(api.clone()), other_spellings(api))
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
    let earned = json!([{"currency": "USD", "average_order_value": "74.77", "revenue_per_hour": "3.12"}]);
    assert_eq!((&performance["by_currency"], &performance["orders_per_minute"]), (&earned, &json!("0.00")));
    assert_eq!((&performance["inventory_accuracy"], &performance["return_rate"]), (&Value::Null, &Value::Null));
    let totals = json!({"entries": 1, "on_hand": 5, "reserved": 2, "available": 3, "low": 0});
    assert_eq!(inventory["totals"], totals);
    // One count finds what the books say, one does not; the parcel comes back, and is paid back.
    for counted in [5, 4] {
        bed.count("WIDGET-001", counted).await;
    }
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    bed.refund(id, shared_events::orders::RefundWish::Whole, false).await.unwrap();
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE shipments SET tracking_status = 'return_to_sender'").execute(work.conn()).await.unwrap();
    work.commit().await.unwrap();
    let performance = ask(&app, Method::GET, "/api/order-workflow/analytics/performance", BOSS, None, "").await.body;
    let rates =
        ["inventory_accuracy", "fulfillment_accuracy", "refund_rate", "return_rate"].map(|name| &performance[name]);
    assert_eq!(rates, [&json!("50.00"), &json!("0.00"), &json!("100.00"), &json!("0.00")], "{performance}");
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
    let later = ask(&app, Method::GET, "/admin/orders/stats?since=2100-01-01T00:00:00Z", BOSS, None, "").await.body;
    assert_eq!((&later["total_orders"], &later["revenue"]), (&json!(0), &json!([])));
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
    // What staff does to an order says who, what, before, after and why.
    let (one, audit) = (format!("/orders/{id}"), format!("/admin/orders/audit?subject={id}&limit=1"));
    let last = async || ask(&app, Method::GET, &audit, BOSS, None, "").await.body["entries"][0].clone();
    let change = json!({"shipping_method": "express", "reason": "the customer called"});
    let changed = ask(&app, Method::PUT, &one, BOSS, Some(change), "").await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let entry = last().await;
    let (before, after) = (&entry["before"]["shipping_method"], &entry["after"]["shipping_method"]);
    assert_eq!((before, after, &entry["why"]), (&json!("standard"), &json!("express"), &json!("the customer called")));
    let odd = ask(&app, Method::DELETE, &one, BOSS, Some(json!({"reason": ""})), "").await;
    assert_eq!((odd.status, &odd.body["errors"][0]["field"]), (422, &json!("reason")));
    let gone = ask(&app, Method::DELETE, &one, BOSS, Some(json!({"reason": "ordered twice"})), "").await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    let entry = last().await;
    assert_eq!((&entry["what"], &entry["why"]), (&json!("cancel"), &json!("ordered twice")));
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
