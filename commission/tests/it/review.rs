//! Signals of fraud, and people who decide.

use commission::{approve, reject};
use service_kit::handler::Failure;
use shared_events::CommissionId;
use shared_events::commission::{ApproveCommission, RejectCommission};
use shared_events::tracking::{ConversionAttributed, Signals};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, code, partner, ten_percent};

fn id(sale: &ConversionAttributed) -> CommissionId {
    CommissionId::of(sale.conversion_id, &partner("ann"), sale.revision)
}

async fn approve(bed: &Bed, commission_id: CommissionId) -> Result<(), Failure> {
    let command = ApproveCommission { commission_id, reason: "known customer".into() };
    bed.handle(&approve::Approve, command, Some("max")).await.map(drop)
}

async fn refuse(bed: &Bed, commission_id: CommissionId) -> Result<(), Failure> {
    let command = RejectCommission { commission_id, reason: "own purchase".into() };
    bed.handle(&reject::Reject, command, Some("max")).await.map(drop)
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn suspicious_ones_wait_for_a_person(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let mut sale = bed.sale("ann", 10_000);
    sale.signals = Signals { self_referral: vec![partner("ann")], millis_from_click: Some(900), ..Signals::default() };
    bed.attribute(&sale).await;
    assert_eq!(bed.release().await, 0, "the hold ended, the question did not");
    assert_eq!(bed.balance("ann").await.0, 1_000);
    approve(&bed, id(&sale)).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 1_000, 0, 0, 0));
    assert_eq!(approve(&bed, id(&sale)).await.map_err(code), Err("commission_state_conflict".to_owned()));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refused_one_gives_its_money_back_to_the_tenant(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let (held, approved) = (bed.sale("ann", 10_000), bed.sale("ann", 20_000));
    bed.attribute(&held).await;
    refuse(&bed, id(&held)).await.unwrap();
    bed.attribute(&approved).await;
    bed.release().await;
    refuse(&bed, id(&approved)).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 0, 0));
    assert_eq!(bed.rows(&approved).await[0].0, "rejected");
    bed.refund(&approved, 20_000, 20_000).await;
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 0, 0), "nothing is taken twice");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn what_a_payout_holds_cannot_be_refused(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.learn(1, vec![ten_percent()]).await;
    let sale = bed.sale("ann", 10_000);
    bed.attribute(&sale).await;
    bed.release().await;
    bed.ask("ann", 400).await.unwrap();
    assert_eq!(refuse(&bed, id(&sale)).await.map_err(code), Err("commission_state_conflict".to_owned()));
    assert_eq!(refuse(&bed, CommissionId(Uuid::nil())).await.map_err(code), Err("commission_not_found".to_owned()));
    let other = bed.of_tenant("other");
    assert_eq!(
        refuse(&other, id(&sale)).await.map_err(code),
        Err("commission_not_found".to_owned()),
        "another tenant's"
    );
    bed.check().await;
}
