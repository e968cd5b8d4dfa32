//! The rest of an order is given up: what was sent is closed, what was not is free again, and money is neither kept nor lost.

use std::sync::Arc;

use axum::http::Method;
use orders::domain::routing::Terms;
use orders::payments::Providers;
use serde_json::{Value, json};
use service_kit::auth::Role;
use shared_events::OrderId;
use shared_events::orders::{GiveUpRest, RefundWish};
use shared_events::outcome::Rejection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bank::Mood;
use crate::bed::{Bed, who};
use crate::http::{ANN, BOSS, app, ask};

/// The camera with its tax; of 193.59 in all.
const CAMERA: i64 = 16_059;
/// Two cables with their tax.
const CABLES: i64 = 3_300;

async fn give_up(bed: &Bed, id: OrderId) -> Result<Value, Rejection> {
    let wish = GiveUpRest { order_id: id, reason: "the last cables are broken".into(), by: who("boss") };
    bed.tell_as(&orders::give_up_rest::GiveUp, wish, "boss").await
}

/// An order whose camera has left from `east` and whose cables have not from `west`: nobody has paid for them.
async fn half_paid(bed: &Bed) -> OrderId {
    let id = half_sent(bed).await;
    bed.cheap.will(&[Mood::Decline]);
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "partially_shipped");
    id
}

/// An order whose camera has left from `east` and whose cables are about to leave from `west`.
async fn half_sent(bed: &Bed) -> OrderId {
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    bed.labels(id, 2).await.unwrap();
    let worker = bed.worker();
    while bed.stands(id).await.0 != "partially_shipped" {
        assert!(worker.run_next().await.unwrap(), "it does not leave: {:?}", bed.stands(id).await);
    }
    id
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_was_not_taken_is_let_go_and_the_order_is_what_was_sent(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = half_paid(&bed).await;
    // The answer to the release is lost: it is looked up and not asked for twice.
    bed.cheap.will(&[Mood::Lost]);
    let shown = give_up(&bed, id).await.unwrap();
    assert_eq!((&shown["status"], &shown["given_up_amount"]), (&json!("shipped"), &json!("33.00")));
    bed.run().await;
    assert_eq!((bed.cheap.done("capture"), bed.cheap.done("void")), ((1, CAMERA), (1, CABLES)));
    assert_eq!((bed.cheap.calls("void"), bed.cheap.done("refund")), (1, (0, 0)));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "west").await), ((0, 0), (2, 0)));
    bed.books_agree().await;
    let told = bed.slice.said().await;
    let told = &told.iter().find(|(kind, _)| kind == "orders.order_rest_given_up.v1").expect("it is told").1;
    assert_eq!((&told["goods_not_taken_minor"], &told["lines"][0]["line"]), (&json!(3_000), &json!(2)), "{told}");
    assert_eq!(give_up(&bed, id).await.unwrap_err().code, "order_state_conflict", "there is no rest any more");
    bed.set_status(id, "delivered").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "completed");
    // All that was taken is all that can be paid back, and then all of it is.
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund")), ("refunded", (1, CAMERA)));
    let mut work = bed.slice.work().await;
    let (who, why): (String, String) =
        sqlx::query_as("SELECT who, why FROM audit WHERE what = 'give_up_rest'").fetch_one(work.conn()).await.unwrap();
    assert_eq!((who.as_str(), why.as_str()), ("boss", "the last cables are broken"));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_a_gateway_took_whole_is_paid_back_as_far_as_it_was_not_sent(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let mut bed = Bed::new(pool, options).await;
    let terms = Terms {
        name: "cheap".into(),
        currencies: vec![],
        countries: vec![],
        methods: vec![],
        cost_basis_points: 100,
        cost_fixed_minor: 0,
        takes_parts: false,
    };
    bed.parts.providers = Providers::default().with(terms, Arc::new(bed.cheap.clone()));
    let id = half_sent(&bed).await;
    assert_eq!(bed.cheap.done("capture"), (1, CAMERA + CABLES));
    give_up(&bed, id).await.unwrap();
    bed.run().await;
    let shown = bed.shown(id).await;
    assert_eq!((&shown["status"], &shown["refunded_amount"]), (&json!("shipped"), &json!("33.00")), "{shown}");
    assert_eq!((bed.cheap.done("refund"), bed.cheap.calls("void")), ((1, CABLES), 0));
    assert_eq!(shown["given_up_amount"], Value::Null, "what was taken is refunded, not given up");
    bed.refund(id, RefundWish::Whole, false).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("refund").1), ("refunded", CAMERA + CABLES));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_may_be_leaving_is_not_given_up_and_what_is_not_paid_is(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = half_sent(&bed).await;
    assert_eq!(bed.set_status(id, "cancelled").await.unwrap_err().code, "order_state_conflict");
    let worker = bed.worker();
    // Nobody knows whether the second part is paid.
    bed.cheap.will(&[Mood::Deaf, Mood::Decline]);
    assert!(worker.run_next().await.unwrap());
    assert_eq!(give_up(&bed, id).await.unwrap_err().code, "order_state_conflict");
    bed.run().await;
    // It was not, and is not going to be: without somebody the order would be tried again every hour for ever.
    assert_eq!(bed.stands(id).await.0, "partially_shipped");
    give_up(&bed, id).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("capture")), ("shipped", (1, CAMERA)));
    let mut work = bed.slice.work().await;
    let open: i64 = sqlx::query_scalar("SELECT count(*) FROM order_tasks WHERE state IN ('open', 'claimed')")
        .fetch_one(work.conn())
        .await
        .unwrap();
    assert_eq!(open, 0, "nobody has to talk to the gateway any more");
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_arrived_before_is_closed_at_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = half_paid(&bed).await;
    let mut work = bed.slice.work().await;
    sqlx::query("UPDATE shipments SET state = 'delivered', delivered_at = now() WHERE state = 'dispatched'")
        .execute(work.conn())
        .await
        .unwrap();
    work.commit().await.unwrap();
    let (app, path) = (app(&bed), format!("/api/v1/orders/{id}/give-up-rest/"));
    let why = Some(json!({"reason": "there are no more"}));
    for (who, status) in [(ANN, 403), (Some(("joe", Role::Operator)), 403), (None, 401), (BOSS, 200)] {
        assert_eq!(ask(&app, Method::POST, &path, who, why.clone(), "").await.status, status, "{who:?}");
    }
    assert_eq!(ask(&app, Method::POST, &path, BOSS, Some(json!({"reason": ""})), "").await.status, 422);
    bed.run().await;
    assert_eq!(bed.stands(id).await.0, "completed", "nothing will come that it could wait for");
}
