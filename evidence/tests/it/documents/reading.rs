//! What becomes of a document by what its reader says; the reader is a script that answers what a test wants.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use evidence::read_document::ReadDocument;
use evidence::reading::invoice::{Day, Found, Invoice, Source};
use evidence::reading::refusal::Refusal;
use service_kit::jobs::Worker;
use shared_events::DocumentId;
use sqlx::Row;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, pdf};

/// A reader that says this of every document.
pub fn script(folder: &Path, name: &str, answer: &Result<Invoice, Refusal>) -> PathBuf {
    let (script, said) = (folder.join(name), folder.join(format!("{name}.json")));
    std::fs::write(&said, serde_json::to_vec(answer).unwrap()).unwrap();
    std::fs::write(&script, format!("#!/bin/sh\ncat > /dev/null\ncat '{}'\n", said.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Runs the jobs of reading with such a reader.
pub async fn read(bed: &Bed, name: &str, answer: Result<Invoice, Refusal>) {
    let program = script(&bed.folder, name, &answer);
    let worker = Worker::new(bed.store.clone()).on(ReadDocument { program, files: bed.files.clone() });
    while worker.run_next().await.unwrap() {}
}

/// State of a document, and the rule that failed.
pub async fn state(bed: &Bed, id: DocumentId) -> (String, Option<String>) {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT state::text, rule FROM documents WHERE id = $1")
        .bind(id.0)
        .fetch_one(work.conn())
        .await
        .unwrap()
}

async fn told(bed: &Bed) -> usize {
    bed.kinds_said().await.iter().filter(|kind| *kind == "evidence.document_unreadable.v1").count()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_document_waits_while_the_machine_is_busy_but_not_for_ever(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (first, second) = (bed.upload(&pdf("one"), None).await, bed.upload(&pdf("two"), None).await);
    let busy = || Err(Refusal::later("busy", "reading took more than 300 s"));
    read(&bed, "busy", busy()).await;
    assert_eq!((state(&bed, first).await, told(&bed).await), (("received".into(), None), 0));
    bed.clock.advance(TimeDelta::hours(1));
    sqlx::query("DELETE FROM jobs WHERE key = $1").bind(second.to_string()).execute(bed.store.pool()).await.unwrap();
    read(&bed, "calm", Ok(Invoice::empty(Source::PdfText))).await;
    assert_eq!(state(&bed, first).await, ("parsed".into(), None));
    // One that never has its turn is given up, and is no suspect.
    let third = bed.upload(&pdf("three"), None).await;
    for _ in 0..8 {
        read(&bed, "still-busy", busy()).await;
        bed.clock.advance(TimeDelta::hours(1));
    }
    assert_eq!((state(&bed, third).await, told(&bed).await), (("parse_failed".into(), Some("busy".into())), 1));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_holds_no_invoice_is_kept_and_nobody_is_alarmed(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let photo = bed.upload(&pdf("a photo"), None).await;
    read(&bed, "photo", Err(Refusal::kept("no-text", "a picture without legible text"))).await;
    assert_eq!((state(&bed, photo).await, told(&bed).await), (("kept".into(), Some("no-text".into())), 0));
    assert_eq!(bed.content(photo).await, pdf("a photo"));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_date_to_come_is_flagged(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    for (name, date, flagged) in [("tomorrow", "2026-11-23", 0), ("next-year", "2027-01-20", 1)] {
        let id = bed.upload(&pdf(name), None).await;
        let day = Day { date: date.parse().unwrap(), or: None };
        read(&bed, name, Ok(Invoice { date: Some(Found::certain(day)), ..Invoice::empty(Source::PdfText) })).await;
        let mut work = bed.work().await;
        let sql = "SELECT jsonb_array_length(invoice::jsonb->'flags') FROM readings WHERE document_id = $1";
        let row = sqlx::query(sql).bind(id.0).fetch_one(work.conn()).await.unwrap();
        assert_eq!(row.get::<i32, _>(0), flagged, "{name}");
    }
}
