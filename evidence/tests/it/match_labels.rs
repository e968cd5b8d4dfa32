//! Gates open and close as labels come in.

use evidence::match_facts::Said;
use shared_events::evidence::ProofSubject;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::match_bed::{Bed, CLAIM, numbered, subject};

/// Pairs in which the document has the number of the order; so many of them are no matches all the same.
pub fn by_number(from: usize, pairs: usize, wrong: usize) -> Vec<(ProofSubject, Said, bool)> {
    let pair = |number: usize| {
        let order = format!("113-{number:07}");
        let subject = ProofSubject { order_id: Some(order.clone()), ..subject() };
        (subject, Said { number: Some(order), ..Said::default() }, number - from >= wrong)
    };
    (from..from + pairs).map(pair).collect()
}

/// Pairs that have nothing in common.
pub fn strangers(from: usize, pairs: usize) -> Vec<(ProofSubject, Said, bool)> {
    let pair = |number: usize| {
        let subject = ProofSubject { order_id: Some(format!("114-{number:07}")), ..subject() };
        (subject, Said { number: Some(format!("R-{number}")), ..Said::default() }, false)
    };
    (from..from + pairs).map(pair).collect()
}

async fn is_open(bed: &Bed) -> (bool, String) {
    let mut work = bed.work().await;
    let (active, _) = evidence::models::deciders(&mut work, CLAIM).await.unwrap();
    (active.gate.open, active.gate.reason())
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_gate_opens_after_enough_good_labels_and_closes_after_bad_ones(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    assert!(is_open(&bed).await.1.contains("on 0 held-out labels"));
    // All labels of the fixed rules are held out: they have learned from none. 21 right answers are too few, 22 are enough.
    bed.label(by_number(0, 21, 0)).await;
    bed.drain().await;
    assert!(!is_open(&bed).await.0, "{}", is_open(&bed).await.1);
    bed.label(by_number(100, 1, 0)).await;
    bed.drain().await;
    assert!(is_open(&bed).await.0, "{}", is_open(&bed).await.1);
    let request = bed.request(subject()).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    assert_eq!(bed.decided(request).await[0].short(), ("exact_invoice", "automatic", "sure"));
    // Two wrong ones among 24 shut it again.
    bed.label(by_number(200, 2, 2)).await;
    bed.drain().await;
    assert!(!is_open(&bed).await.0, "{}", is_open(&bed).await.1);
    let order = ProofSubject { order_id: Some("115-1".into()), ..subject() };
    let later = bed.request(order).await;
    bed.document(&numbered("115-1")).await;
    bed.drain().await;
    assert_eq!(bed.decided(later).await[0].short(), ("exact_invoice", "prompt", "gate"));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_waits_is_judged_again_when_the_gate_opens(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let other = bed.of_tenant("other");
    let theirs = other.request(subject()).await;
    other.document(&numbered("112-1234567-1234567")).await;
    // More than the job looks at in one go.
    let mut waiting = Vec::new();
    for number in 0..203 {
        let order = format!("116-{number:07}");
        waiting.push(bed.request(ProofSubject { order_id: Some(order.clone()), ..subject() }).await);
        if [0, 202].contains(&number) {
            bed.document(&numbered(&order)).await;
        }
    }
    bed.drain().await;
    let (first, last) = (waiting[0], waiting[202]);
    for request in [first, last] {
        assert_eq!(bed.decided(request).await[0].short(), ("exact_invoice", "prompt", "gate"));
    }
    bed.label(by_number(0, 22, 0)).await;
    bed.drain().await;
    for request in [first, last] {
        assert_eq!(bed.decided(request).await[0].short(), ("exact_invoice", "automatic", "sure"));
        assert_eq!(bed.state(request).await.0, "proved");
    }
    assert_eq!((bed.count_of("prompt_cancelled").await, bed.count_of("evidence_matched").await), (2, 2));
    assert_eq!(other.state(theirs).await.0, "open", "another tenant's gate is another gate");
    // A gate that stays open is no news.
    let mut work = bed.work().await;
    let jobs = "SELECT count(*) FROM matches";
    let before: i64 = sqlx::query_scalar(jobs).fetch_one(work.conn()).await.unwrap();
    drop(work);
    bed.label(by_number(100, 1, 0)).await;
    let mut ran = 0;
    while bed.worker.run_next().await.unwrap() {
        ran += 1;
    }
    assert_eq!(ran, 1, "the labels were weighed, and nothing else was done");
    let mut work = bed.work().await;
    let after: i64 = sqlx::query_scalar(jobs).fetch_one(work.conn()).await.unwrap();
    assert_eq!(before, after);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn gates_are_of_one_tenant_and_one_kind_of_claim(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.label(by_number(0, 30, 0)).await;
    bed.drain().await;
    assert!(is_open(&bed).await.0);
    assert!(!is_open(&bed.of_tenant("other")).await.0);
    let mut work = bed.work().await;
    assert!(!evidence::models::deciders(&mut work, "other_claim").await.unwrap().0.gate.open);
}
