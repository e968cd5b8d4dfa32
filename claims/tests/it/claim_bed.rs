//! What tests of claims stand on: detections and rows of reports in the database, a channel that does as it is told, and jobs that
//! run when they are due.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use claims::channel::{AMAZON_SHIPPING, Answer as Reply, Channel, Channels, Known, Parcel, Sent};
use claims::claim_settings::SetThem;
use claims::claim_timers::{Expire, Overdue};
use claims::confirm_claims::Confirm;
use claims::consider_detection;
use claims::look_at_line::LookAtLine;
use claims::prepare_claim::Consider;
use claims::proof_events::{Matched, PacketReady};
use claims::send_claim::SendClaim;
use serde_json::{Value, json};
use service_kit::auth::Role;
use service_kit::jobs::Worker;
use service_kit::store::Cause;
use service_kit::testing::{Answer, Slice};
use shared_events::claims::SetClaimSettings;
use shared_events::evidence::{EvidenceMatched, MatchedBy, ProofPacketReady};
use shared_events::money::{Currency, Money};
use shared_events::{DetectionId, DocumentId, PacketId, ProofRequestId, Subject, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

use crate::service;

pub const CONNECTION: Uuid = Uuid::from_u128(7);

/// A channel that answers what it was told to, and remembers what it was given.
#[derive(Default)]
pub struct Scripted {
    pub answers: Mutex<VecDeque<Sent>>,
    pub known: Mutex<Option<Known>>,
    pub got: Mutex<Vec<Uuid>>,
    pub looked_up: Mutex<Vec<Uuid>>,
}

impl Channel for Scripted {
    fn name(&self) -> &'static str {
        AMAZON_SHIPPING
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Reply<'a, Sent> {
        self.got.lock().expect("not poisoned").push(parcel.key);
        let next = self.answers.lock().expect("not poisoned").pop_front();
        Box::pin(async move { next.expect("the test says what comes") })
    }

    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> Reply<'a, Known> {
        self.looked_up.lock().expect("not poisoned").push(parcel.key);
        let known = self.known.lock().expect("not poisoned").clone().unwrap_or(Known::CannotTell);
        Box::pin(async move { known })
    }
}

pub struct Bed {
    pub slice: Slice,
    pub channel: Arc<Scripted>,
}

pub fn who(name: &str) -> Subject {
    Subject::try_new(name).expect("a name")
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// What a detection is about, for one row of units.
pub struct Found<'a> {
    pub claim_type: &'a str,
    pub row: &'a str,
    pub units: i64,
    pub of_row: i64,
    pub minor: i64,
}

