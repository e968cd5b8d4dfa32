//! What people have to look at although nobody asked for it, switches of the process, and a tenant's own rates.

use std::sync::Arc;

use axum::http::Method;
use orders::config::{Config, Parts};
use orders::decide_task::Decide;
use serde_json::{Value, json};
use shared_events::orders::{DecideOrderTask, FulfilOrder, HandedOver, Steer};
use shared_events::{OrderId, OrderTaskId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bank::Mood;
use crate::bed::{Bed, who};
use crate::http::{ANN, BOSS, app, ask};

async fn tasks(bed: &Bed, id: OrderId) -> Vec<(Uuid, String, String)> {
    let mut work = bed.slice.work().await;
    sqlx::query_as("SELECT id, kind, state::text FROM order_tasks WHERE order_id = $1 ORDER BY seq")
        .bind(id.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

async fn decide(bed: &Bed, task: Uuid, approve: bool) {
    let decision = DecideOrderTask { task_id: OrderTaskId(task), approve, reason: "looked".into(), by: who("bob") };
    bed.tell_as(&Decide, decision, "bob").await.unwrap();
}

/// An order in two shipments.
async fn in_two(bed: &Bed) -> OrderId {
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 1).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 1)])).await;
    bed.run().await;
    id
}

/// Labels of both shipments, with one number.
async fn same_number(bed: &Bed, id: OrderId) {
    let label = |shipment| HandedOver { shipment, carrier: "ups".into(), tracking_number: "1Z1".into() };
    let labels = FulfilOrder { order_id: id, shipments: vec![label(1), label(2)], only_in: None, by: who("carl") };
    bed.tell(&orders::fulfil_order::Fulfil, labels).await.unwrap();
    bed.run().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_the_quality_check_finds_is_for_a_person(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    for (approve, status) in [(true, "shipped"), (false, "cancelled")] {
        let id = in_two(&bed).await;
        same_number(&bed, id).await;
        assert_eq!(bed.stands(id).await, ("on_hold".into(), "quality".into(), "quality_check".into()));
        let (task, kind, _) = tasks(&bed, id).await.remove(0);
        assert_eq!(kind, "qc_exception");
        decide(&bed, task, approve).await;
        bed.run().await;
        assert_eq!(bed.stands(id).await.0, status);
    }
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_part_that_is_not_paid_is_a_task_and_can_be_tried_at_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = in_two(&bed).await;
    bed.labels(id, 2).await.unwrap();
    let worker = bed.worker();
    while bed.stands(id).await.0 != "partially_shipped" {
        assert!(worker.run_next().await.unwrap(), "it does not leave: {:?}", bed.stands(id).await);
    }
    bed.cheap.will(&[Mood::Decline, Mood::Decline]);
    bed.run().await;
    let (task, kind, state) = tasks(&bed, id).await.remove(0);
    assert_eq!((kind.as_str(), state.as_str()), ("payment_exception", "open"));
    assert_eq!(bed.stands(id).await.0, "partially_shipped");
    // A person has it tried again, in vain; then another one says that it was mended. Neither waits for the hour.
    bed.steer(id, "capture_payment", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), tasks(&bed, id).await.len()), ("partially_shipped", 1));
    decide(&bed, task, true).await;
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("capture").0), ("shipped", 2));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_refused_capture_is_tried_again_when_a_person_says_so(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    bed.cheap.will(&[Mood::Decline]);
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, ("on_hold".into(), "payment".into(), "capture_payment".into()));
    // It is done, nobody hears of it, and it is not done twice.
    bed.cheap.will(&[Mood::Lost]);
    bed.steer(id, "capture_payment", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("capture")), ("shipped", (1, 2_650)));
}

