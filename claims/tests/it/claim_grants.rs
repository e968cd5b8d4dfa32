//! What reimbursements grant: told by their rows, added up, and set against the claim that they are for.

use claims::record_reply::Record as Reply;
use serde_json::json;
use shared_events::claims::ReplyKind;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::claim_bed::{Bed, id_of};
use crate::claim_money::fees;
use crate::claim_sending::reply;

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_reimbursement_without_its_money_is_an_approval_and_then_an_alarm(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    bed.reimbursed("R-1", "C-1", 5_940, 6, "").await;
    let granted = bed.read(id_of(&claim)).await;
    assert_eq!((&granted["status"], &granted["approved"]["amount"]), (&json!("approved"), &json!("59.40")));
    // The marketplace says so by mail, too.
    bed.slice.handle(&Reply, reply(&claim, ReplyKind::Approved, "granted")).await.expect("told again");
    bed.becomes_overdue().await;
    bed.posted(5_940).await;
    assert_eq!(bed.status(&claim).await, json!("payout_confirmed"));
    assert_eq!(bed.count("claims.payout_overdue.v1").await, 1, "one alarm");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn two_rows_of_one_case_are_granted_together(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    bed.reimbursed("R-1", "C-1", 2_970, 3, "").await;
    assert_eq!(bed.status(&claim).await, json!("partially_approved"));
    bed.posted(2_970).await;
    bed.reimbursed("R-2", "C-1", 2_970, 3, "").await;
    bed.posted(2_970).await;
    let paid = bed.read(id_of(&claim)).await;
    assert_eq!(paid["payouts"].as_array().map(Vec::len), Some(2));
    assert_eq!((&paid["status"], &paid["approved"]["amount"]), (&json!("payout_confirmed"), &json!("59.40")));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn two_claims_of_one_case_each_get_their_money(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (first, second) = (bed.sent(1, "C-1").await, bed.sent(2, "C-1").await);
    for id in ["R-1", "R-2"] {
        bed.reimbursed(id, "C-1", 5_940, 6, "").await;
        bed.posted(5_940).await;
    }
    for (claim, packet) in [(&first, 1), (&second, 2)] {
        bed.sealed(id_of(claim), packet).await;
        let sealed = bed.read(id_of(claim)).await;
        assert_eq!((&sealed["status"], &sealed["payouts"].as_array().map(Vec::len)), (&json!("sealed"), &Some(1)));
        assert_eq!(fees(&sealed), [("accrued".to_owned(), "11.88".to_owned())]);
    }
}
