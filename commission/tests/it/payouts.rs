//! Payouts: asked for, approved, written into a file, confirmed or failed.

use std::os::unix::fs::PermissionsExt;

use chrono::TimeDelta;
use commission::{confirm_payout, fail_payout, reject_payout, submit_payouts};
use shared_events::commission::{ConfirmPayout, FailPayout, RejectPayout, SubmitPayouts};
use shared_events::tracking::ConversionAttributed;
use shared_events::{PayoutBatchId, PayoutId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::bed::{Bed, LIMIT, code, ten_percent};

/// Marks what is approved and writes its file.
pub async fn submit(bed: &Bed) -> PayoutBatchId {
    let batch_id = PayoutBatchId(Uuid::now_v7());
    bed.handle(&submit_payouts::Submit, SubmitPayouts { batch_id }, Some("max")).await.unwrap();
    assert!(commission::worker(bed.store.clone(), &bed.config).run_next().await.unwrap());
    batch_id
}

/// Ann earns so many cents by a sale, and is paid them.
pub async fn pay_out(bed: &Bed, sale: &ConversionAttributed, cents: i64) {
    bed.attribute(sale).await;
    bed.release().await;
    let payout = bed.ask("ann", cents).await.unwrap();
    submit(bed).await;
    confirm(bed, payout).await.unwrap();
}

pub async fn confirm(bed: &Bed, payout_id: PayoutId) -> Result<(), String> {
    let command = ConfirmPayout { payout_id, reference: "PP-1".into() };
    bed.handle(&confirm_payout::Confirm, command, Some("oskar")).await.map(drop).map_err(code)
}

async fn fail(bed: &Bed, payout_id: PayoutId) -> Result<(), String> {
    let command = FailPayout { payout_id, reason: "account closed".into() };
    bed.handle(&fail_payout::Fail, command, Some("oskar")).await.map(drop).map_err(code)
}

async fn refuse(bed: &Bed, payout_id: PayoutId) -> Result<(), String> {
    let command = RejectPayout { payout_id, reason: "papers are missing".into() };
    bed.handle(&reject_payout::Reject, command, Some("max")).await.map(drop).map_err(code)
}

/// ann has earned so much and it is payable, in sales of 100.00 each and a last one.
pub async fn earned(bed: &Bed, name: &str, minor: i64) {
    bed.learn(1, vec![ten_percent()]).await;
    let mut sales = Vec::new();
    let mut left = minor;
    while left > 0 {
        let part = left.min(1_000);
        sales.push(bed.sale(name, part * 10));
        left -= part;
    }
    bed.attribute_all(sales).await.unwrap();
    bed.release().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn the_whole_way_to_the_partners_account(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 15_000).await;
    let payout = bed.ask("ann", 14_500).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 500, 14_500, 0, 0));
    assert_eq!(confirm(&bed, payout).await, Err("payout_state_conflict".to_owned()), "it has not gone out");
    let batch = submit(&bed).await;
    let file = bed.config.payout_dir.join(format!("{batch}.csv"));
    let csv = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "payout_id,partner,amount,currency,method,account,requested_at");
    assert!(
        lines[1].starts_with(&format!(r#"{payout},ann,145.00,USD,paypal,"{{""email"":""ann@example.com""}}","#)),
        "{csv}"
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
    assert_eq!((&json["payouts"][0]["amount"], &json["totals"]["USD"]), (&"145.00".into(), &"145.00".into()));
    assert_eq!(std::fs::read_dir(&bed.config.payout_dir).unwrap().count(), 2, "nothing half-written is left");
    confirm(&bed, payout).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 500, 0, 14_500, 0));
    assert_eq!(fail(&bed, payout).await, Err("payout_state_conflict".to_owned()));
    let states: i64 = bed.as_owner("SELECT count(*) FROM commissions WHERE state = 'paid'").await;
    assert_eq!(states, 14, "the fifteenth is paid in part");
    let said = bed.said().await;
    let payouts: Vec<&str> = said.iter().filter_map(|kind| kind.strip_prefix("commission.payout_")).collect();
    assert_eq!(payouts, ["requested.v1", "approved.v1", "submitted.v1", "completed.v1"]);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn account_details_are_nowhere_but_in_the_file(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 1_000).await;
    bed.ask("ann", 1_000).await.unwrap();
    submit(&bed).await;
    for sql in ["SELECT string_agg(payouts::text, '') FROM payouts", "SELECT string_agg(outbox::text, '') FROM outbox"]
    {
        assert!(!bed.as_owner::<String>(sql).await.contains("ann@example.com"), "{sql}");
    }
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_failed_payout_gives_the_money_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 2_500).await;
    let payout = bed.ask("ann", 2_000).await.unwrap();
    submit(&bed).await;
    fail(&bed, payout).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 2_500, 0, 0, 0));
    bed.check().await;
    assert_eq!(confirm(&bed, payout).await, Err("payout_state_conflict".to_owned()));
    let again = bed.ask("ann", 2_500).await.unwrap();
    submit(&bed).await;
    confirm(&bed, again).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, 0, 0, 2_500, 0));
    let allocated: i64 = bed.as_owner("SELECT sum(allocated_minor - paid_minor)::bigint FROM commissions").await;
    assert_eq!(allocated, 0);
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn above_the_limit_somebody_else_approves(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", LIMIT + 2_000).await;
    let payout = bed.ask("ann", LIMIT + 1).await.unwrap();
    let batch_id = PayoutBatchId(Uuid::now_v7());
    let nothing =
        bed.handle(&submit_payouts::Submit, SubmitPayouts { batch_id }, Some("max")).await.map(drop).map_err(code);
    assert_eq!(nothing, Err("nothing_to_submit".to_owned()), "it waits for approval");
    let patience: i64 = bed.as_owner("SELECT extract(epoch FROM due_at - requested_at)::bigint FROM payouts").await;
    assert_eq!(patience, 4 * 3_600, "it says itself until when");
    let asked = bed.ask("ann", 1_000).await.unwrap();
    let without: i64 = bed.as_owner("SELECT count(*) FROM payouts WHERE due_at IS NULL AND NOT needs_approval").await;
    assert_eq!(without, 1, "{asked:?} waits for nobody");
    assert_eq!(bed.approve_payout(payout, "ann").await, Err("self_approval".to_owned()));
    bed.approve_payout(payout, "max").await.unwrap();
    assert_eq!(bed.approve_payout(payout, "max").await, Err("payout_state_conflict".to_owned()));
    assert_eq!(bed.approve_payout(PayoutId(Uuid::nil()), "max").await, Err("payout_not_found".to_owned()));
    submit(&bed).await;
    confirm(&bed, payout).await.unwrap();
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_refused_payout_gives_the_money_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", LIMIT + 2_000).await;
    let payout = bed.ask("ann", LIMIT + 1).await.unwrap();
    refuse(&bed, payout).await.unwrap();
    assert_eq!(bed.balance("ann").await, (0, LIMIT + 2_000, 0, 0, 0));
    assert_eq!(bed.approve_payout(payout, "max").await, Err("payout_state_conflict".to_owned()));
    let other = bed.ask("ann", 1_000).await.unwrap();
    submit(&bed).await;
    assert_eq!(refuse(&bed, other).await, Err("payout_state_conflict".to_owned()), "it stands in a file");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn two_requests_at_once_cannot_spend_the_same_money(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 10_000).await;
    let (a, b, c, d) =
        tokio::join!(bed.ask("ann", 4_000), bed.ask("ann", 4_000), bed.ask("ann", 4_000), bed.ask("ann", 4_000));
    let results = [a, b, c, d];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2, "{results:?}");
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|code| code == "insufficient_balance"));
    assert_eq!(bed.balance("ann").await, (0, 2_000, 8_000, 0, 0));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn amounts_are_checked(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 10_000).await;
    let mut rule = ten_percent();
    rule.min_payout_minor = 5_000;
    bed.learn(2, vec![rule]).await;
    assert_eq!(bed.ask("ann", 4_999).await, Err("below_minimum".to_owned()), "the latest rules say what is the least");
    assert_eq!(bed.ask("ann", 10_001).await, Err("insufficient_balance".to_owned()));
    assert_eq!(bed.ask("ann", 0).await, Err("invalid_amount".to_owned()));
    assert_eq!(bed.ask("nobody", 100).await, Err("insufficient_balance".to_owned()));
    let payment = bed.payment("ann", 5_000);
    let handler = commission::request_payment::Request { approval_limit_minor: LIMIT };
    bed.handle(&handler, payment.clone(), None).await.unwrap();
    let again = bed.handle(&handler, payment, None).await.map(drop).map_err(code);
    assert_eq!(again, Err("payout_state_conflict".to_owned()), "a payout is asked for once");
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn a_file_is_written_again_with_the_same_content(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 3_000).await;
    bed.ask("ann", 1_000).await.unwrap();
    bed.ask("ann", 2_000).await.unwrap();
    let batch_id = submit(&bed).await;
    let file = bed.config.payout_dir.join(format!("{batch_id}.json"));
    let first = std::fs::read(&file).unwrap();
    // As after a crash between the file and the commit.
    let job = "INSERT INTO jobs (kind, key, tenant, payload, correlation, due_at) SELECT 'commission.write_payout_file', id::text, tenant, \
               json_build_object('batch_id', id), correlation, created_at FROM payout_batches RETURNING 1";
    let _: i32 = bed.as_owner(job).await;
    assert!(commission::worker(bed.store.clone(), &bed.config).run_next().await.unwrap());
    assert_eq!(std::fs::read(&file).unwrap(), first);
    assert_eq!(bed.said().await.iter().filter(|kind| kind.contains("submitted")).count(), 2, "said once for each");
    let twice = bed.handle(&submit_payouts::Submit, SubmitPayouts { batch_id }, None).await.map(drop).map_err(code);
    assert_eq!(twice, Err("payout_state_conflict".to_owned()));
    bed.check().await;
}