fn with(bed: &mut Bed, change: impl FnOnce(&mut Config)) {
    let mut config = (*bed.parts.config).clone();
    change(&mut config);
    bed.parts = Parts { config: Arc::new(config), ..bed.parts.clone() };
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn each_switch_switches(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    with(&mut bed, |config| (config.checks_quality, config.scores_fraud) = (false, false));
    let id = in_two(&bed).await;
    same_number(&bed, id).await;
    assert_eq!((bed.stands(id).await.0.as_str(), tasks(&bed, id).await.len()), ("shipped", 0));
    let mut work = bed.slice.work().await;
    let scored: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE fraud_score IS NOT NULL")
        .fetch_one(work.conn())
        .await
        .unwrap();
    drop(work);
    assert_eq!(scored, 0);
    with(&mut bed, |config| config.splits = false);
    let id = in_two(&bed).await;
    assert_eq!(bed.stands(id).await.1, "stock", "both are there, but not in one place");
    bed.receive("camera", "west", 1).await;
    bed.steer(id, "reserve_stock", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("camera", "west").await), ((1, 0), (1, 1)));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_tenants_own_rates_count_from_then_on(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let app = app(&bed);
    let put = async |path: &str, who, body: Value| ask(&app, Method::PUT, path, who, Some(body), "").await;
    let table = json!({"version": "ours", "tax": [{"country": "*", "basis_points": 2000}],
        "shipping": [{"method": "*", "currency": "*", "price": "4.00"}]});
    let body = json!({"rates": table, "reason": "new year"});
    assert_eq!(put("/api/v1/rates", ANN, body.clone()).await.status, 403);
    let mut wrong = body.clone();
    wrong["rates"]["tax"][0]["basis_points"] = json!(10_001);
    let refused = put("/api/v1/rates", BOSS, wrong).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_rates")), "{}", refused.body);
    assert_eq!(put("/api/v1/rates", BOSS, body).await.status, 200);
    let shown = ask(&app, Method::GET, "/api/v1/rates", BOSS, None, "").await.body;
    assert_eq!((&shown["rates"], &shown["is_own"]), (&table, &json!(true)));
    bed.receive("cable", "east", 1).await;
    let placed = bed.tell(&orders::place_order::Place, bed.order(&[("cable", 1)])).await.unwrap();
    let amounts = ["tax_amount", "shipping_amount", "total_amount"].map(|name| placed[name].clone());
    assert_eq!(amounts, [json!("3.00"), json!("4.00"), json!("22.00")]);
    let service = json!({"carrier": "pigeon", "service": "direct", "reach": "domestic", "base": "1.00", "per_kilogram": "0.10",
        "most_grams": 5000, "days": 1});
    let mut carriers = json!({"rates": {"version": "ours", "currency": "USD", "services": [service], "promises": []}, "reason": "a new carrier"});
    assert_eq!(put("/api/v1/carrier-rates", BOSS, carriers.clone()).await.status, 200);
    bed.run().await;
    let id: OrderId = serde_json::from_value(placed["id"].clone()).unwrap();
    let own = ask(&app, Method::GET, &format!("/orders/{id}"), BOSS, None, "").await.body;
    assert_eq!(own["shipments"][0]["carrier"], "pigeon");
    carriers["rates"]["services"][0]["base"] = json!("free");
    assert_eq!(put("/api/v1/carrier-rates", BOSS, carriers).await.body["code"], "invalid_rates");
    // Back to what is built in; the other table stays.
    assert_eq!(put("/api/v1/rates", BOSS, json!({"reason": "back"})).await.status, 200);
    for (path, is_own) in [("/api/v1/rates", false), ("/api/v1/carrier-rates", true)] {
        assert_eq!(ask(&app, Method::GET, path, BOSS, None, "").await.body["is_own"], json!(is_own), "{path}");
    }
    let trail = ask(&app, Method::GET, "/admin/orders/audit?subject=rates%20of%20customers", BOSS, None, "").await.body;
    assert_eq!((&trail["entries"][0]["why"], &trail["entries"][1]["why"]), (&json!("back"), &json!("new year")));
    assert_eq!((&trail["entries"][0]["before"], &trail["entries"][0]["after"]), (&table, &Value::Null));
}
