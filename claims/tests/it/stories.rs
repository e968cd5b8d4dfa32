//! Stories from real texts, whole: from rows of files to claims and money, through the service and its database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use claims::kind::Kind;
use claims::record_case;
use claims::submit_claim::Submit;
use serde_json::{Value, json};
use shared_events::claims::{RecordCase, SubmitClaim};
use shared_events::{ClaimId, DetectionId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::claim_bed::{Bed, id_of, who};
use crate::lifecycle::{LEDGER, PAID, SALES, SETTLED, at, drain, file, moved, paid, seller, shown};

fn fees(claim: &Value) -> Vec<(String, String)> {
    let text = |fee: &Value, name: &str| fee[name].as_str().unwrap().to_owned();
    let fees = claim["fees"].as_array().unwrap();
    fees.iter().map(|fee| (text(fee, "status"), text(&fee["amount"], "amount"))).collect()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn scenario_9_six_of_sixteen_are_claimed_paid_and_one_is_taken_back(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed { slice: seller(pool, options).await, channel: Arc::default() };
    let slice = &bed.slice;
    bed.settings(100_000, 10).await;
    let rows = [moved("10/20/2026", "21188081", -16, "M", 5), moved("10/22/2026", "21019010", 5, "F", 5)];
    file(slice, Kind::Ledger, "US", LEDGER, &rows).await;
    let rows = [paid("2026-10-25", "R1", "", 3, 0), paid("2026-10-26", "R2", "", 0, 2)];
    file(slice, Kind::Reimbursement, "US", PAID, &rows).await;
    assert_eq!(shown(slice).await, [json!(["fc_lost", "claimable", 6, 7128])]);
    // The claim goes out, and is paid.
    bed.run_jobs().await;
    let mut work = slice.work().await;
    let detection: Uuid = sqlx::query_scalar("SELECT id FROM detections").fetch_one(work.conn()).await.unwrap();
    drop(work);
    let claim = bed.claim_of(DetectionId(detection)).await.unwrap();
    let claim_id = ClaimId(id_of(&claim));
    slice.handle(&Submit, SubmitClaim { claim_id, note: None, wanted_by: who("ann") }).await.unwrap();
    bed.run_jobs().await;
    let told = RecordCase { claim_id, case_id: Some("15902837461".into()), recorded_by: who("ann") };
    slice.handle(&record_case::Record, told).await.unwrap();
    file(slice, Kind::Reimbursement, "US", PAID, &[paid("2026-11-10", "R3", "15902837461", 6, 0)]).await;
    bed.posted(7_128).await;
    bed.sealed(claim_id.0, 1).await;
    let sealed = bed.read(claim_id.0).await;
    assert_eq!((&sealed["status"], &sealed["amount"]["amount"]), (&json!("sealed"), &json!("71.28")));
    assert_eq!(fees(&sealed), [("accrued".to_owned(), "14.25".to_owned())], "20 % of 71.28, and never more");
    // Later one more is found, and 11.88 is taken back.
    file(slice, Kind::Ledger, "US", LEDGER, &[moved("11/09/2026", "21019099", 1, "F", 0)]).await;
    let reversal = "2026-11-10T11:00:00+00:00\tR4\t15902837461\t\tReimbursement_Reversal\tSKU1\tX1\tB1\tTitle\tNewItem\tUSD\t-11.88\t-11.88\t-1\t0\t-1\tR3\tLost_Warehouse";
    for _ in 0..2 {
        file(slice, Kind::Reimbursement, "US", PAID, &[reversal.to_owned()]).await;
        bed.posted(-1_188).await;
    }
    let reversed = bed.read(claim_id.0).await;
    assert_eq!(reversed["status"], json!("reversed"));
    let kinds: Vec<Value> = shown(slice).await.into_iter().map(|row| row[0].clone()).collect();
    assert!(
        !kinds.contains(&json!("reimbursement_reversed_unmatched")),
        "one was found: it is right to take one back: {kinds:?}"
    );
    let expected = [("accrued", "14.25"), ("credited", "-2.37")].map(|(kind, sum)| (kind.to_owned(), sum.to_owned()));
    assert_eq!(fees(&reversed), expected, "what is left is 20 % of 59.40");
    assert_eq!((bed.count("claims.payout_reversed.v1").await, bed.count("claims.fee_credited.v1").await), (1, 1));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn scenario_10_in_germany_a_refund_opens_on_day_45_and_is_too_late_on_day_106(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let slice = seller(pool, options).await;
    slice.clock.set(at("2026-06-02T12:00:00Z"));
    let sale =
        "2026-05-20T10:00:00+00:00\tSKU1\tX1\tB1\tLEJ1\t1\t302-1\tEUR\t25,00\t0\t0\tBerlin\tBE\t10115".to_owned();
    file(&slice, Kind::Sale, "DE", SALES, &[sale]).await;
    let line = |transaction: &str, kind: &str, what: &str, amount: &str, day: &str| {
        format!(
            "5\t\t\t\t{transaction}\t302-1\tAmazon.de\t{kind}\t{what}\t{amount}\t{day}\t{day} 12:00:00 UTC\tSKU1\t1"
        )
    };
    let rows = [
        "5\t02.06.2026 00:00:00 UTC\t0,00\tEUR\t\t\t\t\t\t\t\t\t\t".to_owned(),
        line("Order", "ItemPrice", "Principal", "25,00", "20.05.2026"),
        line("Order", "ItemFees", "Commission", "-3,75", "20.05.2026"),
        line("Refund", "ItemPrice", "Principal", "-25,00", "01.06.2026"),
    ];
    file(&slice, Kind::Settlement, "DE", SETTLED, &rows).await;
    let found =
        || async { shown(&slice).await.into_iter().find(|row| row[0] == json!("return_not_received")).unwrap() };
    // Midnight is that of Berlin, in summer.
    for (moment, status) in [
        ("2026-07-15T21:59:59Z", "not_yet_open"),
        ("2026-07-15T22:00:00Z", "claimable"),
        ("2026-09-14T21:59:59Z", "claimable"),
        ("2026-09-14T22:00:00Z", "expired"),
    ] {
        slice.clock.set(at(moment));
        drain(&slice).await;
        assert_eq!(found().await, json!(["return_not_received", status, 1, 2125]), "{moment}");
    }
}