#[sqlx::test(migrator = "migrations::COMMISSION")]
async fn somebody_is_told_once_of_a_payout_that_nobody_decides_about(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    earned(&bed, "ann", 2 * LIMIT + 20_000).await;
    let late = bed.ask("ann", LIMIT + 1).await.unwrap();
    let decided = bed.ask("ann", LIMIT + 2).await.unwrap();
    bed.ask("ann", 1_000).await.unwrap();
    let worker = commission::worker(bed.store.clone(), &bed.config);
    let told = async || {
        let sql =
            "SELECT payload::jsonb->>'payout_id' FROM outbox WHERE properties LIKE '%commission.payout_escalated.v1%'";
        sqlx::query_scalar::<_, String>(sql).fetch_all(bed.store.pool()).await.unwrap()
    };
    let run = async |minutes: i64| {
        bed.clock.advance(TimeDelta::minutes(minutes));
        while worker.run_next().await.unwrap() {}
        told().await
    };
    assert_eq!(run(239).await, [""; 0], "there is time yet");
    bed.approve_payout(decided, "max").await.unwrap();
    assert_eq!(run(2).await, [late.to_string()], "what was decided about is nobody's worry");
    let left: i64 = bed.as_owner("SELECT count(*) FROM jobs WHERE kind = 'commission.escalate_payout'").await;
    assert_eq!(left, 0);
    assert_eq!(run(600).await.len(), 1, "once");
    // It can still be decided about.
    bed.approve_payout(late, "max").await.unwrap();
}
