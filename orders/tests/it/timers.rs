//! Timers: reservations end, tasks are escalated, promises of money are renewed; by the clock, and after a restart as before.

use chrono::TimeDelta;
use shared_events::orders::Steer;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bank::Mood;
use crate::bed::Bed;

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn stock_of_an_unpaid_order_is_free_after_a_quarter_of_an_hour(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    bed.cheap.will(&[Mood::Decline]);
    bed.dear.will(&[Mood::Decline]);
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.in_stock("cable", "east").await), ("authorize_payment", (1, 1)));
    bed.slice.clock.advance(TimeDelta::minutes(10));
    bed.run().await;
    assert_eq!(bed.in_stock("cable", "east").await, (1, 1), "too early");
    bed.slice.clock.advance(TimeDelta::minutes(3));
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.in_stock("cable", "east").await), ("reserve_stock", (1, 0)));
    assert_eq!((bed.stands(id).await.0.as_str(), bed.said("stock_released").await), ("on_hold", 1));
    // A person tries again: stock first, then the money.
    bed.steer(id, "reserve_stock", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.1.as_str(), bed.stands(id).await.2.as_str()), ("payment", "authorize_payment"));
    bed.steer(id, "authorize_payment", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.in_stock("cable", "east").await), ("buy_label", (1, 1)));
    // Paid: the reservation is kept however long it takes.
    bed.slice.clock.advance(TimeDelta::hours(3));
    bed.run().await;
    assert_eq!(bed.in_stock("cable", "east").await, (1, 1));
    bed.books_agree().await;
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_task_that_nobody_decides_is_escalated_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("watch", "east", 1).await;
    let id = bed.place(bed.order(&[("watch", 1)])).await;
    bed.run().await;
    assert_eq!(bed.said("order_task_escalated").await, 0);
    bed.slice.clock.advance(TimeDelta::hours(4));
    bed.run().await;
    bed.run().await;
    assert_eq!((bed.said("order_task_escalated").await, bed.stands(id).await.0.as_str()), (1, "on_hold"));
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn what_never_arrives_is_asked_about(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 2).await;
    let (lost, arrived) = (bed.place(bed.order(&[("cable", 1)])).await, bed.place(bed.order(&[("cable", 1)])).await);
    bed.run().await;
    for id in [lost, arrived] {
        bed.labels(id, 1).await.unwrap();
    }
    bed.run().await;
    bed.set_status(arrived, "delivered").await.unwrap();
    bed.slice.clock.advance(TimeDelta::days(29));
    bed.run().await;
    assert_eq!(bed.said("order_task_opened").await, 0, "parcels take their time");
    bed.slice.clock.advance(TimeDelta::days(1));
    bed.run().await;
    let mut work = bed.slice.work().await;
    let asked: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT order_id FROM order_tasks").fetch_all(work.conn()).await.unwrap();
    assert_eq!(asked, [lost.0]);
}

#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_promise_of_money_is_renewed_before_it_lapses(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 1).await;
    let id = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    bed.slice.clock.advance(TimeDelta::days(6));
    bed.run().await;
    // The order waits for its label, so the money is asked for again only when it goes on.
    assert_eq!((bed.cheap.done("void"), bed.cheap.done("authorize")), ((1, 2_650), (1, 2_650)));
    let (status, _, step) = bed.stands(id).await;
    assert_eq!((status.as_str(), step.as_str()), ("on_hold", "authorize_payment"));
    bed.steer(id, "authorize_payment", Steer::Retry).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.2.as_str(), bed.cheap.done("authorize")), ("buy_label", (2, 5_300)));
    bed.labels(id, 1).await.unwrap();
    bed.run().await;
    assert_eq!((bed.stands(id).await.0.as_str(), bed.cheap.done("capture")), ("shipped", (1, 2_650)));
}
