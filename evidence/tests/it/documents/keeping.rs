//! The same bytes are the same document, and no object is left that nobody knows.

use chrono::TimeDelta;
use evidence::register_evidence::{Received, Register};
use evidence::{rotate_keys, sweep_objects};
use providers::files::Files;
use shared_events::claims::DocumentReceived;
use shared_events::evidence::EvidenceSource;
use shared_events::{ConnectionId, DocumentId, EvidenceId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, NEW_KEY, OLD_KEY, code, pdf, tenant};

const RECEIVED: &str = "evidence.document_received.v1";
const REGISTERED: &str = "evidence.evidence_registered.v1";

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_document_is_kept_and_announced(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("one"), None).await;
    assert_eq!(bed.content(id).await, pdf("one"));
    let said = bed.said().await;
    let kinds: Vec<&str> = said.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, [RECEIVED, REGISTERED]);
    assert_eq!(said[0].1["document_id"], id.to_string());
    assert_eq!(said[1].1["document_id"], id.to_string());
    let reading: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = 'evidence.read_document' AND key = $1")
            .bind(id.to_string())
            .fetch_one(bed.store.pool())
            .await
            .unwrap();
    assert_eq!(reading, 1);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_same_bytes_twice_are_one_document_with_one_object(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (first, second) = (bed.stored(&pdf("same")).await, bed.stored(&pdf("same")).await);
    assert_eq!(bed.objects(), 2);
    // Both at once.
    let submissions =
        [first, second].map(|file| bed.handle(&Register, bed.submission(EvidenceSource::File(file), None)));
    for outcome in futures::future::join_all(submissions).await {
        outcome.unwrap();
    }
    let received = bed.kinds_said().await.into_iter().filter(|kind| kind == RECEIVED).count();
    assert_eq!(received, 1);
    bed.run_jobs().await;
    assert_eq!(bed.objects(), 1);
    let id = bed.upload(&pdf("same"), None).await;
    assert_eq!(bed.content(id).await, pdf("same"));
    bed.run_jobs().await;
    assert_eq!((bed.objects(), bed.content(id).await), (1, pdf("same")));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn another_tenant_has_a_document_of_its_own(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    let ours = bed.upload(&pdf("same"), None).await;
    bed.tenant = tenant("other");
    let theirs = bed.upload(&pdf("same"), None).await;
    bed.run_jobs().await;
    assert_ne!(ours, theirs);
    assert_eq!(bed.objects(), 2);
    let mut work = bed.work().await;
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(work.conn()).await.unwrap();
    assert_eq!(seen, 1);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_an_upload_left_behind_is_swept_and_what_is_known_is_not(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("kept"), None).await;
    // The edge died after it had stored the file and before it sent the command; another one died while it wrote.
    let orphan = bed.stored(&pdf("orphan")).await;
    let mut half = bed.files.intake(&bed.tenant);
    half.push(&pdf(&"x".repeat(100_000))).await.unwrap();
    std::mem::forget(half);
    assert_eq!(bed.objects(), 3);
    assert_eq!(sweep_objects::sweep(&bed.store, &bed.files.objects, TimeDelta::hours(1)).await.unwrap(), 0);
    assert_eq!(bed.objects(), 3);
    // Old enough by now: no patience at all stands for an hour later.
    assert_eq!(sweep_objects::sweep(&bed.store, &bed.files.objects, TimeDelta::seconds(-1)).await.unwrap(), 2);
    assert_eq!((bed.objects(), bed.content(id).await), (1, pdf("kept")));
    // The command comes all the same, much too late: it must not make a document without bytes.
    let late = bed.handle(&Register, bed.submission(EvidenceSource::File(orphan.clone()), None)).await;
    assert_eq!(code(late.unwrap_err()), "upload_expired");
    let mut work = bed.work().await;
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM documents WHERE sha256 = $1")
        .bind(orphan.sha256)
        .fetch_one(work.conn())
        .await
        .unwrap();
    assert_eq!(made, 0);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn master_keys_are_replaced_without_touching_documents(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    let ours = bed.upload(&pdf("ours"), None).await;
    bed.tenant = tenant("other");
    let theirs = bed.upload(&pdf("theirs"), None).await;
    let both = format!("{NEW_KEY},{OLD_KEY}").parse().unwrap();
    assert_eq!(rotate_keys::rotate(&bed.store, &both).await.unwrap(), 2);
    assert_eq!(rotate_keys::rotate(&bed.store, &both).await.unwrap(), 0);
    let new = Files { objects: bed.files.objects.clone(), masters: NEW_KEY.parse().unwrap() };
    assert_eq!(bed.content_with(&new, theirs).await, pdf("theirs"));
    bed.tenant = tenant("demo");
    assert_eq!(bed.content_with(&new, ours).await, pdf("ours"));
    let missing = rotate_keys::rotate(&bed.store, &OLD_KEY.parse().unwrap()).await;
    assert!(missing.is_err(), "the new key is not there to unwrap with");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_file_that_came_by_mail_is_evidence_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let file = bed.stored(b"%PDF-1.7 an invoice").await;
    let id = DocumentId::of(&bed.tenant, &file.sha256);
    let received = DocumentReceived {
        evidence_id: EvidenceId(uuid::Uuid::now_v7()),
        connection_id: ConnectionId(uuid::Uuid::now_v7()),
        file,
        evidence_type: "supplier_invoice".into(),
        received_for: Subject::try_new("ann").unwrap(),
    };
    bed.handle(&Received, received.clone()).await.unwrap();
    assert!(bed.handle(&Received, received).await.is_err(), "told twice it is refused, not taken twice");
    assert_eq!(bed.content(id).await, b"%PDF-1.7 an invoice");
    let kinds = bed.kinds_said().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "evidence.evidence_registered.v1").count(), 1, "{kinds:?}");
}
