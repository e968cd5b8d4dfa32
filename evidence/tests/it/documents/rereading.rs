//! A document is read once more: what was read before stays until something else was read, and what is settled stays whatever is read.

use evidence::match_jobs::{MatchDocument, MatchRequest};
use evidence::prompts::Timing;
use evidence::reading::invoice::Invoice;
use evidence::reading::refusal::Refusal;
use evidence::request_proof;
use evidence::reread_document::Reread;
use serde_json::Value;
use service_kit::handler::Failure;
use service_kit::jobs::Worker;
use shared_events::evidence::{RequestProof, RereadDocument};
use shared_events::{DocumentId, ProofRequestId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use super::bed::{Bed, code, pdf, tenant};
use super::reading::{read, state};
use crate::match_bed::{CLAIM, numbered, of_supplier, subject};

async fn reread(bed: &Bed, document_id: DocumentId) -> Result<(), Failure> {
    bed.handle(&Reread, RereadDocument { document_id }).await
}

/// A request for the subject of the table of rules.
async fn request(bed: &Bed) -> ProofRequestId {
    let request_id = ProofRequestId(Uuid::now_v7());
    let command = RequestProof {
        request_id,
        claim_type: CLAIM.into(),
        reference: None,
        subject: subject(),
        source_rows: vec![],
        policy: Value::Null,
        requested_by: Subject::try_new("ann").unwrap(),
    };
    bed.handle(&request_proof::Request, command).await.unwrap();
    request_id
}

/// Runs the jobs of matching.
async fn matched(bed: &Bed) {
    let worker = Worker::new(bed.store.clone())
        .on(MatchDocument { timing: Timing::default() })
        .on(MatchRequest { timing: Timing::default() });
    while worker.run_next().await.unwrap() {}
}

/// Rows of one text column, as the tenant sees them.
async fn texts(bed: &Bed, sql: &'static str, id: Uuid) -> Vec<String> {
    let mut work = bed.work().await;
    sqlx::query_scalar(sql).bind(id).fetch_all(work.conn()).await.unwrap()
}

/// What is asked about a request: states, in order.
async fn prompts(bed: &Bed, request: ProofRequestId) -> Vec<String> {
    texts(bed, "SELECT state::text FROM prompts WHERE request_id = $1 ORDER BY seq", request.0).await
}

async fn keys(bed: &Bed, id: DocumentId) -> Vec<String> {
    texts(bed, "SELECT key FROM reading_keys WHERE document_id = $1 ORDER BY key", id.0).await
}

/// The rule by which a request was judged last.
async fn rules(bed: &Bed, request: ProofRequestId) -> Vec<String> {
    texts(bed, "SELECT rule FROM matches WHERE request_id = $1 AND latest AND NOT shadow", request.0).await
}

async fn last_rule(bed: &Bed, id: DocumentId) -> Option<String> {
    let mut work = bed.work().await;
    sqlx::query_scalar("SELECT reread_rule FROM documents WHERE id = $1 AND reread_at IS NOT NULL")
        .bind(id.0)
        .fetch_one(work.conn())
        .await
        .unwrap()
}

fn by_supplier() -> Invoice {
    of_supplier("Acme Supplies Ltd.", 25_000, numbered("INV-7"))
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_could_not_be_read_is_read_by_a_better_reader(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = request(&bed).await;
    let id = bed.upload(&pdf("hard to read"), None).await;
    read(&bed, "weak", Err(Refusal::invalid("pdf-broken", "the PDF is broken"))).await;
    assert_eq!(state(&bed, id).await, ("parse_failed".into(), Some("pdf-broken".into())));
    reread(&bed, id).await.unwrap();
    read(&bed, "as-weak", Err(Refusal::invalid("no-total", "there is no total"))).await;
    assert_eq!(state(&bed, id).await, ("parse_failed".into(), Some("no-total".into())));
    assert_eq!(last_rule(&bed, id).await.as_deref(), Some("no-total"));
    // Asked for twice, it is read once.
    reread(&bed, id).await.unwrap();
    reread(&bed, id).await.unwrap();
    read(&bed, "better", Ok(by_supplier())).await;
    matched(&bed).await;
    assert_eq!((state(&bed, id).await, last_rule(&bed, id).await), (("parsed".into(), None), None));
    assert_eq!(rules(&bed, request).await, ["supplier_match"]);
    assert_eq!(prompts(&bed, request).await, ["pending"]);
    let parsed = bed.kinds_said().await.iter().filter(|kind| *kind == "evidence.document_parsed.v1").count();
    assert_eq!(parsed, 1);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn another_reading_takes_the_place_of_the_first_and_is_judged(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = request(&bed).await;
    let id = bed.upload(&pdf("an invoice"), None).await;
    read(&bed, "first", Ok(by_supplier())).await;
    matched(&bed).await;
    assert_eq!(prompts(&bed, request).await, ["pending"]);
    // The same again: nothing happens, and nothing is told.
    let said = bed.kinds_said().await.len();
    reread(&bed, id).await.unwrap();
    read(&bed, "same", Ok(by_supplier())).await;
    matched(&bed).await;
    assert_eq!((bed.kinds_said().await.len(), prompts(&bed, request).await.len()), (said, 1));
    // A reader that fails takes nothing away.
    reread(&bed, id).await.unwrap();
    read(&bed, "failing", Err(Refusal::hostile("time-limit", "too much time"))).await;
    matched(&bed).await;
    assert_eq!(state(&bed, id).await, ("parsed".into(), None));
    assert_eq!(last_rule(&bed, id).await.as_deref(), Some("time-limit"));
    assert_eq!(
        (prompts(&bed, request).await, rules(&bed, request).await),
        (vec!["pending".to_owned()], vec!["supplier_match".to_owned()])
    );
    // A better one finds the order: the question by the old reading is withdrawn, the new one is asked.
    reread(&bed, id).await.unwrap();
    read(&bed, "better", Ok(numbered("112-1234567-1234567"))).await;
    assert_eq!(keys(&bed, id).await, ["code 11212345671234567"]);
    assert_eq!(prompts(&bed, request).await, ["cancelled"]);
    matched(&bed).await;
    assert_eq!(rules(&bed, request).await, ["exact_invoice"]);
    assert_eq!(prompts(&bed, request).await, ["cancelled", "pending"]);
    // One that says nothing of it any more leaves nothing to ask.
    reread(&bed, id).await.unwrap();
    read(&bed, "other", Ok(numbered("INV-8"))).await;
    matched(&bed).await;
    assert_eq!(prompts(&bed, request).await, ["cancelled", "cancelled"]);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn only_documents_that_are_there_are_read_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let mut bed = Bed::new(pool, options).await;
    let id = bed.upload(&pdf("one"), None).await;
    bed.delete(id).await.unwrap();
    assert_eq!(code(reread(&bed, id).await.unwrap_err()), "document_not_found");
    let ours = bed.upload(&pdf("two"), None).await;
    bed.tenant = tenant("other");
    assert_eq!(code(reread(&bed, ours).await.unwrap_err()), "document_not_found");
}
