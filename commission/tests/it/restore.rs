//! Refunds that were not paid after all: partners have what was taken from them again, to the cent and once.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, ten_percent};
use crate::payouts::pay_out;

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_commission_on_hold_is_as_before_and_is_not_reversed_twice(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 3_000);
    bed.attribute(&sale).await;
    let first = bed.refunded(&sale, 1_000, 1_000);
    bed.refund_all(vec![first.clone()]).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 300, 100, 0, 0, 0)]);
    bed.withdraw(&first).await;
    bed.withdraw(&first).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 300, 0, 0, 0, 0)], "given back, once");
    assert_eq!(bed.balance("ann").await.0, 300);
    // The refund is paid at the second try.
    bed.refund(&sale, 1_000, 1_000).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 300, 100, 0, 0, 0)]);
    bed.check().await;
    let whole = bed.refunded(&sale, 2_000, 3_000);
    bed.refund_all(vec![whole.clone()]).await;
    assert_eq!(bed.rows(&sale).await[0].0, "reversed");
    bed.withdraw(&whole).await;
    assert_eq!(bed.rows(&sale).await, [("pending".to_owned(), 300, 100, 0, 0, 0)], "its hold goes on");
    assert_eq!(bed.release().await, 1);
    assert_eq!(bed.balance("ann").await, (0, 200, 0, 0, 0));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn what_was_payable_is_payable_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    let early = bed.refunded(&sale, 2_000, 2_000);
    bed.refund_all(vec![early.clone()]).await;
    bed.release().await;
    let rest = bed.refunded(&sale, 8_000, 10_000);
    bed.refund_all(vec![rest.clone()]).await;
    assert_eq!(bed.rows(&sale).await[0].0, "reversed");
    bed.withdraw(&rest).await;
    assert_eq!(bed.rows(&sale).await, [("approved".to_owned(), 1_000, 200, 0, 0, 0)]);
    // Taken while on hold, given back when it is payable.
    bed.withdraw(&early).await;
    assert_eq!((bed.rows(&sale).await[0].2, bed.balance("ann").await), (0, (0, 1_000, 0, 0, 0)));
    bed.check().await;
    let said = bed.said().await;
    assert_eq!(said.iter().filter(|kind| *kind == "commission.commission_restored.v1").count(), 2);
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_claw_back_is_stood_against_even_when_it_was_set_off(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let (paid, later) = (bed.sale("ann", 10_000), bed.sale("ann", 20_000));
    pay_out(&bed, &paid, 1_000).await;
    let refund = bed.refunded(&paid, 4_000, 4_000);
    bed.refund_all(vec![refund.clone()]).await;
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 1_000, -400));
    bed.attribute(&later).await;
    bed.release().await;
    bed.ask("ann", 1_600).await.unwrap();
    bed.check().await;
    bed.withdraw(&refund).await;
    let rows = bed.rows(&paid).await;
    assert_eq!(rows[0], ("paid".to_owned(), 1_000, 0, 0, 1_000, 1_000));
    assert_eq!(rows[2], ("approved".to_owned(), 400, 0, 0, 0, 0), "what was set off is payable again");
    assert_eq!(bed.balance("ann").await, (0, 400, 1_600, 1_000, 0));
    bed.check().await;
    // Refunded after all: the partner owes it once.
    bed.refund(&paid, 4_000, 4_000).await;
    assert_eq!(bed.balance("ann").await, (0, 400, 1_600, 1_000, -400));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn whoever_is_credited_later_is_not_charged_for_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 3_000);
    bed.attribute(&sale).await;
    let (first, second) = (bed.refunded(&sale, 1_000, 1_000), bed.refunded(&sale, 2_000, 3_000));
    bed.refund_all(vec![first.clone(), second]).await;
    bed.withdraw(&first).await;
    let mut anew = bed.sale("bob", 3_000);
    (anew.conversion_id, anew.revision) = (sale.conversion_id, 2);
    bed.attribute(&anew).await;
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0), (0, 100), "2,000 of 3,000 went back");
    bed.check().await;
    // What was taken from ann before is not given to her, nor to bob again.
    bed.withdraw(&first).await;
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0), (0, 100));
}
