//! Matching asks a person, and what the person answers settles it.

use chrono::TimeDelta;
use evidence::answer_prompt::AnswerIt;
use serde_json::Value;
use shared_events::evidence::AnswerPrompt;
use shared_events::{PromptId, ProofRequestId, Subject};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::match_bed::{Bed, numbered, of_supplier, subject, with_line};

/// The prompts about a request: id, state and question, in the order of their asking.
async fn prompts(bed: &Bed, request: ProofRequestId) -> Vec<(Uuid, String, String)> {
    let mut work = bed.work().await;
    sqlx::query_as("SELECT id, state::text, question FROM prompts WHERE request_id = $1 ORDER BY seq")
        .bind(request.0)
        .fetch_all(work.conn())
        .await
        .unwrap()
}

async fn answer(bed: &Bed, prompt: Uuid, option: &str) -> Value {
    let command = AnswerPrompt {
        prompt_id: PromptId(prompt),
        selected_option: option.into(),
        reasoning: Some("seen on paper".into()),
        answered_by: Subject::try_new("ann").unwrap(),
        is_manager: false,
        answered_at: bed.store.now(),
    };
    let outcome = bed.handle(&AnswerIt, command).await.unwrap();
    bed.drain().await;
    outcome.value().cloned().unwrap()
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_yes_proves_it(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    let asked = prompts(&bed, request).await;
    assert_eq!(asked.len(), 1, "once, although document and request were both compared");
    assert_eq!(asked[0].2, "Does invoice 112-1234567-1234567 prove order 112-1234567-1234567?");
    assert_eq!(bed.decided(request).await[0].prompt_id, Some(asked[0].0));
    assert_eq!(answer(&bed, asked[0].0, "yes").await["selected_option"], "yes");
    assert_eq!(bed.state(request).await.0, "proved");
    assert_eq!((bed.count_of("prompt_answered").await, bed.count_of("evidence_matched").await), (1, 1));
    answer(&bed, asked[0].0, "no").await;
    assert_eq!((bed.state(request).await.0.as_str(), bed.count_of("match_rejected").await), ("proved", 0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn one_answer_settles_two_rivals(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.open_gate().await;
    for _ in 0..2 {
        bed.document(&numbered("112-1234567-1234567")).await;
    }
    let request = bed.request(subject()).await;
    bed.drain().await;
    let asked = prompts(&bed, request).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].2, "Which document proves order 112-1234567-1234567?");
    answer(&bed, asked[0].0, "second").await;
    assert_eq!(bed.state(request).await.0, "proved");
    let mut ended: Vec<_> = bed.decided(request).await.into_iter().map(|one| one.ended.unwrap()).collect();
    ended.sort();
    assert_eq!(ended, ["proved", "refused"]);
    assert_eq!((bed.count_of("evidence_matched").await, bed.count_of("match_rejected").await), (1, 1));
    assert_eq!(prompts(&bed, request).await.len(), 1, "and nothing more is asked");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn who_is_not_sure_settles_nothing_and_is_left_alone(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    let document = bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    answer(&bed, prompts(&bed, request).await[0].0, "not_sure").await;
    assert_eq!(bed.state(request).await.0, "open");
    bed.match_document(document).await;
    bed.match_request(request).await;
    bed.drain().await;
    assert_eq!(prompts(&bed, request).await.len(), 1);
    assert_eq!((bed.count_of("evidence_matched").await, bed.count_of("match_rejected").await), (0, 0));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_next_best_is_asked_about_when_nobody_can_say(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    // Three that are too far apart to be rivals: by number, by supplier and total, and by the asin.
    let best = bed.document(&numbered("112-1234567-1234567")).await;
    let second = bed.document(&of_supplier("Acme Supplies Ltd.", 24_580, numbered("R-2"))).await;
    let third = bed.document(&with_line("B08XYZ1234", 5, numbered("R-3"))).await;
    let request = bed.request(subject()).await;
    bed.drain().await;
    let asked_about = async |prompt: Uuid| {
        let decided = bed.decided(request).await.into_iter().find(|one| one.prompt_id == Some(prompt));
        decided.map(|one| one.document_id)
    };
    let asked = prompts(&bed, request).await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked_about(asked[0].0).await, Some(best.0));
    answer(&bed, asked[0].0, "not_sure").await;
    let asked = prompts(&bed, request).await;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked_about(asked[1].0).await, Some(second.0));
    // Nothing more while that is pending, then its time runs out.
    bed.match_request(request).await;
    bed.drain().await;
    assert_eq!(prompts(&bed, request).await.len(), 2);
    bed.clock.advance(TimeDelta::hours(73));
    while evidence::timers(bed.store.clone()).run_next().await.unwrap() {}
    bed.drain().await;
    let asked = prompts(&bed, request).await;
    assert_eq!((asked.len(), asked[1].1.as_str()), (3, "expired"));
    assert_eq!(asked_about(asked[2].0).await, Some(third.0));
    // And then there is nobody left to ask about.
    answer(&bed, asked[2].0, "not_sure").await;
    assert_eq!(prompts(&bed, request).await.len(), 3);
    assert_eq!(bed.state(request).await.0, "open");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_question_goes_when_the_model_may_act_by_itself(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let request = bed.request(subject()).await;
    bed.document(&numbered("112-1234567-1234567")).await;
    bed.drain().await;
    bed.open_gate().await;
    bed.match_request(request).await;
    bed.drain().await;
    assert_eq!(bed.state(request).await.0, "proved");
    assert_eq!(prompts(&bed, request).await[0].1, "cancelled");
    assert_eq!(bed.count_of("prompt_cancelled").await, 1);
}
