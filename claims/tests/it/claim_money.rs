//! Money of claims: confirmed to the cent, sealed, charged for, taken back, and counted.

use chrono::TimeDelta;
use claims::record_case;
use claims::record_reply::Record as Reply;
use claims::submit_claim::Submit;
use serde_json::{Value, json};
use shared_events::ClaimId;
use shared_events::claims::{RecordCase, ReplyKind, SubmitClaim};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::claim_bed::{Bed, CONNECTION, Found, id_of, who};
use crate::claim_sending::reply;

impl Bed {
    /// A claim that was sent under this case.
    pub async fn sent(&self, number: u128, case: &str) -> Value {
        self.settings(100_000, 10).await;
        let row = format!("row-{number}");
        let detection = self.detect(number, &Found { row: &row, ..Found::default() }).await;
        let claim = self.claim_of(detection).await.expect("a claim");
        let claim_id = ClaimId(id_of(&claim));
        let submit = SubmitClaim { claim_id, note: None, wanted_by: who("ann") };
        self.slice.handle(&Submit, submit).await.expect("it may go");
        self.run_jobs().await;
        let told = RecordCase { claim_id, case_id: Some(case.into()), recorded_by: who("ann") };
        self.slice.handle(&record_case::Record, told).await.expect("told");
        self.read(claim_id.0).await
    }

    pub async fn status(&self, claim: &Value) -> Value {
        self.read(id_of(claim)).await["status"].clone()
    }

    /// Granted on Tuesday 10 November and not paid: an alarm from the 18th on.
    pub async fn becomes_overdue(&self) {
        self.slice.clock.advance(TimeDelta::days(7));
        self.run_jobs().await;
        assert_eq!(self.count("claims.payout_overdue.v1").await, 0);
        self.slice.clock.advance(TimeDelta::days(1));
        self.run_jobs().await;
        assert_eq!(self.count("claims.payout_overdue.v1").await, 1);
        assert_eq!(self.get("/api/metrics/dashboard").await.body["overdue"], json!(1));
    }

    pub async fn count(&self, kind: &str) -> usize {
        self.kinds().await.iter().filter(|said| *said == kind).count()
    }
}

