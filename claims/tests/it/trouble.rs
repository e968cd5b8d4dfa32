//! What goes wrong between us and a marketplace, and what becomes of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use chrono::TimeDelta;
use claims::run_report::RunReport;
use claims::secrets::Vault;
use claims::start_sync::Start;
use serde_json::{Value, json};
use service_kit::jobs::Worker;
use shared_events::claims::StartSync;
use shared_events::{ConnectionId, Subject, SyncId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::sellers::Stage;

async fn sync(stage: &Stage, reports: &[&str]) {
    let command = StartSync {
        sync_id: SyncId(uuid::Uuid::now_v7()),
        connection_id: None,
        reports: reports.iter().map(|name| (*name).to_owned()).collect(),
        asked_by: Subject::try_new("ann").unwrap(),
    };
    stage.slice.handle(&Start, command).await.unwrap();
}

/// A seller in one region whose first syncs are left aside.
async fn connected(stage: &Stage, region: &str) -> ConnectionId {
    let id = stage.connect(region).await;
    assert!(stage.run_one().await, "the code is exchanged");
    stage.execute("UPDATE sync_runs SET state = 'failed'").await;
    id
}

async fn last(stage: &Stage, report: &str) -> Value {
    stage.runs().await.into_iter().rev().find(|run| run[0] == json!(report)).unwrap()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_consent_is_used_once_and_its_secret_is_kept_sealed(pool: PgPoolOptions, options: PgConnectOptions) {
    let stage = Stage::new(5, pool, options).await;
    stage.connect("na").await;
    assert!(stage.run_one().await);
    let secret: Value = stage.value("SELECT secret FROM connections").await;
    assert!(secret["sealed"].is_string() && !secret.to_string().contains("Atzr"), "{secret}");
    let said = stage.slice.said().await;
    assert!(
        said.iter().any(|(kind, data)| kind == "claims.account_connected.v1" && data["marketplaces"] == json!(["US"]))
    );
    assert!(
        !said.iter().any(|(_, data)| data.to_string().contains("SANDBOXCODE") || data.to_string().contains("Atzr"))
    );
    let jobs = stage.count("SELECT count(*) FROM jobs WHERE payload::text LIKE '%SANDBOXCODE%'").await;
    assert_eq!(jobs, 0, "no code stands in a job in clear");
    // The same consent again, and one that is too late.
    let command = stage.consent("na", "nonce-a", "SANDBOXCODE1", TimeDelta::minutes(10));
    stage.slice.handle(&claims::connect_account::Connect, command.clone()).await.unwrap();
    assert!(stage.slice.handle(&claims::connect_account::Connect, command).await.is_err(), "used already");
    let late = stage.consent("na", "nonce-b", "SANDBOXCODE1", TimeDelta::minutes(-1));
    assert!(stage.slice.handle(&claims::connect_account::Connect, late).await.is_err(), "too late");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_token_taken_back_in_the_middle_stops_the_sync_and_asks_for_a_new_consent(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let stage = Stage::new(5, pool, options).await;
    connected(&stage, "na").await;
    sync(&stage, &["ledger", "return"]).await;
    stage.drain().await;
    assert_eq!(last(&stage, "ledger").await[2], json!("requested"));
    stage.fault(json!({"operation": "*", "kind": "revoke"})).await;
    stage.settle().await;
    assert_eq!(last(&stage, "ledger").await[2], json!("failed"));
    assert_eq!(last(&stage, "return").await[2], json!("failed"));
    assert_eq!(stage.count("SELECT count(*) FROM connections WHERE state = 'token_expired'").await, 1);
    let said = stage.slice.said().await;
    assert_eq!(said.iter().filter(|(kind, _)| kind == "claims.account_token_failed.v1").count(), 1, "said once");
    // A new consent makes it whole, and everything is fetched.
    stage.connect("na").await;
    stage.settle().await;
    assert_eq!(last(&stage, "ledger").await[2], json!("committed"));
    assert_eq!(stage.count("SELECT count(*) FROM connections").await, 1, "the same connection");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_run_that_is_killed_goes_on_and_adds_nothing_twice(pool: PgPoolOptions, options: PgConnectOptions) {
    let stage = Stage::new(5, pool, options).await;
    connected(&stage, "na").await;
    sync(&stage, &["ledger"]).await;
    stage.settle().await;
    let rows = stage.count("SELECT count(*) FROM report_rows").await;
    assert!(rows > 50);
    // As if the worker had died after it had committed half of the rows: the document is read again from its beginning.
    stage.execute("DELETE FROM report_rows WHERE hash < '80000000-0000-0000-0000-000000000000'").await;
    let deleted = rows - stage.count("SELECT count(*) FROM report_rows").await;
    stage.execute("UPDATE sync_runs SET state = 'parsing', finished_at = NULL WHERE report = 'ledger' AND state = 'committed'").await;
    stage.requeue("ledger").await;
    stage.drain().await;
    let run = last(&stage, "ledger").await;
    assert_eq!((&run[2], &run[3], &run[4]), (&json!("committed"), &json!(rows), &json!(deleted)));
    assert_eq!(stage.count("SELECT count(*) FROM report_rows").await, rows);
    // The document again, with the link expired and the download cut off on the way.
    stage.fault(json!({"operation": "document", "kind": "expire_link"})).await;
    stage.fault(json!({"operation": "document", "kind": "truncate"})).await;
    stage.execute("UPDATE sync_runs SET state = 'downloading' WHERE report = 'ledger' AND state = 'committed'").await;
    stage.requeue("ledger").await;
    stage.settle().await;
    let run = last(&stage, "ledger").await;
    assert_eq!((&run[2], &run[3], &run[4]), (&json!("committed"), &json!(rows), &json!(0)));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn nothing_to_tell_is_no_data_and_an_alarm_where_rows_were_before(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let stage = Stage::new(5, pool, options).await;
    connected(&stage, "eu").await;
    // Cancelled at first: no data, and nothing to be alarmed about.
    stage.fault(json!({"operation": "getReport", "kind": "cancelled"})).await;
    sync(&stage, &["reimbursement"]).await;
    stage.settle().await;
    let run = last(&stage, "reimbursement").await;
    assert_eq!((&run[2], &run[7]), (&json!("no_data"), &Value::Null));
    // European files: Windows-1252, decimal commas.
    sync(&stage, &["reimbursement", "return"]).await;
    stage.settle().await;
    let rows = stage.count("SELECT count(*) FROM report_rows").await;
    assert!(rows > 10 && last(&stage, "reimbursement").await[2] == json!("committed"));
    assert_eq!(stage.count("SELECT sum(rows_rejected)::bigint FROM sync_runs").await, 0);
    // A header alone, and cancelled once more: alarms, and nothing is deleted.
    for (kind, report, state) in [("header_only", "return", "committed"), ("cancelled", "reimbursement", "no_data")] {
        stage.fault(json!({"operation": "getReport", "kind": kind})).await;
        sync(&stage, &[report]).await;
        stage.settle().await;
        let run = last(&stage, report).await;
        assert_eq!((&run[2], run[7].is_string()), (&json!(state), true), "{run}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM report_rows").await, rows);
    let said = stage.slice.said().await;
    assert_eq!(said.iter().filter(|(kind, _)| kind == "claims.report_emptied.v1").count(), 2);
    // What Amazon cannot make is asked for again, half an hour later.
    stage.fault(json!({"operation": "getReport", "kind": "fatal"})).await;
    sync(&stage, &["return"]).await;
    for _ in 0..4 {
        stage.drain().await;
        stage.pass(TimeDelta::seconds(20));
    }
    assert_eq!(last(&stage, "return").await[2], json!("queued"), "it waits");
    stage.pass(TimeDelta::minutes(31));
    stage.settle().await;
    assert_eq!(last(&stage, "return").await[2], json!("committed"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn unknown_reasons_are_kept_aside_and_no_other_tenant_sees_rows(pool: PgPoolOptions, options: PgConnectOptions) {
    let stage = Stage::new(5, pool, options).await;
    let id = connected(&stage, "na").await;
    sync(&stage, &["ledger"]).await;
    stage.settle().await;
    let unknown = stage.count("SELECT count(*) FROM report_rows WHERE quarantined IS NOT NULL").await;
    assert!(unknown > 0, "the world has a code that nobody knows");
    assert_eq!(stage.count("SELECT rows_quarantined FROM sync_runs WHERE state = 'committed'").await, unknown);
    let other = stage.slice.of_tenant("other");
    let mut work = other.work().await;
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM report_rows").fetch_one(work.conn()).await.unwrap();
    assert_eq!(seen, 0);
    // A secret opens for its own connection and tenant only.
    let secret = stage.value("SELECT secret FROM connections").await;
    let sealed = serde_json::from_value(secret).unwrap();
    let vault = Vault::new(stage.config.masters.clone());
    assert!(vault.open("demo", id.0, &sealed).is_ok_and(|token| token.expose().starts_with("Atzr|")));
    assert!(vault.open("other", id.0, &sealed).is_err());
    assert!(vault.open("demo", uuid::Uuid::nil(), &sealed).is_err());
    // Without an application there is no session, and the run says so.
    let lonely = claims::amazon::Amazon::new(None, vault, std::sync::Arc::clone(stage.slice.store.clock()));
    sync(&stage, &["return"]).await;
    let worker = Worker::new(stage.slice.store.clone()).on(RunReport { amazon: lonely });
    while worker.run_next().await.unwrap() {}
    assert_eq!(last(&stage, "return").await[6], json!("no application with Amazon is configured"));
}
