//! Claims on their way: prepared, proved, decided upon, sent, answered.

use claims::attach_to_claim::Attach;
use claims::channel::Sent;
use claims::drop_claim::Withdraw;
use claims::record_case;
use claims::set_switch::Set;
use claims::submit_claim::{Decide, Submit};
use serde_json::{Value, json};
use service_kit::handler::{Failure, Outcome};
use shared_events::claims::{
    AttachToClaim, DecideClaim, RecordCase, RecordReply, ReplyKind, SetSubmissionSwitch, SubmitClaim, WithdrawClaim,
};
use shared_events::evidence::MatchedBy;
use shared_events::{ClaimId, DocumentId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::claim_bed::{Bed, Found, id_of, who};

pub const PARCEL: Found<'static> =
    Found { claim_type: "amazon_shipping_claim", row: "parcel-1", units: 1, of_row: 1, minor: 4_200 };

pub fn submit(claim: &Value, by: &str) -> SubmitClaim {
    SubmitClaim { claim_id: ClaimId(id_of(claim)), note: None, wanted_by: who(by) }
}

pub fn case(claim: &Value, case: Option<&str>) -> RecordCase {
    RecordCase { claim_id: ClaimId(id_of(claim)), case_id: case.map(str::to_owned), recorded_by: who("ann") }
}

pub fn reply(claim: &Value, kind: ReplyKind, text: &str) -> RecordReply {
    RecordReply { claim_id: ClaimId(id_of(claim)), kind, text: text.into(), amount: None, recorded_by: who("ann") }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result.expect_err("it is refused") {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("{error:#}"),
    }
}

impl Bed {
    pub async fn again(&self, claim: &Value) -> Value {
        self.read(id_of(claim)).await
    }

    /// A claim for a parcel, ready and matched by a model, so that it goes by itself.
    pub async fn automatic(&self, number: u128) -> Value {
        let row = format!("parcel-{number}");
        let detection = self.detect(number, &Found { row: &row, ..PARCEL }).await;
        let claim = self.claim_of(detection).await.expect("a claim");
        self.matched(id_of(&claim), MatchedBy::Model, 0.93).await;
        self.again(&claim).await
    }

    /// A person attaches a document for an item of the check-list.
    pub async fn attach(&self, claim: &Value, item: &str) -> Result<Outcome, Failure> {
        let attach = AttachToClaim {
            claim_id: ClaimId(id_of(claim)),
            item: item.into(),
            document_id: DocumentId(Uuid::from_u128(5)),
            attached_by: who("ann"),
        };
        self.slice.handle(&Attach, attach).await
    }

    /// What only people can bring along of a shipment to Amazon.
    pub async fn attach_papers(&self, claim: &Value) {
        for item in ["proof_of_delivery", "packing_slip"] {
            self.attach(claim, item).await.expect("it is on the list");
        }
    }

    pub async fn stop(&self, stopped: bool) {
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
    let attempts =
        bed.slice.said().await.into_iter().filter(|(kind, _)| kind == "claims.claim_submission_attempted.v1");
    let asked: Vec<Value> = attempts.map(|(_, event)| event["packet_id"].clone()).collect();
    assert!(asked.len() == 1 && asked[0].is_string(), "a packet to go along is asked for: {asked:?}");
    assert_eq!(
        (&handed["submissions"][0]["packet_id"], &handed["evidence"]["handed_packet_id"]),
        (&asked[0], &asked[0])
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
    let papers = json!(["proof_of_delivery", "packing_slip"]);
    assert_eq!((&status["status"], &status["missing"]), (&json!("evidence_pending"), &papers));
    assert_eq!(code(bed.attach(&claim, "photos").await), "not_on_the_checklist");
    bed.attach_papers(&claim).await;
    let ready = bed.again(&claim).await;
    assert_eq!((&ready["status"], &ready["automatic"]), (&json!("queued"), &json!(true)), "now it goes by itself");
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn the_plate_of_a_unit_that_came_back_is_read_off_its_return(pool: PgPoolOptions, options: PgConnectOptions) {
    let bed = Bed::new(pool, options).await;
    let detection = bed.detect(1, &Found { claim_type: "return_amazon_fault_unsellable", ..Found::default() }).await;
    let claim = bed.claim_of(detection).await.expect("a claim");
    let status = bed.get(&format!("/api/v1/recoveries/{}/status", id_of(&claim))).await.body;
    assert_eq!(status["missing"], json!(["photos"]));
    assert!(claim["letter"]["body"].as_str().is_some_and(|body| body.contains("license plate: LPNHE100000001")));
    bed.attach(&claim, "photos").await.expect("it is on the list");
    // The detection changes: plate and photos stay.
    bed.detect(1, &Found { claim_type: "return_amazon_fault_unsellable", minor: 6_000, ..Found::default() }).await;
    let again = bed.again(&claim).await;
    assert_eq!((&again["status"], &again["amount"]["amount"]), (&json!("ready"), &json!("60.00")));
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
