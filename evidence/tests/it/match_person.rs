//! What a person settles, and the labels that come of it.

use evidence::matched::settle_by_person;
use evidence::{delete_document, import_labels, record_outcome};
use service_kit::handler::Failure;
use service_kit::store::Cause;
use shared_events::evidence::{DeleteDocument, ImportLabels, PastMatch, RecordOutcome};
use shared_events::{DocumentId, ModelId, ProofRequestId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::match_bed::{Bed, CLAIM, code, dated, invoice, numbered, of_supplier, subject, with_line};

async fn settle(bed: &Bed, request: ProofRequestId, document: DocumentId, proved: bool) -> Result<(), Failure> {
    let (mut work, cause) = (bed.work().await, Cause::root(Uuid::now_v7(), None));
    let bob = Subject::try_new("bob").unwrap();
    settle_by_person(&mut work, &cause, request, document, proved, &bob, Some(" it is the one ")).await?;
    work.commit().await.unwrap();
    Ok(())
}

/// Source, truth and who said so.
async fn labels(bed: &Bed) -> Vec<(String, bool, String)> {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT source::text, proved, said_by FROM labels ORDER BY seq")
        .fetch_all(work.conn())
        .await
        .unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_person_confirms(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let document = bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    assert_eq!(bed.state(request).await, ("open".into(), 2), "a prompt");
    settle(&bed, request, document, true).await.unwrap();
    bed.drain().await;
    let decided = bed.decided(request).await;
    assert_eq!((decided[0].ended.as_deref(), decided[0].decided_by.as_str()), (Some("proved"), "bob"));
    assert_eq!(decided[0].decision, "prompt", "what the model decided stays readable");
    assert_eq!(bed.state(request).await, ("proved".into(), 3));
    assert_eq!(labels(&bed).await, [("prompt".into(), true, "bob".into())]);
    assert!(bed.said().await.contains(&("evidence_matched".into(), 3)));
    settle(&bed, request, document, true).await.unwrap();
    assert_eq!((bed.state(request).await.1, labels(&bed).await.len()), (3, 1), "said twice is said once");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_person_refuses_and_the_next_best_is_asked_about(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let best = bed.document(&numbered("112-1234567-1234567")).await;
    let next = bed.document(&of_supplier("Acme Supplies", 24_580, invoice())).await;
    bed.drain().await;
    let asked = |decided: &[crate::match_bed::Decided], id: DocumentId| {
        decided.iter().find(|one| one.document_id == id.0).unwrap().prompt_id.is_some()
    };
    let before = bed.decided(request).await;
    assert!(asked(&before, best) && !asked(&before, next));
    settle(&bed, request, best, false).await.unwrap();
    bed.drain().await;
    let after = bed.decided(request).await;
    assert_eq!(after[0].ended.as_deref(), Some("refused"));
    assert!(asked(&after, next), "{after:?}");
    assert_eq!(bed.state(request).await.0, "open");
    assert_eq!(labels(&bed).await, [("prompt".into(), false, "bob".into())]);
    assert_eq!(bed.count_of("match_rejected").await, 1);
    // It is never taken or asked about again, whatever the gate says.
    bed.open_gate().await;
    bed.match_document(best).await;
    bed.drain().await;
    assert_eq!((bed.state(request).await.0.as_str(), bed.count_of("evidence_matched").await), ("open", 0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_cannot_be_settled_is_refused(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let stranger = bed.document(&numbered("4711")).await;
    bed.drain().await;
    let nobody = ProofRequestId(Uuid::now_v7());
    assert_eq!(code(settle(&bed, nobody, stranger, true).await.unwrap_err()), "request_not_found");
    assert_eq!(code(settle(&bed, request, stranger, true).await.unwrap_err()), "match_not_found");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_outcome_is_a_label_and_weighs_more_than_an_answer(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let document = bed.document(&dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, invoice()))).await;
    bed.drain().await;
    settle(&bed, request, document, true).await.unwrap();
    let outcome = |proved| RecordOutcome { request_id: request, document_id: document, proved };
    bed.handle(&record_outcome::Record, outcome(false)).await.unwrap();
    assert_eq!(labels(&bed).await, [("outcome".into(), false, "ann".into())]);
    settle(&bed, request, document, false).await.unwrap();
    assert_eq!(labels(&bed).await, [("outcome".into(), false, "ann".into())], "an answer does not change it");
    bed.drain().await;
    let unknown = RecordOutcome { document_id: DocumentId(Uuid::now_v7()), ..outcome(true) };
    assert_eq!(code(bed.handle(&record_outcome::Record, unknown).await.unwrap_err()), "document_not_found");
    let other = bed.of_tenant("other");
    assert_eq!(code(other.handle(&record_outcome::Record, outcome(true)).await.unwrap_err()), "request_not_found");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_import_counts_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let past = |number: &str| PastMatch {
        subject: subject(),
        document: serde_json::json!({ "number": number, "lines": [{ "sku": "A", "quantity": 2, "description": "b" }] }),
        proved: number == "112-1234567-1234567",
    };
    let import = ImportLabels {
        import_id: ModelId(Uuid::now_v7()),
        claim_type: CLAIM.into(),
        matches: vec![past("112-1234567-1234567"), past("4711")],
    };
    for _ in 0..2 {
        bed.handle(&import_labels::Import, import.clone()).await.unwrap();
        bed.drain().await;
    }
    assert_eq!(labels(&bed).await, [("import".into(), true, "ann".into()), ("import".into(), false, "ann".into())]);
    let mut bad = import.clone();
    bad.matches[1].document = serde_json::json!({ "colour": "blue" });
    let Failure::Reject(rejection) = bed.handle(&import_labels::Import, bad).await.unwrap_err() else { panic!() };
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("bad_import", Some("matches[1].document")));
    let none = ImportLabels { matches: vec![], ..import };
    assert_eq!(code(bed.handle(&import_labels::Import, none).await.unwrap_err()), "bad_import");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_a_deleted_document_proved_is_open_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let proof = bed.document(&numbered("112-1234567-1234567")).await;
    let next = bed.document(&of_supplier("Acme Supplies", 24_580, invoice())).await;
    let request = bed.request(subject()).await;
    bed.drain().await;
    assert_eq!(bed.state(request).await.0, "proved");
    let delete = |document_id| DeleteDocument { document_id, reason: "not ours".into() };
    let forget = async |document| bed.handle(&delete_document::Delete, delete(document)).await;
    // Its object is thrown away by a job that these tests do not run.
    forget(proof).await.unwrap();
    bed.drain().await;
    assert_eq!(bed.state(request).await.0, "open");
    assert_eq!(bed.count_of("match_rejected").await, 1);
    let decided = bed.decided(request).await;
    assert_eq!(
        (decided.len(), decided[0].document_id, decided[0].short()),
        (1, next.0, ("supplier_match", "prompt", "unsure"))
    );
    // What was asked about is asked no more.
    forget(next).await.unwrap();
    bed.drain().await;
    let mut work = bed.work().await;
    let pending: i64 = sqlx::query_scalar("SELECT count(*) FROM prompts WHERE state = 'pending'")
        .fetch_one(work.conn())
        .await
        .unwrap();
    assert_eq!((pending, bed.decided(request).await), (0, vec![]));
    assert_eq!(code(forget(next).await.unwrap_err()), "document_not_found");
}
