//! Whose answer counts, until when, and what a second one gets.

use chrono::TimeDelta;
use evidence::prompts::{self, Asked};
use serde_json::json;
use service_kit::problem::Problem;
use shared_events::outcome::Rejection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, events, invoice};

const INSTANT: TimeDelta = TimeDelta::microseconds(1);

/// The code of a refusal, and the status that it becomes at the edge.
fn refused<T: std::fmt::Debug>(result: Result<T, Rejection>) -> (String, u16) {
    let rejection = result.unwrap_err();
    (rejection.code.clone(), Problem::from(rejection).status().as_u16())
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn the_deadline_itself_is_too_late(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (late, in_time) = (bed.prompt().await, bed.prompt().await);
    bed.advance(TimeDelta::hours(72) - INSTANT);
    let before = bed.store.now();
    bed.advance(INSTANT);
    // No timer has run yet: the moment alone decides.
    assert_eq!(refused(bed.answer(late, "seller", "yes").await), ("prompt_expired".into(), 410));
    assert_eq!(bed.state(late).await, "pending", "a refusal changes nothing");
    let taken = bed.answer_at(in_time, "seller", "not_sure", before).await.unwrap();
    assert_eq!(taken["selected_option"], "not_sure");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_answer_in_time_counts_although_it_is_handled_after_the_expiry(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    bed.advance(TimeDelta::hours(72));
    bed.started_anew().await;
    assert_eq!(refused(bed.answer(prompt, "seller", "yes").await).1, 410);
    bed.answer_at(prompt, "seller", "not_sure", bed.store.now() - INSTANT).await.unwrap();
    assert_eq!(bed.state(prompt).await, "answered");
    assert_eq!(bed.said().await, events(&[("created", 1), ("expired", 2), ("answered", 3)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_second_answer_gets_the_first(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    let first = bed.answer(prompt, "seller", "not_sure").await.unwrap();
    assert_eq!(first["state"], "answered");
    assert_eq!((&first["answered_by"], &first["reasoning"]), (&json!("seller"), &json!("looks right")));
    bed.advance(TimeDelta::hours(1));
    assert_eq!(bed.answer(prompt, "seller", "no").await.unwrap(), first);
    assert_eq!(bed.answer(prompt, "manager", "yes").await.unwrap(), first);
    bed.advance(TimeDelta::days(10));
    assert_eq!(bed.answer(prompt, "seller", "yes").await.unwrap(), first, "even after the deadline");
    assert_eq!(refused(bed.answer(prompt, "stranger", "yes").await).1, 403, "what was answered is not for strangers");
    assert_eq!(bed.said().await, events(&[("created", 1), ("answered", 2)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn only_the_asked_person_or_a_manager_answers(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (prompt, other) = (bed.prompt().await, bed.prompt().await);
    assert_eq!(refused(bed.answer(prompt, "stranger", "yes").await), ("answer_forbidden".into(), 403));
    let elsewhere = bed.of_tenant("other");
    assert_eq!(refused(elsewhere.answer(prompt, "manager", "yes").await), ("prompt_not_found".into(), 404));
    assert_eq!(bed.state(prompt).await, "pending");
    bed.answer(prompt, "manager", "not_sure").await.unwrap();
    bed.answer(other, "seller", "not_sure").await.unwrap();
    let answered = bed.last("evidence.prompt_answered.v1").await;
    assert_eq!((&answered["asked"], &answered["answered_by"]), (&json!("seller"), &json!("seller")));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_unknown_option_is_refused_by_naming_the_known_ones(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    let rejection = bed.answer(prompt, "seller", "maybe").await.unwrap_err();
    assert_eq!(rejection.field.as_deref(), Some("selected_option"));
    assert!(rejection.detail.contains("yes, no, not_sure"), "{}", rejection.detail);
    assert_eq!(Problem::from(rejection).status().as_u16(), 422);
    bed.answer(prompt, "seller", "not_sure").await.unwrap();
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_cancelled_prompt_is_a_conflict(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let (request, document) = (bed.request().await, bed.document().await);
    let Asked::Now(prompt) = bed.ask(request, &[invoice(document, "1")]).await else { panic!("not asked") };
    let mut work = bed.work().await;
    prompts::cancel_for_request(&mut work, &Bed::cause(), request, "proved otherwise").await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(refused(bed.answer(prompt, "seller", "yes").await), ("prompt_cancelled".into(), 409));
    assert_eq!(bed.said().await, events(&[("created", 1), ("cancelled", 2)]));
}
