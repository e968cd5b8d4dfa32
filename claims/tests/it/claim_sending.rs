//! Claims on their way: prepared, proved, decided upon, sent, answered.

use chrono::TimeDelta;
use claims::attach_to_claim::Attach;
use claims::channel::{Known, Sent};
use claims::claim_settings::SetGeneral;
use claims::drop_claim::Withdraw;
use claims::record_reply::Record as Reply;
use claims::set_switch::Set;
use claims::submit_claim::{Decide, Submit};
use claims::{record_case, send_claim};
use serde_json::{Value, json};
use service_kit::handler::Failure;
use service_kit::jobs::RunsJob;
use shared_events::claims::{
    AttachToClaim, DecideClaim, RecordCase, RecordReply, ReplyKind, SetGeneralSwitch, SetSubmissionSwitch, SubmitClaim,
    WithdrawClaim,
};
use shared_events::evidence::MatchedBy;
use shared_events::{ClaimId, DocumentId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::claim_bed::{Bed, Found, id_of, who};

const PARCEL: Found<'static> =
    Found { claim_type: "amazon_shipping_claim", row: "parcel-1", units: 1, of_row: 1, minor: 4_200 };

fn submit(claim: &Value, by: &str) -> SubmitClaim {
    SubmitClaim { claim_id: ClaimId(id_of(claim)), note: None, wanted_by: who(by) }
}

fn case(claim: &Value, case: Option<&str>) -> RecordCase {
    RecordCase { claim_id: ClaimId(id_of(claim)), case_id: case.map(str::to_owned), recorded_by: who("ann") }
}

fn reply(claim: &Value, kind: ReplyKind, text: &str) -> RecordReply {
    RecordReply { claim_id: ClaimId(id_of(claim)), kind, text: text.into(), amount: None, recorded_by: who("ann") }
}

fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result.expect_err("it is refused") {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("{error:#}"),
    }
}

impl Bed {
    async fn again(&self, claim: &Value) -> Value {
        self.read(id_of(claim)).await
    }

    /// A claim for a parcel, ready and matched by a model, so that it goes by itself.
    async fn automatic(&self, number: u128) -> Value {
        let row = format!("parcel-{number}");
        let detection = self.detect(number, &Found { row: &row, ..PARCEL }).await;
        let claim = self.claim_of(detection).await.expect("a claim");
        self.matched(id_of(&claim), MatchedBy::Model, 0.93).await;
        self.again(&claim).await
    }