pub fn fees(claim: &Value) -> Vec<(String, String)> {
    let text = |fee: &Value, name: &str| fee[name].as_str().unwrap_or_default().to_owned();
    let fees = claim["fees"].as_array().expect("a list");
    fees.iter().map(|fee| (text(fee, "status"), text(&fee["amount"], "amount"))).collect()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn one_case_one_packet_one_fee(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    bed.reimbursed("R-1", "C-1", 5_940, 6, "").await;
    assert_eq!(bed.status(&claim).await, json!("approved"), "a row alone is no money");
    bed.posted(5_939).await;
    assert_eq!(bed.status(&claim).await, json!("approved"), "a cent off is other money");
    let payments = bed.get("/api/v1/metrics/payments").await.body;
    assert_eq!(payments[0]["not_posted"]["amount"], json!("59.40"));
    bed.posted(5_940).await;
    assert_eq!(bed.status(&claim).await, json!("payout_confirmed"));
    assert!(fees(&bed.read(id_of(&claim)).await).is_empty(), "no fee before the packet is sealed");
    // Read again, told again: nothing more happens.
    bed.posted(1).await;
    assert_eq!(bed.count("claims.payout_confirmed.v1").await, 1);
    bed.sealed(id_of(&claim), 1).await;
    bed.sealed(id_of(&claim), 1).await;
    let sealed = bed.read(id_of(&claim)).await;
    assert_eq!(sealed["status"], json!("sealed"));
    assert_eq!(fees(&sealed), [("accrued".to_owned(), "11.88".to_owned())]);
    assert_eq!((bed.count("claims.fee_accrued.v1").await, bed.count("claims.claim_sealed.v1").await), (1, 1));
    assert!(sealed["payouts"][0].get("probability_bps").is_none(), "it names our case");
    // Its money is taken back: the fee too, once.
    bed.reimbursed("R-2", "C-1", -1_188, -1, "R-1").await;
    bed.posted(2).await;
    let reversed = bed.read(id_of(&claim)).await;
    assert_eq!(reversed["status"], json!("reversed"));
    assert_eq!(
        fees(&reversed),
        [("accrued".to_owned(), "11.88".to_owned()), ("credited".to_owned(), "-2.38".to_owned())],
        "scenario 9"
    );
    assert_eq!((bed.count("claims.payout_reversed.v1").await, bed.count("claims.fee_credited.v1").await), (1, 1));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn money_without_our_case_is_matched_with_its_probability_and_free(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    bed.reimbursed("R-1", "C-OTHER", 5_940, 6, "").await;
    bed.posted(5_940).await;
    assert_eq!(bed.status(&claim).await, json!("submitted"), "somebody else's case");
    bed.reimbursed("R-2", "", 5_940, 6, "").await;
    let paid = bed.read(id_of(&claim)).await;
    assert_eq!((&paid["status"], &paid["payouts"][0]["probability_bps"]), (&json!("payout_confirmed"), &json!(9_846)));
    bed.sealed(id_of(&claim), 1).await;
    assert!(fees(&bed.read(id_of(&claim)).await).is_empty(), "not brought by our case");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn one_posting_shows_the_money_of_one_claim(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (first, second) = (bed.sent(1, "C-1").await, bed.sent(2, "C-2").await);
    bed.posted(5_940).await;
    bed.reimbursed("R-1", "C-1", 5_940, 6, "").await;
    bed.reimbursed("R-2", "C-2", 5_940, 6, "").await;
    let states = [bed.status(&first).await, bed.status(&second).await];
    assert_eq!(states, [json!("payout_confirmed"), json!("approved")]);
    bed.posted(5_940).await;
    assert_eq!(bed.status(&second).await, json!("payout_confirmed"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_finance_posting_shows_money_before_its_settlement_and_only_once(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let (first, second) = (bed.sent(1, "C-1").await, bed.sent(2, "C-2").await);
    bed.reimbursed("R-1", "C-1", 5_940, 6, "").await;
    bed.told_of(5_940).await;
    assert_eq!(bed.status(&first).await, json!("payout_confirmed"));
    bed.reimbursed("R-2", "C-2", 5_940, 6, "").await;
    bed.posted(5_940).await;
    assert_eq!(bed.status(&second).await, json!("approved"), "the settlement tells of the same money again");
    bed.told_of(5_940).await;
    assert_eq!(bed.status(&second).await, json!("payout_confirmed"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn granted_and_not_paid_within_five_business_days_is_an_alarm(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    bed.slice.handle(&Reply, reply(&claim, ReplyKind::Approved, "granted")).await.expect("told");
    bed.becomes_overdue().await;
    bed.reimbursed("R-1", "C-1", 5_940, 6, "").await;
    bed.posted(5_940).await;
    assert_eq!(bed.status(&claim).await, json!("payout_confirmed"));
    assert_eq!(bed.get("/api/metrics/dashboard").await.body["overdue"], json!(0));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn figures_come_from_the_tables_and_lists_page(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let empty = bed.get("/api/metrics/recoveries").await.body;
    assert_eq!((&empty["total_claims"], empty.get("success_rate")), (&json!(0), None));
    let mut work = bed.slice.work().await;
    // 44 claims of 276.68 and one of 276.88: 12,450.80 in all.
    for number in 0..45_i64 {
        sqlx::query(
            "INSERT INTO claims (tenant, id, detection_id, connection_id, claim_type, marketplace, subject, units, amount_minor, currency,
                 arithmetic, policy_version, clock_start, rows, checklist, asked, channel, state, approved_at, correlation, created_at, changed_at)
             VALUES ('demo', $1, $1, $2, 'fc_lost', 'US', '{}', 1, $3, 'USD', '', 'p', '2026-01-01', '{}', '[]', 'ann', 'assisted',
                 CASE WHEN $4 THEN 'approved' ELSE 'denied' END::claim_state, CASE WHEN $4 THEN now() END, $1, now(), now())",
        )
        .bind(Uuid::now_v7())
        .bind(CONNECTION)
        .bind(if number == 0 { 27_688_i64 } else { 27_668 })
        .bind(number < 38)
        .execute(work.conn())
        .await
        .expect("a claim");
    }
    work.commit().await.expect("committed");
    let metrics = bed.get("/api/metrics/recoveries").await.body;
    assert_eq!((&metrics["total_claims"], &metrics["approved_claims"]), (&json!(45), &json!(38)));
    assert_eq!(metrics["success_rate"], json!(0.844));
    assert_eq!(metrics["total_amount"], json!({"amount": "12450.80", "currency": "USD"}));
    assert_eq!(metrics["average_amount"], json!({"amount": "276.68", "currency": "USD"}));
    let mut seen = Vec::new();
    let mut path = "/api/recoveries?limit=20&status=approved".to_owned();
    loop {
        let page = bed.get(&path).await.body;
        assert_eq!(page["total"], json!(38));
        seen.extend(page["recoveries"].as_array().expect("a list").iter().map(|claim| claim["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/recoveries?limit=20&status=approved&cursor={cursor}");
    }
    assert_eq!(seen.len(), 38);
    let tail = bed.get("/api/v1/recoveries?limit=20&offset=30&status=approved").await.body;
    assert_eq!(tail["recoveries"].as_array().map(|page| page[0]["id"].clone()), Some(seen[30].clone()));
    for (query, status) in
        [("limit=0", 422), ("limit=201", 422), ("status=lost", 422), ("offset=-1", 422), ("x=1", 422)]
    {
        let answer = bed.get(&format!("/api/recoveries?{query}")).await;
        assert!(answer.status == status || answer.status == 400, "{query}: {}", answer.status);
    }
    let other = bed.slice.of_tenant("other");
    let theirs =
        other.get(&crate::service::app(&bed.slice), "/api/metrics/recoveries", service_kit::auth::Role::Manager).await;
    assert_eq!(theirs.body["total_claims"], json!(0));
}
