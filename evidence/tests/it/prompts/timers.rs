//! Reminders and expiry come by the clock, once, also when the process that set them is gone.

use chrono::TimeDelta;
use evidence::prompts::timers::{Expire, Remind};
use service_kit::jobs::{NewJob, RunsJob};
use shared_events::PromptId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bed::{Bed, events};

const INSTANT: TimeDelta = TimeDelta::microseconds(1);

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_prompt_expires_at_its_very_deadline_and_not_before(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    bed.advance(TimeDelta::hours(60) - INSTANT);
    assert_eq!(bed.started_anew().await, 0, "twelve hours before the end and an instant");
    bed.advance(INSTANT);
    assert_eq!(bed.started_anew().await, 1, "the reminder");
    assert_eq!(bed.said().await, events(&[("created", 1), ("expiring_soon", 2)]));
    bed.advance(TimeDelta::hours(12) - INSTANT);
    assert_eq!((bed.started_anew().await, bed.state(prompt).await.as_str()), (0, "pending"));
    bed.advance(INSTANT);
    assert_eq!((bed.started_anew().await, bed.state(prompt).await.as_str()), (1, "expired"));
    assert_eq!(bed.said().await, events(&[("created", 1), ("expiring_soon", 2), ("expired", 3)]));
    let expired = bed.last("evidence.prompt_expired.v1").await;
    assert_eq!(expired["asked"], "seller", "or it would not reach whom it concerns");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn after_a_long_sleep_nobody_is_reminded_of_what_is_over(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.prompt().await;
    bed.advance(TimeDelta::days(30));
    assert_eq!(bed.started_anew().await, 2);
    assert_eq!(bed.said().await, events(&[("created", 1), ("expired", 2)]));
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn timers_that_run_twice_say_nothing_twice(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    bed.advance(TimeDelta::hours(60));
    assert_eq!(bed.started_anew().await, 1);
    again(&bed, Remind::KIND, prompt).await;
    assert_eq!(bed.started_anew().await, 1);
    bed.advance(TimeDelta::hours(12));
    assert_eq!(bed.started_anew().await, 1);
    again(&bed, Expire::KIND, prompt).await;
    assert_eq!(bed.started_anew().await, 1);
    assert_eq!(bed.said().await, events(&[("created", 1), ("expiring_soon", 2), ("expired", 3)]));
}

/// Puts a timer that has run back, due.
async fn again(bed: &Bed, kind: &'static str, prompt: PromptId) {
    let mut work = bed.work().await;
    let payload = serde_json::json!({ "prompt_id": prompt });
    let job = NewJob { kind, key: prompt.to_string(), due_at: work.now(), payload, cause: Bed::cause() };
    work.enqueue(job).await.unwrap();
    work.commit().await.unwrap();
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn an_answered_prompt_is_neither_reminded_of_nor_does_it_expire(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    bed.answer(prompt, "seller", "not_sure").await.unwrap();
    bed.advance(TimeDelta::hours(60));
    bed.started_anew().await;
    bed.advance(TimeDelta::hours(12));
    bed.started_anew().await;
    assert_eq!(bed.said().await, events(&[("created", 1), ("answered", 2)]));
    assert_eq!(bed.state(prompt).await, "answered");
}

#[sqlx::test(migrator = "migrations::EVIDENCE")]
async fn a_timer_that_comes_early_changes_nothing(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let prompt = bed.prompt().await;
    bed.advance(TimeDelta::hours(72));
    bed.started_anew().await;
    let other = bed.prompt().await;
    // As if the clock of another process had been ahead.
    sqlx::query("UPDATE jobs SET due_at = $1").bind(bed.store.now()).execute(bed.store.pool()).await.unwrap();
    bed.started_anew().await;
    assert_eq!((bed.state(prompt).await.as_str(), bed.state(other).await.as_str()), ("expired", "pending"));
}
