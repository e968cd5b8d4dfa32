//! Money that goes back, before and after a payout.

use commission::refund::TakeRefunds;
use shared_events::tracking::{ConversionAttributed, ConversionRefunded, Credit, RefundKind};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, partner, ten_percent};
use crate::payouts::{confirm, pay_out, submit};

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
    pay_out(&bed, &paid, 1_000).await;
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
    let refund = ConversionRefunded { kind: RefundKind::Chargeback, ..bed.refunded(&sale, 5_000, 5_000) };
    bed.refund_all(vec![refund.clone(), refund.clone()]).await;
    bed.refund_all(vec![refund]).await;
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

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_run_of_refunds_is_taken_as_one_by_one(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let held = bed.sale("ann", 1_000);
    let (paid, half_paid, nobodys) = (bed.sale("bob", 10_000), bed.sale("cid", 10_000), bed.sale("dan", 500));
    bed.attribute_all(vec![paid.clone(), half_paid.clone()]).await.unwrap();
    bed.release().await;
    bed.ask("bob", 1_000).await.unwrap();
    bed.ask("cid", 700).await.unwrap();
    bed.attribute(&held).await;
    let before = bed.said().await.len();
    bed.refund_all(vec![
        bed.refunded(&held, 333, 333),
        bed.refunded(&paid, 5_000, 5_000),
        bed.refunded(&half_paid, 5_000, 5_000),
        bed.refunded(&nobodys, 500, 500),
        bed.refunded(&held, 333, 666),
        bed.refunded(&held, 334, 1_000),
        bed.refunded(&half_paid, 5_000, 10_000),
    ])
    .await;
    assert_eq!(bed.rows(&held).await, [("reversed".to_owned(), 100, 100, 0, 0, 0)]);
    let bobs = [("in_payout".to_owned(), 1_000, 0, 500, 1_000, 0), ("approved".to_owned(), -500, 0, 0, 0, 0)];
    assert_eq!(bed.rows(&paid).await, bobs);
    let cids = [
        ("in_payout".to_owned(), 1_000, 300, 700, 700, 0),
        ("approved".to_owned(), -200, 0, 0, 0, 0),
        ("approved".to_owned(), -500, 0, 0, 0, 0),
    ];
    assert_eq!(bed.rows(&half_paid).await, cids);
    let (reversed, clawed_back) = ("commission.commission_reversed.v1", "commission.commission_clawed_back.v1");
    let said = [reversed, clawed_back, reversed, clawed_back, reversed, reversed, clawed_back];
    assert_eq!(bed.said().await[before..], said);
    let versions: Vec<i64> = bed.versions(reversed).await;
    assert_eq!(versions, [2, 4, 3, 4], "each version once, whatever the run did to it");
    bed.check().await;
}

/// Two partitions each earn for one partner and take back from the other, in one transaction. When each held what it earned
/// for while it waited for the other, the database had to kill one of them.
#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn crossing_partitions_do_not_wait_for_each_other(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let (anns, bobs) = (bed.sale("ann", 10_000), bed.sale("bob", 10_000));
    bed.attribute_all(vec![anns.clone(), bobs.clone()]).await.unwrap();
    let (mut one, mut other) = (bed.work().await, bed.work().await);
    bed.run(&mut one, &bed.calculate(), vec![bed.sale("ann", 1_000)]).await.unwrap();
    bed.run(&mut other, &bed.calculate(), vec![bed.sale("bob", 1_000)]).await.unwrap();
    let finish = async |mut work, sale: &ConversionAttributed| {
        bed.run(&mut work, &TakeRefunds, vec![bed.refunded(sale, 10_000, 10_000)]).await?;
        Ok::<_, service_kit::handler::Failure>(work.commit().await?)
    };
    let (one, other) = tokio::join!(finish(one, &bobs), finish(other, &anns));
    one.expect("nothing was in the way");
    other.expect("nothing was in the way");
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0), (100, 100));
    bed.check().await;
}

/// Many runs at once, each of refunds of the same partners in another order.
#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn runs_of_the_same_partners_queue(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    // Such that a locale's order and that of bytes differ.
    let names = ["ann", "Bob", "b-ob", "b_a", "Zoe", "cid"];
    let sales: Vec<ConversionAttributed> = (0..60).map(|number| bed.sale(names[number % names.len()], 1_000)).collect();
    bed.attribute_all(sales.clone()).await.unwrap();
    let taking = (0..4).map(|lane| {
        let mut own: Vec<ConversionAttributed> = sales.iter().skip(lane).step_by(4).cloned().collect();
        if lane % 2 == 0 {
            own.reverse();
        }
        let bed = &bed;
        async move {
            for part in own.chunks(5) {
                let mut work = bed.work().await;
                bed.run(
                    &mut work,
                    &bed.calculate(),
                    part.iter().map(|sale| bed.sale(sale.credits[0].partner.as_str(), 100)).collect(),
                )
                .await?;
                bed.run(
                    &mut work,
                    &TakeRefunds,
                    part.iter().rev().map(|sale| bed.refunded(sale, 1_000, 1_000)).collect(),
                )
                .await?;
                work.commit().await?;
            }
            Ok::<_, service_kit::handler::Failure>(())
        }
    });
    futures::future::try_join_all(taking).await.expect("nobody was killed");
    assert_eq!(bed.balance("ann").await.0, 100);
    bed.check().await;
}
