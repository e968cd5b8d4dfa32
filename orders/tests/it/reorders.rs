//! What runs low is written down to be ordered, once, until it came in.

use std::sync::Arc;

use axum::http::Method;
use orders::config::Config;
use serde_json::{Value, json};
use shared_events::orders::StockChange;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::Bed;
use crate::http::{ANN, BOSS, app, ask};

const RULE: StockChange = StockChange::Rule { reorder_point: 5, reorder_quantity: 20, safety: 0 };

async fn switched_on(pool: PgPoolOptions, options: PgConnectOptions) -> Bed {
    let mut bed = Bed::new(pool, options).await;
    bed.parts.config = Arc::new(Config { reorders: true, ..(*bed.parts.config).clone() });
    bed
}

async fn requests(bed: &Bed) -> Vec<Value> {
    let shown = ask(&app(bed), Method::GET, "/api/v1/reorders", BOSS, None, "").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    shown.body["requests"].as_array().unwrap().clone()
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn one_request_at_a_time_until_the_goods_came_in(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = switched_on(pool, options).await;
    bed.receive("cable", "east", 7).await;
    bed.stock("cable", "east", RULE).await.unwrap();
    bed.run().await;
    assert_eq!(requests(&bed).await, Vec::<Value>::new(), "seven are enough");
    bed.place(bed.order(&[("cable", 2)])).await;
    bed.run().await;
    let open = requests(&bed).await;
    assert_eq!(
        (open.len(), &open[0]["sku"], &open[0]["warehouse_id"], &open[0]["quantity"], &open[0]["available"]),
        (1, &json!("SKU-cable"), &json!("east"), &json!(20), &json!(5)),
    );
    // It crosses the point again while the request is open: there is still one.
    bed.receive("cable", "east", 3).await;
    bed.place(bed.order(&[("cable", 4)])).await;
    bed.run().await;
    let open = requests(&bed).await;
    assert_eq!((open.len(), &open[0]["status"], &open[0]["received"]), (1, &json!("open"), &json!(3)));
    // The rest comes in.
    bed.receive("cable", "east", 17).await;
    bed.run().await;
    let closed = requests(&bed).await;
    assert_eq!((closed.len(), &closed[0]["status"], &closed[0]["received"]), (1, &json!("received"), &json!(20)));
    // Low again: the next request.
    bed.place(bed.order(&[("cable", 18)])).await;
    bed.run().await;
    let listed = requests(&bed).await;
    assert_eq!((listed.len(), &listed[0]["status"], &listed[1]["status"]), (2, &json!("open"), &json!("received")));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_came_in_and_was_not_enough_is_asked_for_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = switched_on(pool, options).await;
    bed.stock("cable", "east", StockChange::Rule { reorder_point: 50, reorder_quantity: 20, safety: 0 }).await.unwrap();
    bed.run().await;
    bed.receive("cable", "east", 20).await;
    bed.run().await;
    let listed = requests(&bed).await;
    assert_eq!((listed.len(), &listed[0]["status"], &listed[0]["available"]), (2, &json!("open"), &json!(20)));
    // Another rule takes the place of what was asked for by the old one.
    bed.stock("cable", "east", StockChange::Rule { reorder_point: 50, reorder_quantity: 0, safety: 0 }).await.unwrap();
    bed.run().await;
    assert_eq!(requests(&bed).await[0]["status"], json!("dropped"));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn switched_off_nothing_is_written_down(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.stock("cable", "east", RULE).await.unwrap();
    bed.run().await;
    assert_eq!(
        (requests(&bed).await.len(), bed.said("reorder_suggested").await),
        (0, 1),
        "it is suggested all the same"
    );
    let app = app(&bed);
    assert_eq!(ask(&app, Method::GET, "/api/v1/reorders", ANN, None, "").await.status, 403);
    assert_eq!(ask(&app, Method::GET, "/api/v1/reorders", None, None, "").await.status, 401);
    let odd = ask(&app, Method::GET, "/api/v1/reorders?status=lost", BOSS, None, "").await;
    assert_eq!((odd.status, &odd.body["errors"][0]["field"]), (422, &json!("status")));
}
