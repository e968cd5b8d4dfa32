//! Refunded goods that a marketplace had sent: the clock of their return.

use chrono::TimeDelta;
use claims::return_clock::{StartClocks, Tick};
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::jobs::Worker;
use shared_events::orders::{MarketplaceUnits, OrderRefundFailed, OrderRefunded};
use shared_events::{Currency, Money, OrderId, RefundId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::service::{app, slice};

fn refunded(units: &[(&str, i64)]) -> OrderRefunded {
    let usd = |minor| Money::new(minor, Currency::USD);
    let units = units.iter().map(|(marketplace, quantity)| MarketplaceUnits {
        marketplace: (*marketplace).to_owned(),
        line: 1,
        sku: "SKU1".into(),
        quantity: *quantity,
        amount: usd(2_999),
    });
    OrderRefunded {
        order_id: OrderId(Uuid::from_u128(1)),
        refund_id: RefundId(Uuid::from_u128(2)),
        amount: usd(2_999),
        refunded_total_minor: 2_999,
        total_minor: 2_999,
        lines: vec![],
        restock: false,
        goods_minor: Some(2_500),
        goods_refunded_minor: None,
        marketplace_units: units.collect(),
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn the_clock_runs_by_the_policy_and_its_timer_rings_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let (app, path) = (app(&slice), "/api/v1/claims/returns");
    slice.handle(&StartClocks, refunded(&[("US", 2)])).await.unwrap();
    slice.handle(&StartClocks, refunded(&[("US", 2)])).await.unwrap();
    let list = slice.get(&app, path, Role::Seller).await;
    let clock = &list.body["returns"][0];
    assert_eq!(list.body["returns"].as_array().map(Vec::len), Some(1), "told twice, started once");
    assert_eq!((&clock["state"], &clock["units"]), (&json!("running"), &json!(2)));
    let at = |name: &str| clock[name].as_str().and_then(|text| text.parse().ok());
    let (opens, closes): (chrono::DateTime<chrono::Utc>, _) = (at("opens_at").unwrap(), at("closes_at").unwrap());
    let days = (opens - slice.store.now()).num_days();
    assert!((58..=60).contains(&days), "60 days in the marketplace's zone: {clock}");
    let worker = Worker::new(slice.store.clone()).on(Tick);
    let state = async || slice.get(&app, path, Role::Seller).await.body["returns"][0]["state"].clone();
    slice.clock.set(opens - TimeDelta::seconds(1));
    assert!(!worker.run_next().await.unwrap(), "it is not time yet");
    slice.clock.set(opens);
    while worker.run_next().await.unwrap() {}
    assert_eq!(state().await, "overdue");
    slice.clock.set(closes);
    while worker.run_next().await.unwrap() {}
    assert_eq!(state().await, "overdue", "the last second counts");
    slice.clock.advance(TimeDelta::seconds(1));
    while worker.run_next().await.unwrap() {}
    assert_eq!(state().await, "closed");
    let said: Vec<String> = slice.said().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(said, ["claims.return_clock_started.v1", "claims.return_overdue.v1"]);
    assert_eq!(slice.of_tenant("other").get(&app, path, Role::Manager).await.body["returns"], json!([]));
    assert_eq!(slice.get(&app, path, Role::Partner).await.status, 403);
    assert_eq!(slice.get(&app, "/api/v1/claims/returns?state=gone", Role::Seller).await.status, 422);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_refund_that_was_not_paid_ends_its_clock(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    let (app, path) = (app(&slice), "/api/v1/claims/returns");
    let refunded = refunded(&[("US", 2)]);
    slice.handle(&StartClocks, refunded.clone()).await.unwrap();
    let failed = |refund: u128| OrderRefundFailed {
        order_id: refunded.order_id,
        refund_id: RefundId(Uuid::from_u128(refund)),
        amount: refunded.amount,
        refunded_total_minor: 0,
        was_told: true,
        reason: "account closed".into(),
    };
    let state = async || slice.get(&app, path, Role::Seller).await.body["returns"][0]["state"].clone();
    slice.handle(&StartClocks, failed(3)).await.unwrap();
    assert_eq!(state().await, "running", "another refund of the order says nothing about this one");
    slice.handle(&StartClocks, failed(2)).await.unwrap();
    assert_eq!(state().await, "closed");
    slice.clock.advance(TimeDelta::days(61));
    let worker = Worker::new(slice.store.clone()).on(Tick);
    while worker.run_next().await.unwrap() {}
    assert_eq!(state().await, "closed", "its timer does not wake it");
    let said: Vec<String> = slice.said().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(said, ["claims.return_clock_started.v1"], "the marketplace owes nothing");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_place_without_a_policy_is_kept_and_says_so(pool: PgPoolOptions, options: PgConnectOptions) {
    let slice = slice(pool, options).await;
    slice.handle(&StartClocks, refunded(&[("XX", 1), ("US", 0)])).await.unwrap();
    let list = slice.get(&app(&slice), "/api/v1/claims/returns", Role::Seller).await;
    assert_eq!(list.body["returns"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list.body["returns"][0]["state"], &list.body["returns"][0]["opens_at"]),
        (&json!("unknown"), &Value::Null)
    );
}
