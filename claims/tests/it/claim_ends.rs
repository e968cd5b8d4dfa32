//! How sendings end: unknown, interrupted, not at all, refused, too late.

use chrono::TimeDelta;
use claims::channel::{Known, Sent};
use claims::drop_claim::Withdraw;
use claims::record_reply::Record as Reply;
use claims::submit_claim::Submit;
use claims::{record_case, send_claim};
use serde_json::{Value, json};
use service_kit::jobs::RunsJob;
use shared_events::ClaimId;
use shared_events::claims::{ReplyKind, WithdrawClaim};
use shared_events::evidence::MatchedBy;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::claim_bed::{Bed, Found, id_of, who};
use crate::claim_sending::{case, code, reply, submit};

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_may_have_arrived_is_asked_about_and_never_sent_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let claim = bed.automatic(1).await;
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Unknown("no answer in time".into()));
    bed.run_jobs().await;
    assert_eq!(bed.again(&claim).await["status"], json!("submit_unknown"));
    assert_eq!(code(bed.slice.handle(&Submit, submit(&claim, "ann")).await), "claim_state_conflict");
    bed.slice.clock.advance(TimeDelta::days(2));
    bed.run_jobs().await;
    assert_eq!(bed.channel.got.lock().expect("not poisoned").len(), 1, "sent once");
    bed.slice.handle(&record_case::Record, case(&claim, Some("A-1"))).await.expect("somebody looked");
    assert_eq!(bed.again(&claim).await["status"], json!("submitted"));
    let other = bed.automatic(2).await;
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Unknown("cut off".into()));
    bed.run_jobs().await;
    bed.slice.handle(&record_case::Record, case(&other, None)).await.expect("it never arrived");
    assert_eq!(bed.again(&other).await["status"], json!("ready"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_a_person_was_given_and_did_not_send_comes_back(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let handed = async |number: u128| {
        let row = format!("row-{number}");
        let detection = bed.detect(number, &Found { row: &row, ..Found::default() }).await;
        let claim = bed.claim_of(detection).await.expect("a claim");
        bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("it may go");
        bed.run_jobs().await;
        claim
    };
    let withdraw = |claim: &Value| WithdrawClaim {
        claim_id: ClaimId(id_of(claim)),
        reason: "not worth it".into(),
        withdrawn_by: who("ann"),
    };
    let (given_back, withdrawn, forgotten) = (handed(1).await, handed(2).await, handed(3).await);
    bed.slice.handle(&record_case::Record, case(&given_back, None)).await.expect("it was not pasted");
    assert_eq!(bed.again(&given_back).await["status"], json!("ready"));
    bed.slice.handle(&Submit, submit(&given_back, "ann")).await.expect("it may go after all");
    bed.run_jobs().await;
    bed.slice.handle(&record_case::Record, case(&given_back, Some("C-1"))).await.expect("told");
    assert_eq!(code(bed.slice.handle(&Withdraw, withdraw(&given_back)).await), "claim_state_conflict", "it is there");
    bed.slice.handle(&Withdraw, withdraw(&withdrawn)).await.expect("it was not sent");
    let gone = bed.again(&withdrawn).await;
    assert_eq!((&gone["status"], &gone["submissions"][0]["outcome"]), (&json!("withdrawn"), &json!("dropped")));
    bed.slice.clock.advance(TimeDelta::days(31));
    bed.run_jobs().await;
    assert_eq!(bed.again(&forgotten).await["status"], json!("expired"));
    let late = bed.slice.handle(&record_case::Record, case(&forgotten, Some("C-3"))).await;
    assert_eq!(code(late), "claim_window_expired");
    assert_eq!(bed.again(&given_back).await["status"], json!("submitted"), "what was sent stays");
    let mut work = bed.slice.work().await;
    let held: i64 = sqlx::query_scalar("SELECT count(DISTINCT claim_id) FROM claim_units")
        .fetch_one(work.conn())
        .await
        .expect("the database is there");
    assert_eq!(held, 1, "the others gave their units back");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_appeal_that_was_not_sent_can_be_sent_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let claim = bed.sent(1, "C-1").await;
    let answer = reply(&claim, ReplyKind::PartiallyApproved, "half of it");
    bed.slice.handle(&Reply, answer).await.expect("told");
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("sent again");
    bed.run_jobs().await;
    bed.slice.handle(&record_case::Record, case(&claim, None)).await.expect("it was not pasted");
    assert_eq!(bed.again(&claim).await["status"], json!("appeal_ready"));
    for _ in 0..2 {
        bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("what was not sent does not count");
        bed.run_jobs().await;
        bed.slice.handle(&record_case::Record, case(&claim, None)).await.expect("it was not pasted");
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn killed_while_it_was_sent_it_is_looked_up(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    for (number, known, status) in [
        (1, Known::Arrived("A-9".into()), "submitted"),
        (2, Known::CannotTell, "submit_unknown"),
        (3, Known::NeverArrived, "queued"),
    ] {
        let claim = bed.automatic(number).await;
        // What a process leaves behind that dies between the call and the outcome.
        let mut work = bed.slice.work().await;
        for statement in [
            "UPDATE claims SET state = 'submitting' WHERE id = $1",
            "UPDATE claim_submissions SET state = 'sending', tries = 1 WHERE claim_id = $1",
        ] {
            sqlx::query(statement).bind(id_of(&claim)).execute(work.conn()).await.expect("it is so");
        }
        work.commit().await.expect("committed");
        *bed.channel.known.lock().expect("not poisoned") = Some(known);
        assert!(bed.worker().run_next().await.expect("the database is there"));
        assert_eq!(bed.again(&claim).await["status"], json!(status), "{number}");
    }
    assert!(bed.channel.got.lock().expect("not poisoned").is_empty(), "nothing was sent again");
    assert_eq!(bed.channel.looked_up.lock().expect("not poisoned").len(), 3);
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn errors_of_transport_are_tried_again_three_times(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let claim = bed.automatic(1).await;
    for _ in 0..5 {
        bed.channel.answers.lock().expect("not poisoned").push_back(Sent::NotSent("connection refused".into()));
    }
    bed.run_jobs().await;
    assert_eq!(bed.again(&claim).await["status"], json!("queued"));
    assert_eq!(bed.channel.got.lock().expect("not poisoned").len(), 1, "not before the pause is over");
    for _ in 0..10 {
        bed.slice.clock.advance(TimeDelta::minutes(15));
        bed.run_jobs().await;
    }
    assert_eq!(bed.channel.got.lock().expect("not poisoned").len(), 4, "once, and three times again");
    let keys = bed.channel.got.lock().expect("not poisoned").clone();
    assert!(keys.iter().all(|key| *key == keys[0]), "always under the same key");
    assert_eq!(bed.again(&claim).await["status"], json!("failed"));
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("a person may try again");
    assert_eq!(bed.again(&claim).await["status"], json!("queued"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_refusal_is_understood_and_mended_twice(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let detection = bed.detect(1, &Found { claim_type: "inbound_shortage", ..Found::default() }).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    bed.attach_papers(&claim).await;
    bed.matched(id_of(&claim), MatchedBy::Person, 0.7).await;
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("it may go");
    bed.run_jobs().await;
    bed.slice.handle(&record_case::Record, case(&claim, Some("C-1"))).await.expect("told");
    for round in 1..=3 {
        let denied = reply(&claim, ReplyKind::Denied, "The document is not sufficient.");
        bed.slice.handle(&Reply, denied).await.expect("told");
        let now = bed.again(&claim).await;
        assert_eq!((&now["status"], &now["denial"]), (&json!("denied"), &json!("insufficient_evidence")));
        if round == 3 {
            break;
        }
        assert_eq!(code(bed.slice.handle(&Submit, submit(&claim, "ann")).await), "claim_not_ready", "nothing new");
        bed.attach_papers(&claim).await;
        bed.matched(id_of(&claim), MatchedBy::Person, 0.7).await;
        assert_eq!(bed.again(&claim).await["status"], json!("appeal_ready"));
        bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("sent again");
        bed.run_jobs().await;
        bed.slice.handle(&record_case::Record, case(&claim, Some("C-1"))).await.expect("told");
        assert_eq!(bed.again(&claim).await["status"], json!("appealed"));
    }
    assert_eq!(code(bed.slice.handle(&Submit, submit(&claim, "ann")).await), "appeals_used_up");
    let last = bed.again(&claim).await;
    assert_eq!(
        last["timeline"].as_array().and_then(|all| all.last()).map(|step| &step["detail"]["next"]),
        Some(&json!("nothing"))
    );
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_refusal_at_the_door_is_a_refusal(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let claim = bed.automatic(1).await;
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Refused("already reimbursed".into()));
    bed.run_jobs().await;
    let denied = bed.again(&claim).await;
    assert_eq!((&denied["status"], &denied["denial"]), (&json!("denied"), &json!("already_reimbursed")));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn too_many_a_day_wait_and_too_late_expires(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 1).await;
    for case in ["A-1", "A-2"] {
        bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Accepted(case.into()));
    }
    let (first, second) = (bed.automatic(1).await, bed.automatic(2).await);
    bed.run_jobs().await;
    let states = |first: &Value, second: &Value| (first["status"].clone(), second["status"].clone());
    let now = states(&bed.again(&first).await, &bed.again(&second).await);
    assert_eq!(now, (json!("submitted"), json!("queued")));
    // Noon in UTC is four in the morning there: its midnight is twenty hours away.
    bed.slice.clock.advance(TimeDelta::hours(19) + TimeDelta::minutes(59));
    bed.run_jobs().await;
    assert_eq!(bed.again(&second).await["status"], json!("queued"));
    bed.slice.clock.advance(TimeDelta::minutes(1));
    bed.run_jobs().await;
    assert_eq!(bed.again(&second).await["status"], json!("submitted"));
    let third = bed.detect(3, &Found::default()).await;
    let claim = bed.claim_of(third).await.expect("a claim");
    let closes =
        claim["deadline"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok()).expect("a time");
    bed.slice.clock.advance(closes - bed.now() + TimeDelta::milliseconds(999));
    bed.run_jobs().await;
    assert_eq!(bed.again(&claim).await["status"], json!("ready"), "the last second counts to its end");
    bed.slice.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(code(bed.slice.handle(&Submit, submit(&claim, "ann")).await), "claim_window_expired");
    bed.run_jobs().await;
    assert_eq!(bed.again(&claim).await["status"], json!("expired"));
}

#[test]
fn the_job_of_a_sending_has_one_name() {
    assert_eq!(send_claim::SendClaim::KIND, claims::queue_claim::SEND_CLAIM);
}
