//! Money that goes back.

use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::world::{World, purchase};

fn refund(event_id: &str, amount: Option<&str>) -> Value {
    json!({"event_id": event_id, "event_type": "refund", "order_id": "order-buy", "amount": amount})
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn refunds_keep_running_totals_and_never_exceed_the_purchase(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(purchase("buy", 0)).await;
    world.record(refund("r1", Some("30.00"))).await;
    let over = world.post(refund("r2", Some("70.01"))).await;
    assert_eq!((over.status, &over.body["errors"][0]["field"]), (422, &json!("amount")));
    assert_eq!(world.post(refund("r1", Some("30.00"))).await.body["status"], "duplicate");
    world.record(json!({"event_id": "r3", "event_type": "chargeback", "refers_to": "buy"})).await;
    assert_eq!(world.post(refund("r4", None)).await.status, 422);
    let totals: Vec<_> = world
        .said()
        .await
        .into_iter()
        .filter(|(kind, _, _)| kind == "tracking.conversion_refunded.v1")
        .map(|(_, sequence, fact)| {
            (sequence, fact["kind"].clone(), fact["amount"]["minor"].clone(), fact["refunded_total_minor"].clone())
        })
        .collect();
    assert_eq!(
        totals,
        [(2, json!("refund"), json!(3_000), json!(3_000)), (3, json!("chargeback"), json!(7_000), json!(10_000))]
    );
    assert_eq!((&world.event("buy").await["refunded_minor"], world.count("demo").await), (&json!(10_000), 3));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_refund_waits_for_its_purchase(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    world.record(json!([refund("r1", Some("30.00")), {"event_id": "r2", "event_type": "refund", "refers_to": "buy", "amount": 20}])).await;
    world.clock.advance(chrono::TimeDelta::seconds(1));
    world.record(refund("r3", Some("60.00"))).await;
    assert_eq!(world.event("r1").await["attribution"]["state"], "pending");
    assert!(world.said().await.is_empty());
    world.record(purchase("buy", 0)).await;
    for (id, state) in [("r1", "applied"), ("r2", "applied"), ("r3", "refused")] {
        assert_eq!(world.event(id).await["attribution"]["state"], state, "{id}");
    }
    let sequences: Vec<u64> = world.said().await.iter().map(|(_, sequence, _)| *sequence).collect();
    assert_eq!((sequences, &world.event("buy").await["refunded_minor"]), (vec![1, 2, 3], &json!(5_000)));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_second_purchase_under_an_order_is_told(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let with_partner = |event_id: &str| {
        let mut purchase = purchase(event_id, 0);
        (purchase["order_id"], purchase["partner"]) = (json!("o"), json!("p1"));
        purchase
    };
    world.record(with_partner("a")).await;
    world.record(with_partner("b")).await;
    let said = world.said().await;
    assert_eq!(
        (&said[0].2["signals"]["duplicate_of"], &said[1].2["signals"]["duplicate_of"]),
        (&Value::Null, &said[0].2["conversion_id"])
    );
    world.record(json!({"event_type": "refund", "order_id": "o", "amount": 10})).await;
    assert_eq!(
        (&world.event("a").await["refunded_minor"], &world.event("b").await["refunded_minor"]),
        (&json!(1_000), &json!(0))
    );
}