    async fn stop(&self, stopped: bool) {
        let switch =
            SetSubmissionSwitch { of_tenant: self.tenant(), stopped, reason: "wait".into(), set_by: who("mia") };
        self.slice.handle(&Set, switch).await.expect("it is set");
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_loss_becomes_a_claim_that_a_person_pastes(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let detection = bed.detect(1, &Found::default()).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    assert_eq!((&claim["status"], &claim["amount"]["amount"]), (&json!("ready"), &json!("59.40")));
    let wanted = bed.slice.said().await.into_iter().find(|(kind, _)| kind == "claims.proof_wanted.v1").expect("told");
    assert_eq!(wanted.1["subject"]["quantity"], json!(6));
    assert_eq!(wanted.1["source_rows"][0]["raw"], json!("X001\t-16"));
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("it may go");
    assert_eq!(bed.again(&claim).await["status"], json!("queued"));
    bed.run_jobs().await;
    let handed = bed.again(&claim).await;
    assert_eq!(
        (&handed["status"], &handed["submissions"][0]["outcome"]),
        (&json!("submitting"), &json!("handed_over"))
    );
    assert!(handed["letter"]["body"].as_str().is_some_and(|body| body.contains("59.40") && body.contains("row-1")));
    assert!(handed.get("case_id").is_none(), "no channel pretends");
    bed.slice.handle(&record_case::Record, case(&claim, Some("C-1"))).await.expect("it is told");
    bed.slice.handle(&record_case::Record, case(&claim, Some("C-1"))).await.expect("told twice is told once");
    let sent = bed.again(&claim).await;
    assert_eq!((&sent["status"], &sent["case_id"]), (&json!("submitted"), &json!("C-1")));
    assert_eq!(bed.kinds().await.iter().filter(|kind| *kind == "claims.claim_submitted.v1").count(), 1);
    assert_eq!(
        bed.slice
            .of_tenant("other")
            .get(
                &crate::service::app(&bed.slice),
                &format!("/api/recoveries/{}", id_of(&claim)),
                service_kit::auth::Role::Manager
            )
            .await
            .status,
        404
    );
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_unsent_claim_follows_its_detection(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let detection = bed.detect(1, &Found::default()).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    bed.detect(1, &Found { units: 4, minor: 3_960, ..Found::default() }).await;
    let shrunk = bed.again(&claim).await;
    assert_eq!((&shrunk["units"], &shrunk["amount"]["amount"]), (&json!(4), &json!("39.60")));
    bed.detect_as(1, &Found { units: 4, minor: 3_960, ..Found::default() }, "resolved_by_amazon").await;
    assert_eq!(bed.again(&claim).await["status"], json!("withdrawn"));
    assert!(bed.kinds().await.contains(&"claims.proof_unwanted.v1".to_owned()));
    // Owed again: a new claim. One that a person took back does not come again.
    bed.detect(1, &Found::default()).await;
    let anew = bed.claim_of(detection).await.expect("a claim");
    assert_ne!(anew["id"], claim["id"]);
    let withdraw = WithdrawClaim {
        claim_id: ClaimId(id_of(&anew)),
        reason: "we sent it ourselves".into(),
        withdrawn_by: who("ann"),
    };
    bed.slice.handle(&Withdraw, withdraw).await.expect("it was not sent");
    bed.detect(1, &Found { units: 5, minor: 4_950, ..Found::default() }).await;
    assert_eq!(bed.claim_of(detection).await.expect("still the same")["status"], json!("withdrawn"));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_unit_belongs_to_one_claim(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let first = bed.detect(1, &Found::default()).await;
    assert!(bed.claim_of(first).await.is_some());
    // Sixteen units in the row: ten are left.
    let second = bed.detect(2, &Found { units: 11, minor: 10_890, ..Found::default() }).await;
    assert!(bed.claim_of(second).await.is_none(), "one unit too many");
    let third = bed.detect(3, &Found { units: 10, minor: 9_900, ..Found::default() }).await;
    assert!(bed.claim_of(third).await.is_some());
    let mut work = bed.slice.work().await;
    let taken = sqlx::query(
        "INSERT INTO claim_units SELECT tenant, connection_id, row_key, nth, of_units, claim_id FROM claim_units LIMIT 1",
    );
    assert!(taken.execute(work.conn()).await.is_err(), "the database knows it too");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn nothing_goes_without_its_documents(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let detection = bed.detect(1, &Found { claim_type: "inbound_shortage", ..Found::default() }).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    assert_eq!(claim["status"], json!("evidence_pending"));
    assert_eq!(code(bed.slice.handle(&Submit, submit(&claim, "ann")).await), "claim_not_ready");
    bed.matched(id_of(&claim), MatchedBy::Model, 0.95).await;
    let status = bed.get(&format!("/api/v1/recoveries/{}/status", id_of(&claim))).await.body;
    assert_eq!((&status["status"], &status["missing"]), (&json!("evidence_pending"), &json!(["proof_of_delivery"])));
    let attach = |item: &str| AttachToClaim {
        claim_id: ClaimId(id_of(&claim)),
        item: item.into(),
        document_id: DocumentId(Uuid::from_u128(5)),
        attached_by: who("ann"),
    };
    assert_eq!(code(bed.slice.handle(&Attach, attach("photos")).await), "not_on_the_checklist");
    bed.slice.handle(&Attach, attach("proof_of_delivery")).await.expect("it is on the list");
    let ready = bed.again(&claim).await;
    assert_eq!((&ready["status"], &ready["automatic"]), (&json!("queued"), &json!(true)), "now it goes by itself");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn only_a_sure_model_sends_by_itself(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let quiet = bed.automatic(1).await;
    assert_eq!(quiet["status"], json!("ready"), "the tenant never said that claims may go by themselves");
    bed.settings(100_000, 10).await;
    for (number, by, probability, status) in [
        (2, MatchedBy::Model, 0.84, "ready"),
        (3, MatchedBy::Person, 0.99, "ready"),
        (4, MatchedBy::Model, 0.85, "queued"),
    ] {
        let row = format!("parcel-{number}");
        let detection = bed.detect(number, &Found { row: &row, ..PARCEL }).await;
        let claim = bed.claim_of(detection).await.expect("a claim");
        bed.matched(id_of(&claim), by, probability).await;
        assert_eq!(bed.again(&claim).await["status"], json!(status), "{by:?} {probability}");
    }
    bed.channel.answers.lock().expect("not poisoned").push_back(Sent::Accepted("A-1".into()));
    bed.run_jobs().await;
    let metrics = bed.get("/api/metrics/recoveries").await.body;
    assert_eq!((&metrics["submitted_claims"], &metrics["submitted_automatically"]), (&json!(1), &json!(1)));
    assert_eq!(metrics["automatic_share"], json!(1.0));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn over_the_limit_four_eyes_are_needed(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(5_000, 10).await;
    let detection = bed.detect(1, &Found::default()).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("it is asked for");
    assert_eq!(bed.again(&claim).await["status"], json!("approval"));
    let inbox = bed.get("/api/v1/claims/approvals").await.body;
    assert_eq!(
        (&inbox["approvals"][0]["claim_id"], &inbox["approvals"][0]["wanted_by"]),
        (&claim["id"], &json!("ann"))
    );
    let decide = |by: &str, allowed| DecideClaim {
        claim_id: ClaimId(id_of(&claim)),
        allowed,
        reason: "looked at".into(),
        decided_by: who(by),
    };
    assert_eq!(code(bed.slice.handle(&Decide, decide("ann", true)).await), "self_approval");
    bed.slice.handle(&Decide, decide("mia", false)).await.expect("another person");
    assert_eq!(bed.again(&claim).await["status"], json!("ready"));
    bed.slice.handle(&Submit, submit(&claim, "ann")).await.expect("asked for again");
    bed.slice.handle(&Decide, decide("mia", true)).await.expect("another person");
    assert_eq!(bed.again(&claim).await["status"], json!("queued"));
    assert_eq!(code(bed.slice.handle(&Decide, decide("mia", true)).await), "claim_state_conflict");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn scenario_16_the_switch_stops_within_one_poll(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    bed.settings(100_000, 10).await;
    let claim = bed.automatic(1).await;
    assert_eq!((&claim["status"], &claim["channel"]), (&json!("queued"), &json!("amazon_shipping")));
    bed.stop(true).await;
    bed.run_jobs().await;
    let fallen = bed.again(&claim).await;
    assert_eq!((&fallen["channel"], &fallen["submissions"][0]["outcome"]), (&json!("assisted"), &json!("handed_over")));
    assert!(bed.channel.got.lock().expect("not poisoned").is_empty(), "nothing was sent");
    let held = bed.automatic(2).await;
    assert_eq!(held["status"], json!("ready"), "and nothing new goes by itself");
    // The operator's switch stops everybody; nobody else may touch it.
    bed.stop(false).await;
    let general =
        SetGeneralSwitch { of_tenant: bed.tenant(), stopped: true, reason: "asked to".into(), set_by: who("root") };
    assert_eq!(code(bed.slice.handle(&SetGeneral { operator: None }, general.clone()).await), "switch_forbidden");
    let queued = bed.automatic(3).await;
    assert_eq!(queued["status"], json!("queued"));
    bed.slice.handle(&SetGeneral { operator: Some(bed.tenant()) }, general).await.expect("the operator may");
    bed.run_jobs().await;
    assert_eq!(bed.again(&queued).await["channel"], json!("assisted"));
    assert!(bed.channel.got.lock().expect("not poisoned").is_empty());
}

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
    let attach = || AttachToClaim {
        claim_id: ClaimId(id_of(&claim)),
        item: "proof_of_delivery".into(),
        document_id: DocumentId(Uuid::from_u128(5)),
        attached_by: who("ann"),
    };
    bed.slice.handle(&Attach, attach()).await.expect("it is on the list");
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
        bed.slice.handle(&Attach, attach()).await.expect("it is on the list");
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
