//! Who sees and does what: machines by their keys, operators in their warehouses; and the trail of it.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use chrono::TimeDelta;
use serde_json::{Value, json};
use service_kit::auth::{Claims, Role, mint};
use service_kit::config::{AuthConfig, load};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

use crate::bed::Bed;
use crate::http::{BOSS, app, ask, basket, env};

const KEYS: &str = "/api/v1/api-keys";
const OLGA: Option<(&str, Role)> = Some(("olga", Role::Operator));
const OTTO: Option<(&str, Role)> = Some(("otto", Role::Operator));

/// Asks with this header alone.
async fn with(
    app: &Router,
    (name, value): (&str, &str),
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header(name, value);
    let (request, body) = match body {
        Some(body) => (request.header("content-type", "application/json"), Body::from(body.to_string())),
        None => (request, Body::empty()),
    };
    let response = app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000_000).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn by_key(app: &Router, key: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    with(app, ("authorization", &format!("Bearer {key}")), method, path, body).await
}

async fn new_key(app: &Router, body: Value) -> (String, String) {
    let made = ask(app, Method::POST, KEYS, BOSS, Some(body), "").await;
    assert_eq!(made.status, 201, "{}", made.body);
    (made.body["key_id"].as_str().unwrap().to_owned(), made.body["key"].as_str().unwrap().to_owned())
}

