//! Orders that were placed here: conversions like any other, and refunds that take their part.

use serde_json::{Value, json};
use service_kit::handler::{Delivered, Failure, Handles, HandlesRun};
use shared_events::orders::{
    Channel, OrderCancelled, OrderPlaced, OrderRefundFailed, OrderRefunded, OrderRestGivenUp, SoldLine,
};
use shared_events::{Currency, Envelope, Message, MessageId, Money, OrderId, RefundId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tracking::record_orders::RecordOrders;
use uuid::Uuid;

use crate::world::{World, click, tenant};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn placed(order: u128, click_id: Option<&str>, coupon: Option<&str>) -> OrderPlaced {
    OrderPlaced {
        order_id: OrderId(Uuid::from_u128(order)),
        customer_id: "u".into(),
        channel: Channel::Shop,
        lines: vec![SoldLine { line: 1, sku: "SKU1".into(), quantity: 1, net_minor: 10_000 }],
        goods: usd(10_000),
        total: usd(12_000),
        click_id: click_id.map(str::to_owned),
        coupon: coupon.map(str::to_owned),
        email: None,
    }
}

fn refunded(order: u128, minor: i64, upto: i64) -> OrderRefunded {
    OrderRefunded {
        order_id: OrderId(Uuid::from_u128(order)),
        refund_id: RefundId(Uuid::now_v7()),
        amount: usd(minor),
        refunded_total_minor: upto,
        total_minor: 12_000,
        lines: vec![],
        restock: true,
        goods_minor: Some(10_000),
        goods_refunded_minor: None,
        marketplace_units: vec![],
    }
}

fn deliver<M: Message>(world: &World, data: M) -> Delivered<M> {
    let now = world.store.now() + chrono::TimeDelta::minutes(5);
    Delivered {
        envelope: Envelope::begin("/services/orders", &data, MessageId(Uuid::now_v7()), tenant("demo"), now),
        data,
    }
}

async fn place(world: &World, orders: Vec<OrderPlaced>) {
    let run: Vec<_> = orders.into_iter().map(|order| deliver(world, order)).collect();
    let mut work = world.store.read(&tenant("demo")).await.expect("the database is there");
    RecordOrders::default().handle_run(&mut work, &run).await.expect("the database is there");
    work.commit().await.expect("the database is there");
}

async fn tell<M: Message>(world: &World, data: M) -> Result<(), Failure>
where
    RecordOrders: Handles<M>,
{
    let message = deliver(world, data);
    let mut work = world.store.read(&tenant("demo")).await?;
    RecordOrders::default().handle(&mut work, &message).await?;
    Ok(work.commit().await?)
}

fn kinds(said: &[(String, u64, Value)]) -> Vec<&str> {
    said.iter().map(|(kind, ..)| kind.trim_start_matches("tracking.conversion_").trim_end_matches(".v1")).collect()
}

/// What went back, in order.
fn parts(said: &[(String, u64, Value)]) -> Vec<i64> {
    said.iter().filter_map(|(_, _, fact)| fact["kind"].as_str().and(fact["amount"]["minor"].as_i64())).collect()
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn an_order_is_its_clicks_and_refunds_take_their_part(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    let mut clicked = click("c1", "p1", 0);
    clicked["click_id"] = json!("click-1");
    world.record(clicked).await;
    place(&world, vec![placed(1, Some("click-1"), None), placed(2, None, None)]).await;
    place(&world, vec![placed(1, Some("click-1"), None)]).await;
    let said = world.said().await;
    assert_eq!(kinds(&said), ["attributed"], "the second order was brought by nobody, the third is the first");
    let fact = &said[0].2;
    assert_eq!((&fact["credits"][0]["partner"], &fact["amount"]["minor"]), (&json!("p1"), &json!(10_000)), "{fact}");
    tell(&world, refunded(1, 4_001, 4_001)).await.unwrap();
    tell(&world, refunded(1, 7_999, 12_000)).await.unwrap();
    tell(&world, refunded(2, 12_000, 12_000)).await.unwrap();
    let said = world.said().await;
    assert_eq!((kinds(&said), parts(&said)), (vec!["attributed", "refunded", "refunded"], vec![3_334, 6_666]));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn what_a_refund_says_of_goods_is_what_goes_back(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    place(&world, vec![placed(1, None, Some("nobody's"))]).await;
    let of_goods = |minor, upto, goods| OrderRefunded { goods_refunded_minor: Some(goods), ..refunded(1, minor, upto) };
    // Shipping goes back, then an article, then the rest.
    tell(&world, of_goods(1_000, 1_000, 0)).await.unwrap();
    tell(&world, of_goods(4_950, 5_950, 4_500)).await.unwrap();
    tell(&world, of_goods(6_050, 12_000, 5_500)).await.unwrap();
    assert_eq!(parts(&world.said().await), vec![4_500, 5_500]);
}

/// The rest was never paid, so nobody earned on it; what was sent can go back later, and no more than that.
#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_rest_that_was_given_up_is_taken_back(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    place(&world, vec![placed(1, None, Some("nobody's"))]).await;
    let rest = |order: u128, minor, goods| OrderRestGivenUp {
        order_id: OrderId(Uuid::from_u128(order)),
        lines: vec![],
        not_taken: usd(minor),
        goods_not_taken_minor: goods,
        reason: "broken".into(),
        by: "boss".into(),
    };
    tell(&world, rest(1, 3_600, 3_000)).await.unwrap();
    tell(&world, rest(2, 3_600, 3_000)).await.unwrap();
    tell(&world, OrderRefunded { goods_refunded_minor: Some(7_000), ..refunded(1, 8_400, 8_400) }).await.unwrap();
    assert_eq!(parts(&world.said().await), vec![3_000, 7_000]);
    // Where all had been taken before, its refund tells what goes back.
    place(&world, vec![placed(3, None, Some("nobody's"))]).await;
    tell(&world, rest(3, 0, 0)).await.unwrap();
    assert_eq!(parts(&world.said().await).len(), 2);
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn a_refund_that_was_not_paid_is_withdrawn_once(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    place(&world, vec![placed(1, None, Some("nobody's"))]).await;
    let first = OrderRefunded { goods_refunded_minor: Some(4_000), ..refunded(1, 4_000, 4_000) };
    let failed = OrderRefundFailed {
        order_id: first.order_id,
        refund_id: first.refund_id,
        amount: first.amount,
        refunded_total_minor: 0,
        was_told: true,
        reason: "account closed".into(),
    };
    tell(&world, failed.clone()).await.unwrap();
    assert_eq!(parts(&world.said().await), [0; 0], "nothing was told before, so nothing is withdrawn");
    tell(&world, first).await.unwrap();
    tell(&world, failed.clone()).await.unwrap();
    tell(&world, failed).await.unwrap();
    let said = world.said().await;
    assert_eq!(kinds(&said), ["unattributed", "refunded", "refund_withdrawn"]);
    let (_, version, withdrawn) = &said[2];
    assert_eq!((&withdrawn["amount"]["minor"], &withdrawn["refunded_total_minor"]), (&json!(4_000), &json!(0)));
    assert!(*version > said[1].1, "said after the refund that it withdraws");
    assert_eq!(withdrawn["refund_id"], said[1].2["refund_id"]);
    // The whole purchase can be refunded again, and no more than that.
    tell(&world, OrderRefunded { goods_refunded_minor: Some(10_000), ..refunded(1, 12_000, 12_000) }).await.unwrap();
    let last = world.said().await.pop().unwrap().2;
    assert_eq!((&last["amount"]["minor"], &last["refunded_total_minor"]), (&json!(10_000), &json!(10_000)));
}

#[sqlx::test(migrator = "migrations::TRACKING")]
async fn what_is_given_up_is_taken_back_and_the_rest_is_never_exceeded(pool: PgPoolOptions, connect: PgConnectOptions) {
    let world = World::new(pool, connect).await.with_campaign().await;
    place(&world, vec![placed(1, None, Some("nobody's")), placed(2, None, Some("nobody's"))]).await;
    let cancelled = |order| OrderCancelled {
        order_id: OrderId(Uuid::from_u128(order)),
        reason: "changed my mind".into(),
        by: "ann".into(),
    };
    tell(&world, cancelled(1)).await.unwrap();
    tell(&world, cancelled(3)).await.unwrap();
    // The shop reports a refund of the same order itself.
    let order = Uuid::from_u128(2).to_string();
    world.record(json!({"event_type": "refund", "order_id": order, "amount": "60.00"})).await;
    tell(&world, refunded(2, 6_000, 6_000)).await.unwrap();
    tell(&world, refunded(2, 6_000, 12_000)).await.unwrap();
    let said = world.said().await;
    assert_eq!(parts(&said), [10_000, 6_000, 4_000], "{said:?}");
    let forged = json!({"event_type": "lead", "source": "recoup-orders", "event_id": "x"});
    assert_eq!(world.post(forged).await.body["errors"][0]["field"], "source");
}
