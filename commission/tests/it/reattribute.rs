//! Attributions that change.

use commission::reattribute::TakeBack;
use shared_events::tracking::{ConversionAttributed, ConversionUnattributed, RewardValue, Tier};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::bed::{Bed, partner, ten_percent};

fn again(sale: &ConversionAttributed, revision: u32, name: &str) -> ConversionAttributed {
    let mut next = sale.clone();
    next.revision = revision;
    next.credits[0].partner = partner(name);
    next.reason = "a late click came in".into();
    next
}

async fn take_back(bed: &Bed, sale: &ConversionAttributed, revision: u32) {
    let unattributed = ConversionUnattributed {
        conversion_id: sale.conversion_id,
        revision,
        reason: "the click was withdrawn".into(),
    };
    bed.handle(&TakeBack, unattributed, None).await.unwrap();
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn while_on_hold_the_other_partner_gets_it_with_refunds_so_far(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let mut rule = ten_percent();
    rule.tiers = vec![Tier { from_count: Some(2), from_amount_minor: None, value: RewardValue::BasisPoints(5_000) }];
    bed.learn(1, vec![rule]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    bed.refund(&sale, 2_000, 2_000).await;
    bed.attribute(&again(&sale, 2, "bob")).await;
    assert_eq!(bed.balance("ann").await.0, 0);
    assert_eq!(bed.balance("bob").await.0, 800);
    let rows = bed.rows(&sale).await;
    assert_eq!(rows, [("reversed".to_owned(), 1_000, 1_000, 0, 0, 0), ("pending".to_owned(), 1_000, 200, 0, 0, 0)]);
    // The sale no longer counts for ann's tier, but it does for bob's.
    let (next_ann, next_bob) = (bed.sale("ann", 10_000), bed.sale("bob", 10_000));
    bed.attribute_all(vec![next_ann.clone(), next_bob.clone()]).await.unwrap();
    assert_eq!((bed.rows(&next_ann).await[0].1, bed.rows(&next_bob).await[0].1), (1_000, 5_000));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn once_approved_it_stays_and_the_reason_is_kept(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    bed.release().await;
    bed.attribute(&again(&sale, 2, "bob")).await;
    take_back(&bed, &sale, 3).await;
    assert_eq!(bed.balance("ann").await, (0, 1_000, 0, 0, 0));
    assert_eq!(bed.balance("bob").await, (0, 0, 0, 0, 0));
    let notes: i64 =
        bed.as_owner("SELECT count(*) FROM revisions WHERE outcome = 'left' AND note LIKE '%left as it was%'").await;
    assert_eq!(notes, 2);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn repeated_and_late_revisions_change_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&again(&sale, 3, "cat")).await;
    bed.attribute(&sale).await;
    bed.attribute(&again(&sale, 2, "bob")).await;
    bed.attribute(&again(&sale, 3, "cat")).await;
    take_back(&bed, &sale, 2).await;
    assert_eq!(bed.rows(&sale).await.len(), 1);
    assert_eq!(bed.balance("cat").await.0, 1_000);
    // The whole way in one run.
    let other = bed.sale("ann", 10_000);
    bed.attribute_all(vec![other.clone(), again(&other, 2, "bob"), again(&other, 2, "bob"), again(&other, 3, "cat")])
        .await
        .unwrap();
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0, bed.balance("cat").await.0), (0, 0, 2_000));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn taken_back_and_given_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    take_back(&bed, &sale, 2).await;
    assert_eq!(bed.balance("ann").await.0, 0);
    bed.refund(&sale, 5_000, 5_000).await;
    bed.attribute(&again(&sale, 3, "bob")).await;
    assert_eq!((bed.balance("ann").await.0, bed.balance("bob").await.0), (0, 500));
    let counted: i64 = bed.as_owner("SELECT count FROM partner_months WHERE partner = 'ann'").await;
    assert_eq!(counted, 0, "uncounted once, not twice");
    bed.check().await;
}
