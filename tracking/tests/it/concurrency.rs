//! Many at once, and two processes on one database.

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;

use crate::world::{World, click, purchase};

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_click_and_a_purchase_in_two_processes_do_not_miss_each_other(
    pool: PgPoolOptions,
    connect: PgConnectOptions,
) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let other = world.second_process();
    for n in 0..40 {
        let user = format!("u{n}");
        let (mut click, mut purchase) = (click(&format!("c{n}"), "p1", 0), purchase(&format!("b{n}"), 5));
        (click["user_id"], purchase["user_id"]) = (json!(user), json!(user));
        tokio::join!(world.record(click), other.record(purchase));
        assert_eq!(world.event(&format!("b{n}")).await["attribution"]["state"], "attributed", "{n}");
    }
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn the_same_events_sent_to_two_processes_count_once(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let other = world.second_process();
    let mut requests = JoinSet::new();
    for n in 0..200 {
        let app = if n % 2 == 0 { world.app.clone() } else { other.app.clone() };
        let id = format!("e{}", n / 4);
        let event = json!({"event_id": id, "event_type": "purchase", "amount": 10, "partner": "p1", "user_id": "u", "order_id": id});
        requests.spawn(async move {
            let request = crate::world::post("application/json", event.to_string());
            tower::ServiceExt::oneshot(app, request).await.expect("infallible").status().as_u16()
        });
    }
    let statuses = requests.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 50, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 150);
    assert_eq!((world.count("demo").await, world.said().await.len()), (50, 50));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn refunds_in_two_processes_never_exceed_the_purchase(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let other = world.second_process();
    world.record(purchase("buy", 0)).await;
    let mut requests = JoinSet::new();
    for n in 0..20 {
        let app = if n % 2 == 0 { world.app.clone() } else { other.app.clone() };
        let refund = json!({"event_id": format!("r{n}"), "event_type": "refund", "order_id": "order-buy", "amount": 9});
        requests.spawn(async move {
            let request = crate::world::post("application/json", refund.to_string());
            tower::ServiceExt::oneshot(app, request).await.expect("infallible").status().as_u16()
        });
    }
    let statuses = requests.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 11, "{statuses:?}");
    assert_eq!(world.event("buy").await["refunded_minor"], 9_900);
    let sequences: Vec<u64> = world.said().await.iter().map(|(_, sequence, _)| *sequence).collect();
    assert_eq!(sequences, (1..=12).collect::<Vec<u64>>());
}
