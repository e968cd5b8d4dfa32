//! The usual way of an order, and the same way with deaths at every step.

use chrono::TimeDelta;
use serde_json::json;
use shared_events::orders::Steer;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bank::Mood;
use crate::bed::{Bed, usd};

fn stands(status: &str, hold: &str, step: &str) -> (String, String, String) {
    (status.into(), hold.into(), step.into())
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn an_order_goes_from_placed_to_completed(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 5).await;
    bed.receive("cable", "east", 5).await;
    let order = bed.order(&[("camera", 1), ("cable", 2)]);
    let id = order.order_id;
    let placed = bed.tell(&orders::place_order::Place, order.clone()).await.unwrap();
    let amounts = ["subtotal", "tax_amount", "shipping_amount", "total_amount"].map(|name| placed[name].clone());
    assert_eq!(amounts, [json!("175.99"), json!("17.60"), json!("0.00"), json!("193.59")]);
    assert_eq!((&placed["status"], &placed["items"][1]["total_price"]), (&json!("placed"), &json!("30.00")));
    assert_eq!(bed.tell(&orders::place_order::Place, order).await.unwrap_err().code, "order_exists");
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("on_hold", "carrier", "buy_label"));
    assert_eq!(bed.cheap.done("authorize"), (1, 19_359));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "east").await), ((5, 1), (5, 2)));
    assert_eq!(bed.labels(id, 0).await.unwrap_err().code, "order_state_conflict");
    assert_eq!(bed.labels(id, 2).await.unwrap_err().code, "unknown_shipment");
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("shipped", "", "close"));
    assert_eq!((bed.cheap.done("capture"), bed.dear.calls("authorize")), ((1, 19_359), 0));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "east").await), ((4, 0), (3, 0)));
    assert_eq!(bed.shown(id).await["captured_amount"], "193.59");
    bed.set_status(id, "delivered").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("completed", "", ""));
    bed.books_agree().await;
    let said: Vec<String> = bed.slice.said().await.into_iter().map(|(kind, _)| kind).collect();
    let order_events = [
        "order_placed",
        "order_confirmed",
        "stock_reserved",
        "payment_authorized",
        "order_held",
        "order_released",
        "payment_captured",
        "shipment_dispatched",
        "order_dispatched",
        "order_delivered",
        "order_completed",
    ];
    let named: Vec<&str> = said.iter().map(|kind| kind.trim_start_matches("orders.").trim_end_matches(".v1")).collect();
    assert_eq!(named, order_events);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_arrives_before_the_customer_was_told_is_closed_all_the_same(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    let id = bed.place(bed.order(&[("camera", 1)])).await;
    bed.run().await;
    bed.labels(id, 1).await.unwrap();
    // The process dies when the money was taken: the step is then run alone.
    bed.cheap.will(&[Mood::Kill]);
    let worker = bed.worker();
    while bed.stands(id).await.0 != "shipped" {
        if !worker.run_next().await.unwrap() {
            bed.slice.clock.advance(TimeDelta::seconds(1));
        }
    }
    assert_eq!(bed.stands(id).await, stands("shipped", "", "notify"));
    bed.set_status(id, "delivered").await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("completed", "", ""));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn two_warehouses_are_two_shipments_and_one_payment(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.run().await;
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("shipped", "", "close"));
    assert_eq!((bed.cheap.done("authorize"), bed.cheap.done("capture")), ((1, 19_359), (2, 19_359)));
    assert_eq!((bed.in_stock("camera", "east").await, bed.in_stock("cable", "west").await), ((0, 0), (0, 0)));
    assert_eq!(bed.said("shipment_dispatched").await, 2);
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn prices_are_the_catalogues_and_a_difference_names_the_line(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut order = bed.order(&[("camera", 1), ("cable", 2)]);
    order.items[1].unit_price = Some(usd(1_499).into());
    let refused = bed.tell(&orders::place_order::Place, order).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("price_conflict", Some("items[1].unit_price")));
    let refused = bed.tell(&orders::place_order::Place, bed.order(&[("nothing", 1)])).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("unknown_product", Some("items[0].product_id")));
    let mut order = bed.order(&[("cable", 1)]);
    order.expected_total = Some(usd(2_649).into());
    assert_eq!(bed.tell(&orders::place_order::Place, order).await.unwrap_err().code, "total_conflict");
    let mut order = bed.order(&[("cable", 1)]);
    order.shipping = Some(usd(0).into());
    assert_eq!(bed.tell(&orders::place_order::Place, order).await.unwrap_err().code, "own_rates_forbidden");
    let small = bed.tell(&orders::place_order::Place, bed.order(&[("cable", 1)])).await.unwrap();
    assert_eq!(
        ["tax_amount", "shipping_amount", "total_amount"].map(|name| small[name].clone()),
        [json!("1.50"), json!("10.00"), json!("26.50")]
    );
}

/// The process dies after each effect at the provider, before it can write the effect down: nothing happens twice.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_death_after_each_effect_repeats_none(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    bed.receive("cable", "west", 2).await;
    let id = bed.place(bed.order(&[("camera", 1), ("cable", 2)])).await;
    bed.cheap.will(&[Mood::Kill]);
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("on_hold", "carrier", "buy_label"));
    assert_eq!((bed.cheap.done("authorize"), bed.cheap.calls("authorize")), ((1, 19_359), 1));
    bed.cheap.will(&[Mood::Kill, Mood::Kill]);
    bed.labels(id, 2).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("shipped", "", "close"));
    assert_eq!((bed.cheap.done("capture"), bed.cheap.calls("capture")), ((2, 19_359), 2));
    assert_eq!(bed.said("payment_captured").await, 2);
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn short_stock_waits_for_a_person_who_tries_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("camera", "east", 1).await;
    let id = bed.place(bed.order(&[("camera", 2)])).await;
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("on_hold", "stock", "reserve_stock"));
    assert_eq!(bed.in_stock("camera", "east").await, (1, 0));
    assert_eq!(bed.steer(id, "reserve_stock", Steer::Skip).await.unwrap_err().code, "step_conflict");
    assert_eq!(bed.steer(id, "notify", Steer::Retry).await.unwrap_err().code, "step_conflict");
    bed.receive("camera", "west", 1).await;
    bed.steer(id, "reserve_stock", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("on_hold", "carrier", "buy_label"));
    bed.steer(id, "buy_label", Steer::Skip).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(id).await, stands("shipped", "", "close"));
}
