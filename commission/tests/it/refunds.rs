//! Money that goes back, before and after a payout.

use shared_events::tracking::Credit;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, partner, ten_percent};
use crate::payouts::{confirm, submit};

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn part_refunds_while_on_hold_take_the_remainder_at_the_end(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 1_000);
    bed.attribute(&sale).await;
    bed.refund(&sale, 333, 333).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 100, 33, 0, 0, 0)]);
    bed.refund(&sale, 333, 666).await;
    assert_eq!(bed.balance("ann").await.0, 34);
    bed.refund(&sale, 334, 1_000).await;
    assert_eq!(bed.rows(&sale).await, [("reversed".to_owned(), 100, 100, 0, 0, 0)]);
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 0, 0));
    assert_eq!(bed.release().await, 0, "nothing is left to approve");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refund_of_an_approved_commission_lowers_what_is_payable(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    bed.release().await;
    bed.refund(&sale, 2_500, 2_500).await;
    assert_eq!(bed.rows(&sale).await, [("approved".to_owned(), 1_000, 250, 0, 0, 0)]);
    assert_eq!(bed.balance("ann").await, (0, 750, 0, 0, 0));
    bed.refund(&sale, 7_500, 10_000).await;
    assert_eq!(bed.rows(&sale).await[0].0, "reversed");
    assert_eq!(bed.ask("ann", 1).await, Err("insufficient_balance".to_owned()));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refund_after_the_payout_is_owed_and_set_off_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let (paid, later) = (bed.sale("ann", 10_000), bed.sale("ann", 20_000));
    bed.attribute(&paid).await;
    bed.release().await;
    let payout = bed.ask("ann", 1_000).await.unwrap();
    submit(&bed).await;
    confirm(&bed, payout).await.unwrap();
    bed.refund(&paid, 4_000, 4_000).await;
    let rows = bed.rows(&paid).await;
    assert_eq!(rows, [("paid".to_owned(), 1_000, 0, 400, 1_000, 1_000), ("approved".to_owned(), -400, 0, 0, 0, 0)]);
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 1_000, -400), "the negative balance is carried forward in sight");
    bed.check().await;

    bed.attribute(&later).await;
    bed.release().await;
    assert_eq!(bed.ask("ann", 1_601).await, Err("insufficient_balance".to_owned()), "2,000 payable less 400 owed");
    let second = bed.ask("ann", 1_000).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 600, 1_000, 1_000, 0), "set off once, whole");
    assert_eq!(bed.rows(&paid).await[1], ("paid".to_owned(), -400, 0, 0, -400, -400));
    bed.check().await;
    submit(&bed).await;
    confirm(&bed, second).await.unwrap();
    assert_eq!(bed.ask("ann", 601).await, Err("insufficient_balance".to_owned()));
    bed.ask("ann", 600).await.unwrap();
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refund_during_a_payout_takes_the_free_part_first(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    bed.release().await;
    bed.ask("ann", 700).await.unwrap();
    bed.refund(&sale, 5_000, 5_000).await;
    let rows = bed.rows(&sale).await;
    assert_eq!(rows, [("in_payout".to_owned(), 1_000, 300, 200, 700, 0), ("approved".to_owned(), -200, 0, 0, 0, 0)]);
    bed.refund(&sale, 5_000, 10_000).await;
    assert_eq!(bed.balance("ann").await, (0, 0, 700, 0, -700), "all of it is owed while the payout is under way");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn the_same_refund_counts_once_and_shares_are_taken_from_each(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sale = bed.sale("ann", 10_000);
    let credit = |name, weight_bps| Credit { partner: partner(name), weight_bps, click: None };
    sale.credits = vec![credit("ann", 6_000), credit("bob", 4_000)];
    bed.attribute(&sale).await;
    let refund = shared_events::tracking::ConversionRefunded {
        conversion_id: sale.conversion_id,
        refund_id: shared_events::TrackingEventId(uuid::Uuid::now_v7()),
        kind: shared_events::tracking::RefundKind::Chargeback,
        amount: crate::bed::usd(5_000),
        refunded_total_minor: 5_000,
        purchase_minor: 10_000,
        occurred_at: sale.occurred_at,
    };
    for _ in 0..2 {
        bed.handle(&commission::refund::TakeRefund, refund.clone(), None).await.unwrap();
    }
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0), (300, 200));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refund_of_what_nobody_brought_is_only_recorded(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.refund(&sale, 2_000, 2_000).await;
    assert!(bed.rows(&sale).await.is_empty());
    assert!(bed.said().await.is_empty());
    // Attributed later after all, it is worked out as if the refund had come afterwards.
    bed.attribute(&sale).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 1_000, 200, 0, 0, 0)]);
    bed.check().await;
}
