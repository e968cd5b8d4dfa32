//! One question at a time about a document, and none that nobody wants answered.

use chrono::TimeDelta;
use evidence::delete_document::Delete;
use evidence::prompts::Asked;
use evidence::withdraw_request::Withdraw;
use serde_json::json;
use shared_events::evidence::{DeleteDocument, PromptOption, WithdrawProofRequest};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, events, invoice, subject};

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_same_is_asked_once(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (request, document) = (bed.request().await, bed.document().await);
    let candidate = invoice(document, "INV-1001");
    let Asked::Now(prompt) = bed.ask(request, std::slice::from_ref(&candidate)).await else { panic!("not asked") };
    assert_eq!(bed.ask(request, std::slice::from_ref(&candidate)).await, Asked::Pending(prompt));
    let created = bed.last("evidence.prompt_created.v1").await;
    let question =
        "Does invoice INV-1001 of Acme Supplies Ltd (245.80 USD, 2025-01-03) prove order 112-1234567-1234567?";
    assert_eq!((&created["asked"], &created["question"]), (&json!("seller"), &json!(question)));
    bed.answer(prompt, "seller", "not_sure").await.unwrap();
    assert_eq!(bed.ask(request, &[candidate]).await, Asked::Answered(prompt), "nobody is asked again");
    assert_eq!(bed.said().await, events(&[("created", 1), ("answered", 2)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_expired_may_be_asked_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (request, document) = (bed.request().await, bed.document().await);
    let candidate = invoice(document, "INV-1001");
    let Asked::Now(first) = bed.ask(request, std::slice::from_ref(&candidate)).await else { panic!("not asked") };
    bed.advance(TimeDelta::hours(72));
    // The timer has not had its turn yet.
    let Asked::Now(second) = bed.ask(request, &[candidate]).await else { panic!("not asked") };
    assert_ne!(first, second);
    bed.started_anew().await;
    assert_eq!((bed.state(first).await.as_str(), bed.state(second).await.as_str()), ("expired", "pending"));
    assert_eq!(bed.said().await, events(&[("created", 1), ("expired", 2), ("created", 1)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_rival_makes_another_question_of_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (request, one, two) = (bed.request().await, bed.document().await, bed.document().await);
    let Asked::Now(alone) = bed.ask(request, &[invoice(one, "1")]).await else { panic!("not asked") };
    let rivals = [invoice(two, "2"), invoice(one, "1")];
    let Asked::Now(choice) = bed.ask(request, &rivals).await else { panic!("not asked") };
    assert_eq!((bed.state(alone).await.as_str(), bed.state(choice).await.as_str()), ("cancelled", "pending"));
    let swapped = [invoice(one, "1"), invoice(two, "2")];
    assert_eq!(bed.ask(request, &swapped).await, Asked::Pending(choice), "the same two, whichever is better");
    let options = bed.last("evidence.prompt_created.v1").await["options"].clone();
    assert_eq!(options[0], json!({"id": "first", "label": "Invoice 2 of Acme Supplies Ltd (245.80 USD, 2025-01-03)"}));
    assert_eq!((&options[1]["id"], &options[2]["id"]), (&json!("second"), &json!("neither")));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn nobody_is_asked_about_what_is_withdrawn_or_gone(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (withdrawn, other) = (bed.request().await, bed.request().await);
    let (one, two) = (bed.document().await, bed.document().await);
    let mut ids = Vec::new();
    for (request, document) in [(withdrawn, one), (other, one), (other, two)] {
        let Asked::Now(id) = bed.ask(request, &[invoice(document, "1")]).await else { panic!("not asked") };
        ids.push(id);
    }
    bed.handle(&Withdraw, WithdrawProofRequest { request_id: withdrawn, reason: "settled".into() }).await.unwrap();
    assert_eq!(bed.state(ids[0]).await, "cancelled");
    bed.handle(&Delete, DeleteDocument { document_id: one, reason: "sent by mistake".into() }).await.unwrap();
    assert_eq!((bed.state(ids[1]).await.as_str(), bed.state(ids[2]).await.as_str()), ("cancelled", "pending"));
    let cancelled = bed.last("evidence.prompt_cancelled.v1").await;
    assert_eq!((&cancelled["asked"], &cancelled["reason"]), (&json!("seller"), &json!("the document was deleted")));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_is_over_expires_and_is_not_cancelled(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (request, document) = (bed.request().await, bed.document().await);
    bed.ask(request, &[invoice(document, "1")]).await;
    bed.advance(TimeDelta::hours(72));
    bed.handle(&Withdraw, WithdrawProofRequest { request_id: request, reason: "settled".into() }).await.unwrap();
    assert_eq!(bed.said().await, events(&[("created", 1), ("expired", 2)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn people_ask_in_their_own_words(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request_id = bed.request().await;
    let mut prompt = None;
    let soon = bed.store.now() + TimeDelta::hours(1);
    bed.ask_person(|ask| {
        (ask.request_id, ask.expires_at) = (request_id, Some(soon));
        prompt = Some(ask.prompt_id);
    })
    .await
    .unwrap();
    let prompt = prompt.unwrap();
    bed.advance(TimeDelta::minutes(30));
    assert_eq!(bed.started_anew().await, 1, "a short time is reminded of half way");
    assert_eq!(bed.answer(prompt, "warehouse", "fewer").await.unwrap()["selected_option"], "fewer");
    let nobody_named = bed.ask_person(|ask| (ask.request_id, ask.asked) = (request_id, None)).await;
    assert!(nobody_named.is_ok());
    assert_eq!(bed.last("evidence.prompt_created.v1").await["asked"], "seller", "who asked for the proof");
    bed.handle(&Withdraw, WithdrawProofRequest { request_id, reason: "settled".into() }).await.unwrap();
    let late = bed.ask_person(|ask| ask.request_id = request_id).await.unwrap_err();
    assert_eq!(late.code, "request_state_conflict");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn what_cannot_be_asked_is_refused(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request_id = bed.request().await;
    assert_eq!(bed.ask_person(|_| ()).await.unwrap_err().code, "request_not_found");
    let elsewhere = bed.of_tenant("other").ask_person(|ask| ask.request_id = request_id).await.unwrap_err();
    assert_eq!(elsewhere.code, "request_not_found");
    let now = bed.store.now();
    for expires_at in [now, now + TimeDelta::days(31)] {
        let expiry = bed.ask_person(|ask| (ask.request_id, ask.expires_at) = (request_id, Some(expires_at))).await;
        assert_eq!(expiry.unwrap_err().field.as_deref(), Some("expires_at"));
    }
    let option = |id: &str| PromptOption { id: id.into(), label: "x".into() };
    for options in [vec![option("a")], vec![option("a"), option("a")], ["a", "b", "c", "d"].map(option).to_vec()] {
        let refused = bed.ask_person(|ask| (ask.request_id, ask.options) = (request_id, options)).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("options"));
    }
    let mut first = None;
    let mut ask = async |by: &str| {
        bed.ask_person(|ask| {
            (ask.request_id, ask.asked_by) = (request_id, subject(by));
            ask.prompt_id = *first.get_or_insert(ask.prompt_id);
        })
        .await
    };
    ask("operator").await.unwrap();
    assert_eq!(ask("operator").await.unwrap_err().code, "prompt_exists");
}