async fn trail(app: &Router, subject: &str) -> Vec<Value> {
    let page = ask(app, Method::GET, &format!("/admin/orders/audit?subject={subject}"), BOSS, None, "").await;
    page.body["entries"].as_array().unwrap().clone()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_key_opens_what_its_scopes_name_and_no_more(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    let (key_id, key) =
        new_key(&app, json!({"name": "reporting", "scopes": ["orders:read"], "reason": "quarterly"})).await;
    assert!(key.starts_with("rk_") && key.len() > 90, "{key}");
    for path in ["/admin/orders", "/api/v1/admin/orders/", &format!("/orders/{id}"), &format!("/orders/{id}/payments")]
    {
        let (status, body) = by_key(&app, &key, Method::GET, path, None).await;
        assert_eq!(status, 200, "{path} {body}");
        assert_eq!(with(&app, ("x-api-key", &key), Method::GET, path, None).await.0, 200, "{path}");
    }
    for (method, path) in [
        (Method::POST, "/orders"),
        (Method::GET, "/api/v1/stock/ledger"),
        (Method::GET, "/admin/orders/audit"),
        (Method::GET, KEYS),
        (Method::POST, KEYS),
        (Method::GET, "/api/v1/approvals"),
    ] {
        assert_eq!(by_key(&app, &key, method, path, Some(basket())).await.0, 403, "{path}");
    }
    let (_, itself) = by_key(&app, &key, Method::GET, "/api/v1/api-keys/self", None).await;
    assert_eq!((&itself["tenant"], &itself["scopes"]), (&json!("demo"), &json!(["orders:read"])));
    assert_eq!(ask(&app, Method::GET, "/api/v1/api-keys/self", BOSS, None, "").await.status, 404);
    // One that orders is the machine in the books.
    let (writer_id, writer) = new_key(&app, json!({"name": "shop", "scopes": ["orders:write", "orders:read"]})).await;
    let (status, placed) = by_key(&app, &writer, Method::POST, "/orders", Some(basket())).await;
    assert_eq!((status, &placed["customer_id"]), (201, &json!(format!("key-{writer_id}"))), "{placed}");
    // Wrong in one place or another: nobody.
    let mut secret_off = key.clone();
    let last = if secret_off.pop() == Some('0') { '1' } else { '0' };
    secret_off.push(last);
    let other_id = key.replace(&key[3..35], &writer[3..35]);
    for wrong in [secret_off.as_str(), &other_id, "rk_", "rk_1_2", &key[..40]] {
        assert_eq!(by_key(&app, wrong, Method::GET, "/admin/orders", None).await.0, 401, "{wrong}");
        assert_eq!(with(&app, ("x-api-key", wrong), Method::GET, "/admin/orders", None).await.0, 401, "{wrong}");
    }
    assert_eq!(with(&app, ("x-api-key", "something"), Method::GET, "/admin/orders", None).await.0, 401);
    // Nothing that is kept opens anything.
    let mut work = bed.slice.work().await;
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT digest FROM api_key_secrets").fetch_all(work.conn()).await.unwrap();
    assert!(
        kept.len() == 2
            && kept.iter().all(|digest| !key.contains(digest.as_str()) && !writer.contains(digest.as_str()))
    );
    let entry = &trail(&app, &format!("key-{key_id}")).await[0];
    assert_eq!(
        (&entry["who"], &entry["what"], &entry["why"]),
        (&json!("boss"), &json!("create_api_key"), &json!("quarterly"))
    );
    assert_eq!(entry["after"]["scopes"], json!(["orders:read"]));
    assert!(!entry.to_string().contains(&key[36..]));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn secrets_overlap_while_they_change_and_a_revoked_key_is_dead(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let works = async |key: &str| by_key(&app, key, Method::GET, "/admin/orders", None).await.0;
    let body = json!({"name": "reporting", "scopes": ["orders:read"]});
    let made = ask(&app, Method::POST, KEYS, BOSS, Some(body.clone()), "k-1").await.body;
    let again = ask(&app, Method::POST, KEYS, BOSS, Some(body), "k-1").await.body;
    assert_eq!(made, again);
    let (id, first) = (made["key_id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned());
    let shown = async || ask(&app, Method::GET, KEYS, BOSS, None, "").await.body["keys"][0].clone();
    assert_eq!(shown().await["last_used_at"], Value::Null);
    assert_eq!(works(&first).await, 200);
    let used = shown().await["last_used_at"].clone();
    assert!(used.is_string(), "{used}");
    bed.slice.clock.advance(TimeDelta::seconds(30));
    works(&first).await;
    assert_eq!(shown().await["last_used_at"], used, "to the minute");
    bed.slice.clock.advance(TimeDelta::seconds(31));
    works(&first).await;
    assert_ne!(shown().await["last_used_at"], used);
    let rotate = format!("{KEYS}/{id}/rotate");
    let rotated =
        ask(&app, Method::POST, &rotate, BOSS, Some(json!({"overlap_hours": 2, "reason": "yearly"})), "").await;
    let second = rotated.body["key"].as_str().unwrap().to_owned();
    assert_eq!((works(&first).await, works(&second).await, &shown().await["secrets"]), (200, 200, &json!(2)));
    bed.slice.clock.advance(TimeDelta::hours(2));
    assert_eq!((works(&first).await, works(&second).await, &shown().await["secrets"]), (401, 200, &json!(1)));
    let third = ask(&app, Method::POST, &rotate, BOSS, Some(json!({"overlap_hours": 0})), "").await.body;
    assert_eq!((works(&second).await, works(third["key"].as_str().unwrap()).await), (401, 200));
    // Another tenant's manager has no such key.
    let claims = Claims { sub: "rob".into(), tenant: "rival".into(), roles: vec![Role::Manager], partner: None };
    let rival = format!("Bearer {}", mint(&load::<AuthConfig>(&env()).unwrap(), &claims, 60).unwrap());
    assert_eq!(with(&app, ("authorization", &rival), Method::POST, &rotate, Some(json!({}))).await.0, 404);
    assert_eq!(with(&app, ("authorization", &rival), Method::GET, KEYS, None).await.1["keys"], json!([]));
    assert_eq!(ask(&app, Method::DELETE, &format!("{KEYS}/{id}"), OLGA, None, "").await.status, 403);
    let end = json!({"reason": "it leaked"});
    assert_eq!(ask(&app, Method::DELETE, &format!("{KEYS}/{id}"), BOSS, Some(end.clone()), "").await.status, 200);
    assert_eq!(works(third["key"].as_str().unwrap()).await, 401);
    assert_eq!(ask(&app, Method::DELETE, &format!("{KEYS}/{id}"), BOSS, Some(end), "").await.status, 409);
    assert_eq!(ask(&app, Method::POST, &rotate, BOSS, None, "").await.status, 409);
    let done: Vec<Value> = trail(&app, &format!("key-{id}")).await.iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(json!(done), json!(["revoke_api_key", "rotate_api_key", "rotate_api_key", "create_api_key"]));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_key_that_ends_and_a_key_of_one_warehouse(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let end = bed.slice.store.now() + TimeDelta::days(1);
    let (_, short) = new_key(&app, json!({"name": "a day", "scopes": ["orders:read"], "expires_at": end})).await;
    assert_eq!(by_key(&app, &short, Method::GET, "/admin/orders", None).await.0, 200);
    bed.slice.clock.advance(TimeDelta::days(1));
    assert_eq!(by_key(&app, &short, Method::GET, "/admin/orders", None).await.0, 401);
    let wrong = [
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["everything"]}),
        json!({"name": "", "scopes": ["orders:read"]}),
        json!({"name": "x", "scopes": ["orders:read"], "warehouses": ["nowhere"]}),
        json!({"name": "x", "scopes": ["orders:read"], "expires_at": "2020-01-01T00:00:00Z"}),
    ];
    for body in wrong {
        assert_eq!(ask(&app, Method::POST, KEYS, BOSS, Some(body.clone()), "").await.status, 422, "{body}");
    }
    let scopes = ["stock:write", "stock:read"];
    let (_, east) = new_key(&app, json!({"name": "east", "scopes": scopes, "warehouses": ["east"]})).await;
    let came = |warehouse: &str| json!({"sku": "SKU-cable", "warehouse_id": warehouse, "change": {"receive": 5}, "reference": "note"});
    assert_eq!(by_key(&app, &east, Method::POST, "/api/v1/stock", Some(came("east"))).await.0, 200);
    assert_eq!(by_key(&app, &east, Method::POST, "/api/v1/stock", Some(came("west"))).await.0, 404);
    let listed = ask(&app, Method::GET, KEYS, BOSS, None, "").await.body;
    assert_eq!((&listed["keys"][0]["warehouses"], listed["keys"][1].get("warehouses")), (&json!(["east"]), None));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn operators_see_and_move_what_is_in_their_own_warehouse(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let get = async |who, path: &str| ask(&app, Method::GET, path, who, None, "").await;
    let assign = async |warehouse: &str, names: Value| {
        let body = json!({"operators": names, "reason": "new shift"});
        ask(&app, Method::PUT, &format!("/api/v1/warehouses/{warehouse}/operators"), BOSS, Some(body), "").await.status
    };
    assert_eq!(
        (assign("east", json!(["olga"])).await, assign("west", json!(["otto"])).await, assign("no", json!([])).await),
        (200, 200, 404)
    );
    assert_eq!(
        ask(
            &app,
            Method::PUT,
            "/api/v1/warehouses/east/operators",
            OLGA,
            Some(json!({"operators": [], "reason": "x"})),
            ""
        )
        .await
        .status,
        403
    );
    bed.receive("camera", "east", 5).await;
    bed.receive("cable", "west", 5).await;
    // Both are in one order; the camera alone is in another.
    let both = bed.place(bed.order(&[("camera", 1), ("cable", 1)])).await;
    let one = bed.place(bed.order(&[("camera", 1)])).await;
    for path in [format!("/orders/{both}"), format!("/orders/{one}")] {
        assert_eq!(get(OLGA, &path).await.status, 404, "nothing of it is anywhere yet");
    }
    bed.run().await;
    for (who, path, status) in [
        (OLGA, format!("/orders/{both}"), 200),
        (OTTO, format!("/orders/{both}"), 200),
        (OLGA, format!("/orders/{one}/payments"), 200),
        (OTTO, format!("/orders/{one}"), 404),
        (OTTO, format!("/orders/{one}/payments"), 404),
        (OTTO, format!("/api/order-workflow/orders/{one}/tracking"), 404),
    ] {
        assert_eq!(get(who, &path).await.status, status, "{path}");
    }
    let count = async |who, path: &str, list: &str| get(who, path).await.body[list].as_array().map(Vec::len);
    for (path, list, all, olga, otto) in [
        ("/admin/orders", "orders", 2, 2, 1),
        ("/api/order-workflow/orders", "orders", 2, 2, 1),
        ("/api/order-workflow/analytics/inventory", "items", 2, 1, 1),
        ("/api/v1/stock/ledger", "movements", 5, 3, 2),
        ("/api/v1/stock/ledger?warehouse_id=east", "movements", 3, 3, 0),
    ] {
        let seen = (count(BOSS, path, list).await, count(OLGA, path, list).await, count(OTTO, path, list).await);
        assert_eq!(seen, (Some(all), Some(olga), Some(otto)), "{path}");
    }
    let labels = |number: i32| json!({"shipments": [{"shipment": number, "carrier": "ups", "tracking_number": format!("1Z{number}")}]});
    let fulfil = async |who, id: &str, number| {
        ask(&app, Method::POST, &format!("/api/order-workflow/orders/{id}/fulfill"), who, Some(labels(number)), "")
            .await
    };
    assert_eq!(fulfil(OTTO, &one.to_string(), 1).await.status, 404);
    let shown = get(BOSS, &format!("/orders/{both}")).await.body;
    let number = |warehouse: &str| {
        let found = shown["shipments"].as_array().unwrap().iter().find(|parcel| parcel["warehouse_id"] == warehouse);
        i32::try_from(found.unwrap()["number"].as_i64().unwrap()).unwrap()
    };
    let both = both.to_string();
    assert_eq!(fulfil(OLGA, &both, number("west")).await.status, 422, "it is another's parcel");
    let first = fulfil(OLGA, &both, number("east")).await;
    assert_eq!((first.status, &first.body["status"]), (200, &json!("on_hold")), "{}", first.body);
    let second = fulfil(OTTO, &both, number("west")).await;
    assert_eq!((second.status, &second.body["status"]), (200, &json!("fulfilling")), "{}", second.body);
    let entries = trail(&app, &both).await;
    assert_eq!((&entries[0]["who"], &entries[1]["who"]), (&json!("otto"), &json!("olga")));
    assert_eq!(entries[1]["before"]["shipments"][0]["tracking_number"], Value::Null);
    let retry = json!({"reason": "again"});
    let path = format!("/orders/{one}/steps/buy_label/retry");
    assert_eq!(ask(&app, Method::POST, &path, OTTO, Some(retry.clone()), "").await.status, 404);
    assert_eq!(ask(&app, Method::DELETE, &format!("/orders/{one}"), OTTO, None, "").await.status, 404);
    let trail = trail(&app, "east").await;
    assert_eq!((&trail[0]["what"], &trail[0]["after"]["operators"]), (&json!("assign_operators"), &json!(["olga"])));
    assert_eq!(assign("east", json!([])).await, 200);
    assert_eq!(get(OLGA, &format!("/orders/{one}")).await.status, 404, "she works there no more");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_staff_changes_says_how_it_was_and_why(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let put = async |path: &str, body: Value| {
        let answer = ask(&app, Method::PUT, path, BOSS, Some(body), "").await;
        assert_eq!(answer.status, 200, "{path} {}", answer.body);
    };
    let product =
        json!({"sku": "SKU-camera", "name": "camera", "unit_price": "129.99", "grams": 400, "reason": "season's end"});
    put("/api/v1/products/camera", product).await;
    let entry = &trail(&app, "camera").await[0];
    assert_eq!((&entry["before"]["unit_minor"], &entry["after"]["unit_minor"]), (&json!(14_599), &json!(12_999)));
    assert_eq!((&entry["before"]["sku"], &entry["why"]), (&json!("SKU-camera"), &json!("season's end")));
    let warehouse = json!({"name": "East", "country": "CA", "shipment_cost": "6.00", "reason": "it moved"});
    put("/api/v1/warehouses/east", warehouse).await;
    let entry = &trail(&app, "east").await[0];
    assert_eq!((&entry["before"]["country"], &entry["after"]["country"]), (&json!("US"), &json!("CA")));
    assert_eq!((&entry["before"]["cost_minor"], &entry["after"]["cost_minor"]), (&json!(400), &json!(600)));
    assert_eq!((&entry["who"], &entry["why"]), (&json!("boss"), &json!("it moved")));
    let rule = json!({"sku": "SKU-camera", "warehouse_id": "east", "change": {"rule": {"reorder_point": 3, "reorder_quantity": 10, "safety": 1}}, "reference": "new rules"});
    assert_eq!(ask(&app, Method::POST, "/api/v1/stock", BOSS, Some(rule), "").await.status, 200);
    let entry = &trail(&app, "SKU-camera%20in%20east").await[0];
    assert_eq!((&entry["before"]["reorder_point"], &entry["after"]["reorder_point"]), (&json!(0), &json!(3)));
    assert_eq!(ask(&app, Method::GET, "/admin/orders/audit", OLGA, None, "").await.status, 403);
}
