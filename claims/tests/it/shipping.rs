//! The channel `amazon_shipping` against the sandbox of Amazon: a parcel is claimed once, and what nobody knows is not asked again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::TimeDelta;
use claims::amazon::Amazon;
use claims::by_amazon_shipping::ByAmazonShipping;
use claims::channel::{Channel, Channels};
use claims::connect_account::Connect;
use claims::prepare_claim::Consider;
use claims::secrets::Vault;
use claims::send_claim::SendClaim;
use claims::submit_claim::Submit;
use claims::use_consent::UseConsent;
use claims::{record_arrival, record_case};
use providers::amazon::Patience;
use serde_json::{Value, json};
use service_kit::clock::Clock;
use service_kit::jobs::Worker;
use shared_events::claims::{Arrival, RecordArrival, RecordCase, SubmitClaim};
use shared_events::evidence::MatchedBy;
use shared_events::{ClaimId, ConnectionId, DetectionId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;
use uuid::Uuid;

use crate::claim_bed::{Bed, CONNECTION, Found, id_of, usd, who};
use crate::sellers::Stage;

/// A seller with parcels, and claims for them.
struct Dock {
    stage: Stage,
    bed: Bed,
    worker: Worker,
}

impl Dock {
    async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let stage = Stage::new(5, pool, options).await;
        let bed = Bed { slice: stage.slice.of_tenant("demo"), channel: Arc::default() };
        let code = stage.code().await;
        let consent = stage.consent("na", "nonce", &code, TimeDelta::minutes(10));
        let consent = shared_events::claims::ConnectAccount { connection_id: ConnectionId(CONNECTION), ..consent };
        stage.slice.handle(&Connect, consent).await.unwrap();
        let vault = Vault::new(stage.config.masters.clone());
        let clock = Arc::clone(&stage.slice.clock) as Arc<dyn Clock>;
        let patience = Patience {
            deadline: Duration::from_secs(12),
            request: Duration::from_secs(4),
            first_pause: Duration::from_millis(4),
            longest_pause: Duration::from_millis(20),
        };
        let amazon = Amazon::new(stage.config.amazon.as_ref(), vault, clock).with_patience(patience);
        let store = stage.slice.store.clone();
        let channel = ByAmazonShipping { store: store.clone(), amazon: amazon.clone() };
        let channels = Channels::new(vec![Arc::new(channel) as Arc<dyn Channel>]);
        let worker = Worker::new(store).on(Consider).on(SendClaim { channels }).on(UseConsent {
            amazon,
            account_key: stage.config.account_key.clone(),
            stripe: None,
            google: None,
        });
        bed.settings(100_000, 100).await;
        let dock = Self { stage, bed, worker };
        dock.run().await;
        dock
    }

    async fn run(&self) {
        while self.worker.run_next().await.unwrap() {}
    }

    /// A parcel went wrong; its claim is proved, and goes by itself.
    async fn claimed(&self, number: u128) -> Value {
        self.claimed_as(number, "LOST_IN_TRANSIT").await
    }

    async fn claimed_as(&self, number: u128, reason: &str) -> Value {
        let (row, tracking) = (format!("parcel-{number}"), format!("TBA{number}"));
        let arrival = Arrival::Parcel {
            tracking: tracking.clone(),
            day: self.bed.now().date_naive(),
            reason: reason.into(),
            value: usd(4_200),
            marketplace: "US".into(),
        };
        let told = RecordArrival { connection_id: ConnectionId(CONNECTION), arrival, told_by: who("ann") };
        self.bed.slice.handle(&record_arrival::Record, told).await.unwrap();
        let found = Found { claim_type: "amazon_shipping_claim", row: &row, units: 1, of_row: 1, minor: 4_200 };
        let detection = self.bed.detect(number, &found).await;
        let claim = self.bed.claim_of(detection).await.unwrap();
        let mut work = self.bed.slice.work().await;
        sqlx::query("UPDATE claims SET subject = subject || jsonb_build_object('tracking', $2) WHERE id = $1")
            .bind(id_of(&claim))
            .bind(tracking)
            .execute(work.conn())
            .await
            .unwrap();
        work.commit().await.unwrap();
        self.bed.matched(id_of(&claim), MatchedBy::Model, 0.93).await;
        self.run().await;
        self.bed.read(id_of(&claim)).await
    }

    async fn calls(&self) -> u64 {
        let request = Request::get("/_sandbox/calls").body(Body::empty()).unwrap();
        let answer = self.stage.amazon.router().oneshot(request).await.unwrap();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["createClaim"].as_u64().unwrap_or(0)
    }
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn a_parcel_is_claimed_by_itself_under_amazons_number(pool: PgPoolOptions, options: PgConnectOptions) {
    let dock = Dock::new(pool, options).await;
    let claim = dock.claimed(1).await;
    assert_eq!((&claim["status"], &claim["channel"]), (&json!("submitted"), &json!("amazon_shipping")), "{claim}");
    assert!(claim["case_id"].as_str().unwrap().starts_with("1318"), "{claim}");
    assert_eq!(dock.calls().await, 1);
    let figures = dock.bed.get("/api/metrics/recoveries").await.body;
    assert_eq!((&figures["submitted_automatically"], &figures["automatic_share"]), (&json!(1), &json!(1.0)));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn an_end_that_nobody_saw_is_asked_about_and_not_sent_again(pool: PgPoolOptions, options: PgConnectOptions) {
    let dock = Dock::new(pool, options).await;
    for (number, kind) in (1..).zip(["accept_then_hang", "error", "truncate"]) {
        dock.stage.fault(json!({"operation": "createClaim", "kind": kind})).await;
        let claim = dock.claimed(number).await;
        assert_eq!(claim["status"], json!("submit_unknown"), "{kind}: {claim}");
        dock.bed.slice.clock.advance(TimeDelta::days(1));
        dock.run().await;
        assert_eq!(u128::from(dock.calls().await), number, "{kind}");
    }
    // Sent again because somebody said that it never arrived: Amazon has it, and does not say under which number.
    let claim = dock.bed.claim_of(DetectionId(Uuid::from_u128(1))).await.unwrap();
    let claim_id = ClaimId(id_of(&claim));
    let lost = RecordCase { claim_id, case_id: None, recorded_by: who("ann") };
    dock.bed.slice.handle(&record_case::Record, lost).await.unwrap();
    let submit = SubmitClaim { claim_id, note: None, wanted_by: who("ann") };
    dock.bed.slice.handle(&Submit, submit).await.unwrap();
    dock.run().await;
    assert_eq!(dock.bed.read(claim_id.0).await["status"], json!("submit_unknown"));
    assert_eq!(dock.bed.get("/api/metrics/dashboard").await.body["unknown"], json!(3));
}

#[sqlx::test(migrator = "migrations::CLAIMS")]
async fn what_did_not_leave_is_tried_again_and_what_is_refused_is_classified(
    pool: PgPoolOptions,
    options: PgConnectOptions,
) {
    let dock = Dock::new(pool, options).await;
    dock.stage.fault(json!({"operation": "createClaim", "kind": "throttle", "times": 1_000})).await;
    let claim = dock.claimed(1).await;
    assert_eq!(claim["status"], json!("queued"), "it waits: {claim}");
    let request = Request::delete("/_sandbox/faults").body(Body::empty()).unwrap();
    dock.stage.amazon.router().oneshot(request).await.unwrap();
    dock.bed.slice.clock.advance(TimeDelta::hours(1));
    dock.run().await;
    assert_eq!(dock.bed.read(id_of(&claim)).await["status"], json!("submitted"));
    // What happened to it is no word of Amazon's.
    let claim = dock.claimed_as(2, "EATEN_BY_A_DOG").await;
    assert_eq!((&claim["status"], &claim["denial"]), (&json!("denied"), &json!("invalid_claim")), "{claim}");
    // The seller took the consent back: three tries, and a person is needed.
    dock.stage.fault(json!({"operation": "createClaim", "kind": "revoke"})).await;
    let claim = dock.claimed(3).await;
    for _ in 0..5 {
        dock.bed.slice.clock.advance(TimeDelta::days(1));
        dock.run().await;
    }
    let claim = dock.bed.read(id_of(&claim)).await;
    assert_eq!(claim["status"], json!("failed"), "{claim}");
}