impl Default for Found<'_> {
    fn default() -> Self {
        Self { claim_type: "fc_lost", row: "row-1", units: 6, of_row: 16, minor: 5_940 }
    }
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        Self { slice: service::slice(pool, options).await, channel: Arc::default() }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.slice.store.now()
    }

    /// A claimable detection; its window opened yesterday and closes in thirty days.
    pub async fn detect(&self, id: u128, found: &Found<'_>) -> DetectionId {
        self.detect_as(id, found, "claimable").await
    }

    pub async fn detect_as(&self, id: u128, found: &Found<'_>, status: &str) -> DetectionId {
        let now = self.now();
        let (report, columns, raw) = match found.claim_type.starts_with("return_") {
            true => ("return", ["fnsku", "license-plate-number"], "X001\tLPNHE100000001".to_owned()),
            false => ("ledger", ["fnsku", "quantity"], format!("X001\t-{}", found.of_row)),
        };
        let rows = json!([{"key": found.row, "units": found.units, "report": report, "columns": columns, "raw": raw}]);
        let subject = json!({"text": "fnsku X001", "fnsku": "X001", "shipment_id": "FBA15", "order_id": "113-1", "tracking": "TBA1"});
        let mut work = self.slice.work().await;
        sqlx::query(
            "INSERT INTO detections (tenant, id, connection_id, claim_type, marketplace, subject, units, unit_value_minor, expected_minor,
                 currency, basis, clock_start, opens_at, closes_at, policy_version, certainty, status, arithmetic, rows, about, natural_key,
                 raised_at, changed_at)
             VALUES ($1, $2, $3, $4, 'US', $5, $6, $7, $8, 'USD', 'sourcing_cost', $9, $10, $11, 'us-1', 'official', $12::detection_status,
                 '16 lost - 5 found - 5 reimbursed = 6', $13, 'x', $14, $15, $15)
             ON CONFLICT (tenant, id) DO UPDATE SET units = excluded.units, expected_minor = excluded.expected_minor, rows = excluded.rows,
                 status = excluded.status, reason = 'it changed'",
        )
        .bind(self.slice.tenant.as_str())
        .bind(Uuid::from_u128(id))
        .bind(CONNECTION)
        .bind(found.claim_type)
        .bind(subject)
        .bind(found.units)
        .bind(found.minor / found.units.max(1))
        .bind(found.minor)
        .bind((now - TimeDelta::days(1)).date_naive())
        .bind(now - TimeDelta::days(1))
        .bind(now + TimeDelta::days(30))
        .bind(status)
        .bind(rows)
        .bind(id.to_string())
        .bind(now)
        .execute(work.conn())
        .await
        .expect("a detection");
        let detection = DetectionId(Uuid::from_u128(id));
        consider_detection::enqueue(&mut work, &cause(), detection).await.expect("a job");
        work.commit().await.expect("committed");
        self.run_jobs().await;
        detection
    }

    /// Runs every job that is due.
    pub async fn run_jobs(&self) {
        let worker = self.worker();
        while worker.run_next().await.expect("the database is there") {}
    }

    pub fn worker(&self) -> Worker {
        let channels = Channels::new(vec![Arc::clone(&self.channel) as Arc<dyn Channel>]);
        let worker = Worker::new(self.slice.store.clone()).on(Consider).on(SendClaim { channels }).on(LookAtLine);
        worker.on(Confirm).on(Expire).on(Overdue)
    }

    pub async fn settings(&self, limit: i64, per_day: u32) {
        let set = SetClaimSettings {
            of_tenant: self.slice.tenant.clone(),
            automatic: true,
            limit: Some(usd(limit)),
            per_day,
            fee_bps: 2_000,
            asked: Some(who("ann")),
            set_by: who("mia"),
        };
        self.slice.handle(&SetThem, set).await.expect("they are set");
    }

    /// The newest claim of a detection, as it is answered.
    pub async fn claim_of(&self, detection: DetectionId) -> Option<Value> {
        let mut work = self.slice.work().await;
        let id: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM claims WHERE detection_id = $1 ORDER BY seq DESC LIMIT 1")
                .bind(detection.0)
                .fetch_optional(work.conn())
                .await
                .expect("the database is there");
        drop(work);
        Some(self.read(id?).await)
    }

    pub async fn read(&self, id: Uuid) -> Value {
        let answer = self.get(&format!("/api/recoveries/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.slice.get(&service::app(&self.slice), path, Role::Manager).await
    }

    pub async fn matched(&self, id: Uuid, by: MatchedBy, probability: f64) {
        let matched = EvidenceMatched {
            request_id: ProofRequestId(id),
            requested_by: who("ann"),
            document_id: DocumentId(Uuid::from_u128(99)),
            line: None,
            probability,
            by,
            model: "learned-1".into(),
            explanation: "the invoice names the article".into(),
        };
        self.slice.handle(&Matched, matched).await.expect("it is taken in");
    }

    pub async fn sealed(&self, id: Uuid, packet: u128) {
        let ready = ProofPacketReady {
            packet_id: PacketId(Uuid::from_u128(packet)),
            request_id: ProofRequestId(id),
            requested_by: who("ann"),
            sha256: "00".into(),
            merkle_root: "00".into(),
            draft: false,
            addendum_to: None,
        };
        self.slice.handle(&PacketReady, ready).await.expect("it is taken in");
    }

    /// The wire names that were said so far.
    pub async fn kinds(&self) -> Vec<String> {
        self.slice.said().await.into_iter().map(|(kind, _)| kind).collect()
    }

    pub fn tenant(&self) -> TenantId {
        self.slice.tenant.clone()
    }
}

pub fn cause() -> Cause {
    Cause::root(Uuid::from_u128(1), None)
}

pub fn id_of(claim: &Value) -> Uuid {
    claim["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}
