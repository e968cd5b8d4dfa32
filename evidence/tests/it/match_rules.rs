//! The table of the rules, through the jobs: with an open gate as it is written, with a closed one as prompts.

use evidence::matched;
use evidence::prompts::Timing;
use evidence::reading::invoice::{Invoice, Kind};
use evidence::withdraw_request;
use service_kit::store::Cause;
use shared_events::Subject;
use shared_events::evidence::{ProofSubject, WithdrawProofRequest};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::match_bed::{
    Bed, dated, invoice, numbered, of_supplier, of_total, subject, with_line, with_order_reference,
};

/// What the document says, the score, the rule, and what an open gate makes of it.
fn table() -> Vec<(&'static str, Invoice, f64, &'static str, &'static str)> {
    let line = |quantity| with_line("WTR-BTL-32OZ", quantity, invoice());
    let order = "112-1234567-1234567";
    vec![
        ("invoice number", numbered(order), 0.95, "exact_invoice", "automatic"),
        ("order reference", with_order_reference(order, numbered("R-1")), 0.95, "exact_invoice", "automatic"),
        ("line and near date", dated("2025-01-20", line(5)), 0.9, "sku_match", "automatic"),
        ("line, 31 days off", dated("2025-02-10", line(5)), 0.4, "date_match", "none"),
        ("wrong quantity", dated("2025-01-20", line(999)), 0.4, "date_match", "none"),
        (
            "wrong quantity, right order",
            with_line("WTR-BTL-32OZ", 999, numbered(order)),
            0.6,
            "incomplete_match",
            "prompt",
        ),
        ("supplier, near total", of_supplier("Acme Supplies Ltd.", 25_000, invoice()), 0.7, "supplier_match", "prompt"),
        ("supplier, total 6 % off", of_supplier("Acme Supplies Ltd.", 26_055, invoice()), 0.3, "amount_match", "none"),
        ("asin as sku", with_line("B08XYZ1234", 5, invoice()), 0.6, "asin_match", "prompt"),
        ("only the date", dated("2025-01-05", invoice()), 0.4, "date_match", "none"),
        ("only a near total", of_total(24_600, invoice()), 0.3, "amount_match", "none"),
    ]
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_open_gate_decides_as_the_table_says(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    for (number, (name, invoice, score, rule, decision)) in table().into_iter().enumerate() {
        // A tenant for each row: rows must not be rivals of each other. Once the document is first, once the request.
        for first in ["document", "request"] {
            let bed = bed.of_tenant(&format!("row-{number}-{first}"));
            bed.open_gate().await;
            let (request, document) = if first == "document" {
                let document = bed.document(&invoice).await;
                bed.drain().await;
                (bed.request(subject()).await, document)
            } else {
                let request = bed.request(subject()).await;
                bed.drain().await;
                (request, bed.document(&invoice).await)
            };
            bed.drain().await;
            let decided = bed.decided(request).await;
            let [one] = &decided[..] else { panic!("{name}, {first} first: {decided:?}") };
            assert_eq!((one.rule.as_str(), one.raw_score, one.decision.as_str()), (rule, score, decision), "{name}");
            assert_eq!((one.probability, one.document_id), (score, document.0), "{name}");
            let proved = decision == "automatic";
            assert_eq!(one.ended.as_deref(), proved.then_some("proved"), "{name}");
            assert_eq!(bed.state(request).await.0, if proved { "proved" } else { "open" }, "{name}");
            assert_eq!(one.prompt_id.is_some(), decision == "prompt", "{name}");
            assert!(one.explanation.ends_with('.') && one.model_version == "rules-2", "{}", one.explanation);
        }
    }
    let told = |kind| bed.count_of(kind);
    assert_eq!((told("evidence_matched").await, told("evidence_ambiguous").await), (6, 6));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn nothing_usable_is_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let request = bed.request(subject()).await;
    let strange = dated("2019-01-01", of_supplier("Other GmbH", 1, with_line("OTHER", 5, numbered("4711"))));
    bed.document(&strange).await;
    bed.document(&invoice()).await;
    // One word of the supplier's name makes it a candidate, and no more.
    bed.document(&of_supplier("Acme Bolts", 1, invoice())).await;
    bed.drain().await;
    let decided = bed.decided(request).await;
    assert_eq!(decided.len(), 1, "{decided:?}");
    assert_eq!((decided[0].short(), decided[0].probability), (("partial_match", "none", "low"), 0.0));
    assert_eq!(bed.state(request).await, ("open".into(), 1));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_credit_note_proves_no_purchase(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let note = Invoice { kind: Kind::CreditNote, ..numbered("112-1234567-1234567") };
    bed.document(&note).await;
    let request = bed.request(subject()).await;
    bed.document(&note).await;
    bed.drain().await;
    assert_eq!((bed.decided(request).await, bed.state(request).await), (vec![], ("open".into(), 1)));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_closed_gate_asks_and_says_so(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    for (number, (name, invoice, ..)) in table().into_iter().enumerate() {
        let bed = bed.of_tenant(&format!("row-{number}"));
        bed.document(&invoice).await;
        let request = bed.request(subject()).await;
        bed.drain().await;
        let decided = bed.decided(request).await;
        assert_eq!(decided[0].decision, if decided[0].probability >= 0.5 { "prompt" } else { "none" }, "{name}");
        assert_eq!(decided[0].why == "gate", decided[0].probability >= 0.85, "{name}");
        if decided[0].why == "gate" {
            assert!(decided[0].explanation.contains("the gate is closed"), "{}", decided[0].explanation);
        }
    }
    assert_eq!(bed.count_of("evidence_matched").await, 0);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn two_close_documents_are_asked_about_together(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    bed.document(&dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, numbered("A")))).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    let request = bed.request(subject()).await;
    bed.drain().await;
    let decided = bed.decided(request).await;
    assert_eq!((decided[0].probability, decided[1].probability), (0.95, 0.9));
    assert!(decided.iter().all(|one| (one.decision.as_str(), one.why.as_str()) == ("prompt", "rival")), "{decided:?}");
    assert_eq!(decided[0].prompt_id, decided[1].prompt_id, "one question about both");
    assert_eq!((bed.count_of("evidence_ambiguous").await, bed.count_of("evidence_matched").await), (2, 0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn two_requests_for_one_line_are_asked_about_whichever_came_first(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let invoice = || dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, numbered("A")));
    for order in 0..3 {
        let bed = bed.of_tenant(&format!("order-{order}"));
        bed.open_gate().await;
        let mut requests = Vec::new();
        if order == 0 {
            bed.document(&invoice()).await;
            bed.drain().await;
        }
        for _ in 0..2 {
            requests.push(bed.request(subject()).await);
            if order == 1 {
                bed.drain().await;
            }
        }
        if order > 0 {
            bed.document(&invoice()).await;
        }
        bed.drain().await;
        for request in requests {
            assert_eq!(bed.decided(request).await[0].short(), ("sku_match", "prompt", "rival"), "order {order}");
        }
    }
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_line_that_proves_one_request_is_not_taken_for_another(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let both = with_line("TEA-1", 7, dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, numbered("A"))));
    let document = bed.document(&both).await;
    let first = bed.request(subject()).await;
    bed.drain().await;
    assert_eq!(bed.decided(first).await[0].short(), ("sku_match", "automatic", "sure"));
    let (second, tea) =
        (bed.request(subject()).await, ProofSubject { sku: Some("TEA-1".into()), quantity: Some(7), ..subject() });
    let other_line = bed.request(ProofSubject { asin: None, title: None, order_id: None, ..tea }).await;
    bed.drain().await;
    assert_eq!(bed.decided(second).await[0].short(), ("sku_match", "prompt", "rival"));
    let decided = bed.decided(other_line).await;
    assert_eq!((decided[0].short(), decided[0].line), (("sku_match", "automatic", "sure"), Some(2)));
    assert_eq!(decided[0].document_id, document.0);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_is_proved_takes_no_more_and_what_is_withdrawn_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let (proved, withdrawn) = (bed.request(subject()).await, bed.of_tenant("other").request(subject()).await);
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    let other = bed.of_tenant("other");
    other.open_gate().await;
    let withdraw = WithdrawProofRequest { request_id: withdrawn, reason: "no".into() };
    other.handle(&withdraw_request::Withdraw, withdraw).await.unwrap();
    let (before, said) = (bed.decided(proved).await, bed.count_of("evidence_matched").await);
    bed.document(&with_order_reference("112-1234567-1234567", numbered("B"))).await;
    bed.match_request(proved).await;
    other.document(&numbered("112-1234567-1234567")).await;
    other.match_request(withdrawn).await;
    bed.drain().await;
    let after = bed.decided(proved).await;
    assert!(after.contains(&before[0]), "the proof stays as it was");
    let new = after.iter().find(|one| one.id != before[0].id).unwrap();
    assert_eq!(new.short(), ("exact_invoice", "none", "proved"));
    assert_eq!(bed.count_of("evidence_matched").await, said);
    assert_eq!(other.decided(withdrawn).await, []);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_same_again_changes_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let document = bed.document(&numbered("112-1234567-1234567")).await;
    bed.document(&of_supplier("Acme Supplies", 24_580, invoice())).await;
    bed.drain().await;
    let (before, said, state) = (bed.decisions(request, "true").await, bed.said().await, bed.state(request).await);
    assert_eq!(before.len(), 2);
    for _ in 0..2 {
        bed.match_document(document).await;
        bed.match_request(request).await;
        bed.drain().await;
    }
    assert_eq!(bed.decisions(request, "true").await, before);
    assert_eq!((bed.said().await, bed.state(request).await), (said, state));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_job_that_was_killed_between_two_requests_goes_on(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    let other = ProofSubject {
        order_id: Some("113-7".into()),
        sku: Some("TEA-1".into()),
        asin: None,
        title: None,
        ..subject()
    };
    let (first, second) = (bed.request(subject()).await, bed.request(other).await);
    bed.drain().await;
    let both = with_line("TEA-1", 5, dated("2025-01-20", with_line("WTR-BTL-32OZ", 5, numbered("A"))));
    let document = bed.document(&both).await;
    // The first half of the job, after which it was killed.
    let cause = Cause::root(Uuid::now_v7(), None);
    evidence::match_request::judge(&bed.store, &bed.tenant, &cause, &Timing::default(), first, Some(document))
        .await
        .unwrap();
    let half = bed.decided(first).await;
    assert_eq!((half[0].short(), bed.decided(second).await.len()), (("sku_match", "automatic", "sure"), 0));
    bed.drain().await;
    assert_eq!(bed.decided(first).await, half);
    assert_eq!(bed.decided(second).await[0].short(), ("sku_match", "automatic", "sure"));
    assert_eq!(bed.count_of("evidence_matched").await, 2);
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn tenants_are_apart(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let other = bed.of_tenant("other");
    bed.open_gate().await;
    let request = bed.request(subject()).await;
    let strangers = other.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    assert_eq!(bed.decided(request).await, []);
    let mut work = other.work().await;
    let ann = Subject::try_new("ann").unwrap();
    let cause = Cause::root(Uuid::now_v7(), None);
    let settled = matched::settle_by_person(&mut work, &cause, request, strangers, true, &ann, None).await;
    assert!(settled.is_err(), "another tenant's request is not there");
}
