//! A seller's year, connected, synced and evaluated through the service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use claims::start_sync::Start;
use serde_json::json;
use shared_events::claims::StartSync;
use shared_events::{Subject, SyncId};
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::sellers::Stage;

/// Type, marketplace, subject, clock and amount of what can be claimed.
type Owed = (String, String, String, String, i64);

async fn claimable(stage: &Stage) -> BTreeSet<Owed> {
    let mut work = stage.slice.work().await;
    let sql = "SELECT claim_type, marketplace, subject->>'text' AS subject, clock_start::text AS clock, expected_minor
               FROM detections WHERE status = 'claimable'";
    let rows = sqlx::query(sql).fetch_all(work.conn()).await.unwrap();
    rows.iter()
        .map(|row| {
            (
                row.get("claim_type"),
                row.get("marketplace"),
                row.get("subject"),
                row.get("clock"),
                row.get("expected_minor"),
            )
        })
        .collect()
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_a_year_owes_is_found_and_reading_it_again_adds_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let stage = Stage::new(3, pool, options).await;
    let (na, eu) = (stage.connect("na").await, stage.connect("eu").await);
    stage.settle().await;
    stage.tell("na", na).await;
    stage.tell("eu", eu).await;
    stage.drain().await;
    let truth: BTreeSet<Owed> = stage
        .world
        .truth
        .iter()
        .map(|owed| {
            (
                owed.claim_type.to_owned(),
                owed.marketplace.to_owned(),
                owed.subject.clone(),
                owed.clock.to_string(),
                owed.minor,
            )
        })
        .collect();
    let found = claimable(&stage).await;
    assert!(truth.len() > 30, "there is something to find: {}", truth.len());
    let missed: Vec<_> = truth.difference(&found).collect();
    let beyond: Vec<_> = found.difference(&truth).collect();
    assert!(missed.is_empty() && beyond.is_empty(), "missed {missed:#?}\nbeyond {beyond:#?}");

    // Everything once more: not a row, not a detection more.
    let rows = stage.count("SELECT count(*) FROM report_rows").await;
    stage.pass(TimeDelta::seconds(60));
    let sync_id = SyncId(uuid::Uuid::now_v7());
    let asked_by = Subject::try_new("ann").unwrap();
    let command = StartSync {
        sync_id,
        connection_id: None,
        reports: vec!["ledger".into(), "reimbursement".into(), "return".into()],
        asked_by,
    };
    stage.slice.handle(&Start, command).await.unwrap();
    stage.settle().await;
    assert_eq!(stage.count("SELECT count(*) FROM report_rows").await, rows);
    assert_eq!(claimable(&stage).await, found);
    let again = stage.runs().await.into_iter().rev().take(6).collect::<Vec<_>>();
    assert!(
        again.iter().all(|run| run[2] == json!("committed") && run[3].as_i64() > Some(0) && run[4] == json!(0)),
        "{again:?}"
    );
}
