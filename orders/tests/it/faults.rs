//! What may go wrong around an order: several workers at one step, answers that are lost, clocks that jump. At the end the gateway's books and
//! ours agree, and nothing is stuck.

use chrono::TimeDelta;
use sandbox::gateway::Books;
use shared_events::orders::Steer;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::Bed;
use crate::shop::Shop;

/// Two cables: 30.00, tax 3.00, shipping 10.00.
const CABLES: i64 = 4_300;

/// Medusa's double capture: two workers, the same step, an answer that is lost between the gateway and the commit.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn many_workers_and_lost_answers_take_the_money_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let shop = Shop::open(pool, options).await;
    let bed = &shop.bed;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(shop.place("cable", &[("paypal", "vault:saved")]).await);
    }
    bed.run().await;
    for id in &ids {
        assert_eq!(bed.stands(*id).await.2, "buy_label", "{:?}", bed.shown(*id).await);
        bed.labels(*id, 1).await.unwrap();
    }
    for _ in 0..3 {
        shop.paypal.fail("POST capture", "accept_then_hang");
    }
    let worker = bed.worker();
    let run = |worker: service_kit::jobs::Worker| async move { while worker.run_next().await.unwrap() {} };
    futures::future::join_all((0..6).map(|_| tokio::spawn(run(worker.clone())))).await;
    bed.run().await;
    for id in &ids {
        assert_eq!(bed.stands(*id).await.0, "shipped", "{:?}", bed.shown(*id).await);
    }
    assert_eq!(shop.books("paypal"), Books { held: 0, captured: 3 * CABLES, refunded: 0 });
    assert_eq!(bed.said("payment_captured").await, 3);
    shop.agree().await;
}

/// Forty days at once: every timer rings, each once, and whatever had begun goes on from there. Ten minutes back: what was due waits for
/// them to pass again, and is not lost.
#[sqlx::test(migrator = "migrations::ORDERS")]
async fn a_clock_that_jumps_ahead_and_back_loses_and_repeats_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.receive("cable", "east", 2).await;
    let promised = bed.place(bed.order(&[("cable", 1)])).await;
    bed.run().await;
    let fresh = bed.place(bed.order(&[("cable", 1)])).await;
    bed.slice.clock.advance(TimeDelta::days(40));
    bed.run().await;
    // The promise of money is over and was let go; the order says what it waits for.
    let (status, _, step) = bed.stands(promised).await;
    assert_eq!((status.as_str(), step.as_str()), ("on_hold", "authorize_payment"));
    assert_eq!((bed.cheap.done("void"), bed.stands(fresh).await.2.as_str()), ((1, 2_650), "buy_label"));
    // Something is begun in a time that then turns out to lie ahead.
    bed.slice.clock.advance(TimeDelta::minutes(10));
    bed.steer(promised, "authorize_payment", Steer::Retry).await.unwrap();
    bed.labels(fresh, 1).await.unwrap();
    bed.slice.clock.advance(-TimeDelta::minutes(10));
    for _ in 0..6 {
        bed.run().await;
    }
    assert_eq!((bed.stands(promised).await.2.as_str(), bed.stands(fresh).await.0.as_str()), ("buy_label", "shipped"));
    bed.labels(promised, 1).await.unwrap();
    bed.run().await;
    assert_eq!(bed.stands(promised).await.0, "shipped");
    // Three promises, of which one was let go, and two that were kept.
    let asked = ["authorize", "void", "capture"].map(|purpose| bed.cheap.done(purpose));
    assert_eq!(asked, [(3, 7_950), (1, 2_650), (2, 5_300)]);
    assert_eq!(bed.in_stock("cable", "east").await, (0, 0));
    bed.books_agree().await;
}
