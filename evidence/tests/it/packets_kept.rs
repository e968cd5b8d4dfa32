//! Packets are never changed: not by a kill, a hand in the database or the store, nor by what is read of their documents later.

use std::io::Read;

use chrono::TimeDelta;
use evidence::read_document::ReadDocument;
use evidence::reading::invoice::{Invoice, Source};
use evidence::reading::refusal::Refusal;
use evidence::reread_document::Reread;
use providers::files::Files;
use providers::objects::{ObjectConfig, Objects};
use service_kit::jobs::Worker;
use shared_events::DocumentId;
use shared_events::evidence::RereadDocument;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::documents::reading::script;
use crate::packet_bed::{Bed, DELIVERY};

/// The job as a process leaves it that is killed after its contents were fixed, or after its file was stored.
#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_sealing_that_was_killed_goes_on_without_a_second_packet(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    // The store cannot be written to: contents are fixed, the file is not stored.
    let blocked = std::env::temp_dir().join(format!("recoup-blocked-{}", Uuid::now_v7().simple()));
    std::fs::write(&blocked, b"a file where a folder should be").unwrap();
    let objects = Objects::open(&ObjectConfig::Local { dir: blocked }).unwrap();
    let broken = Files { objects, masters: bed.state.config.masters.clone() };
    assert!(Worker::new(bed.store.clone()).on(bed.sealing(broken)).run_next().await.unwrap());
    let fixed = bed.packets().await;
    assert_eq!((fixed.len(), bed.objects("packets").await), (1, 0));
    assert_eq!(
        bed.count("SELECT count(*) FROM outbox WHERE properties LIKE '%evidence.proof_packet_ready.v1%'").await,
        0
    );
    // Meanwhile something else happens; what was fixed is not touched by it.
    let manifest = bed.count("SELECT hashtextextended(encode(manifest, 'hex'), 0) FROM packets").await;
    bed.matched(request, bed.document(DELIVERY).await, "proved").await;
    bed.clock.advance(TimeDelta::minutes(10));
    bed.drain().await;
    assert_eq!(bed.packets().await, fixed);
    assert_eq!(bed.count("SELECT hashtextextended(encode(manifest, 'hex'), 0) FROM packets").await, manifest);
    assert!(bed.verified(fixed[0]).await.intact);
    let stored = bed.file(fixed[0]).await;
    // Killed between storing and writing that down: the row still says that it is being sealed, and the job comes back.
    let undo = "ALTER TABLE packets DISABLE TRIGGER packets_stay; UPDATE packets SET state = 'sealing', sha256 = NULL, bytes = NULL, ready_at = NULL;
                ALTER TABLE packets ENABLE TRIGGER packets_stay";
    sqlx::raw_sql(undo).execute(&bed.owner).await.unwrap();
    bed.enqueue_sealing(fixed[0], request).await;
    bed.drain().await;
    assert_eq!((bed.packets().await, bed.objects("packets").await), (fixed.clone(), 1));
    assert_eq!(bed.file(fixed[0]).await, stored);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_document_that_is_not_what_it_was_is_not_sealed(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    // The row's hash is not that of the bytes.
    sqlx::query("UPDATE documents SET sha256 = repeat('0', 64)").execute(&bed.owner).await.unwrap();
    bed.paid(request, 100, "RMB-1").await.unwrap();
    assert!(bed.worker().run_next().await.unwrap());
    assert_eq!(bed.objects("packets").await, 0);
    assert_eq!(bed.count("SELECT count(*) FROM packets WHERE state = 'ready'").await, 0);
    let why: String = sqlx::query_scalar("SELECT reason FROM packet_failures").fetch_one(&bed.owner).await.unwrap();
    assert!(why.contains("was altered"), "{why}");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_database_itself_keeps_packets_as_they_are(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    // Even the owner of the tables cannot do it by accident.
    for sql in [
        "UPDATE packets SET claim = 'another'",
        "UPDATE packets SET sha256 = 'x'",
        "UPDATE packets SET state = 'sealing', sha256 = NULL, bytes = NULL, ready_at = NULL",
        "DELETE FROM packet_documents",
        "UPDATE packet_files SET content = ''",
        "DELETE FROM packet_files",
        "DELETE FROM packets",
        "UPDATE documents SET state = 'deleted'",
    ] {
        let error = sqlx::query(sql).execute(&bed.owner).await.unwrap_err().to_string();
        assert!(error.contains("never changes") || error.contains("holds this document"), "{sql}: {error}");
    }
    // The master key may be changed, and a document in a draft may go.
    sqlx::query("UPDATE packets SET key_master = 'two', key_wrapped = 'x'").execute(&bed.owner).await.unwrap();
    let open = bed.request("CLM-2").await;
    let document = bed.document(DELIVERY).await;
    bed.matched(open, document, "proved").await;
    bed.ask(open).await.unwrap();
    bed.drain().await;
    sqlx::query("UPDATE documents SET state = 'deleted' WHERE id = $1")
        .bind(document)
        .execute(&bed.owner)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_stored_object_is_encrypted_and_opens_for_its_tenant_alone(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let packet = bed.packets().await[0];
    let ObjectConfig::Local { dir } = &bed.state.config.objects else { panic!("a folder") };
    let mut raw = Vec::new();
    std::fs::File::open(dir.join("packets").join(format!("{packet}.zip"))).unwrap().read_to_end(&mut raw).unwrap();
    // The four bytes before each file in a ZIP: two alone turn up by chance.
    let readable = |bytes: &[u8]| bytes.starts_with(b"an invoice") || bytes.starts_with(b"PK\x03\x04");
    assert!(!raw.windows(10).any(readable), "nothing of it is readable");
    let place = providers::files::Place {
        object: format!("packets/{packet}.zip"),
        bytes: bed.file(packet).await.len() as u64,
        key: shared_events::evidence::WrappedKey {
            master: "one".to_owned(),
            wrapped: sqlx::query_scalar("SELECT key_wrapped FROM packets").fetch_one(&bed.owner).await.unwrap(),
        },
    };
    assert!(bed.state.files.read_whole(&bed.of_tenant("other").tenant, &place).await.is_err());
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_sealed_packet_stays_when_its_document_is_read_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.proved("CLM-1").await;
    bed.paid(request, 100, "RMB-1").await.unwrap();
    bed.drain().await;
    let (packets, all) = (bed.packets().await, "SELECT hashtextextended(string_agg(p::text, ''), 0) FROM packets p");
    let (row, sealed) = (bed.count(all).await, bed.file(packets[0]).await);
    let document: Uuid = sqlx::query_scalar("SELECT id FROM documents").fetch_one(&bed.owner).await.unwrap();
    bed.handle(&Reread, RereadDocument { document_id: DocumentId(document) }).await.unwrap();
    let ObjectConfig::Local { dir } = &bed.state.config.objects else { panic!("a folder") };
    let program = script(dir, "reader", &Ok::<_, Refusal>(Invoice::empty(Source::PdfText)));
    let worker = Worker::new(bed.store.clone()).on(ReadDocument { program, files: bed.state.files.clone() });
    while worker.run_next().await.unwrap() {}
    assert_eq!(bed.count("SELECT count(*) FROM readings").await, 1, "it was read");
    // The packet is what it was, and what it proves is proved.
    bed.drain().await;
    assert_eq!((bed.packets().await, bed.count(all).await), (packets.clone(), row));
    assert_eq!(bed.file(packets[0]).await, sealed);
    assert!(bed.verified(packets[0]).await.intact);
    assert_eq!(bed.count("SELECT count(*) FROM matches WHERE ended = 'proved' AND latest").await, 1);
    assert_eq!(bed.count("SELECT count(*) FROM proof_requests WHERE state = 'proved'").await, 1);
}
