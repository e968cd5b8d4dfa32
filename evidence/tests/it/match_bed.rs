//! What the tests of matching stand on: a database of their own, documents that are read already, and requests.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use evidence::judge_again::JudgeAgain;
use evidence::labels::{self, NewLabel, Source};
use evidence::lookup;
use evidence::match_facts::Said;
use evidence::match_jobs::{MatchDocument, MatchRequest};
use evidence::matching::decision::Gate;
use evidence::prompts::Timing;
use evidence::read_document::MATCH_DOCUMENT;
use evidence::reading::invoice::Invoice;
use evidence::train_model_job::TrainIt;
use evidence::weigh_labels::WeighLabels;
use evidence::{match_keys, models, request_proof};
use serde_json::Value;
use service_kit::clock::{Clock, ManualClock};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, Worker};
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::evidence::{ProofSubject, RequestProof};
use shared_events::{DocumentId, Envelope, Message, MessageId, ModelId, ProofRequestId, Service, Subject, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::types::Json;
use sqlx::{PgPool, Row};
use uuid::Uuid;

pub use crate::match_samples::*;

pub const CLAIM: &str = "inbound_shortage";

pub struct Bed {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub tenant: TenantId,
    pub worker: Worker,
}

/// What is stored of a decision.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Decided {
    pub id: Uuid,
    pub document_id: Uuid,
    pub rule: String,
    pub raw_score: f64,
    pub probability: f64,
    pub decision: String,
    pub why: String,
    pub ended: Option<String>,
    pub decided_by: String,
    pub model_version: String,
    pub explanation: String,
    pub line: Option<i32>,
    pub prompt_id: Option<Uuid>,
}

impl Decided {
    pub fn short(&self) -> (&str, &str, &str) {
        (&self.rule, &self.decision, &self.why)
    }
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        // A superuser sees through row-level security; the service's role does not.
        let pool: PgPool = pool
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query("SET ROLE evidence_user").execute(connection).await.map(drop) })
            })
            .connect_with(options)
            .await
            .unwrap();
        let start: DateTime<Utc> = "2025-02-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let clock_of_store: Arc<dyn Clock> = clock.clone();
        let store = Store::new(pool, clock_of_store, Service::Evidence);
        let worker = Worker::new(store.clone())
            .on(MatchDocument { timing: Timing::default() })
            .on(MatchRequest { timing: Timing::default() })
            .on(WeighLabels { retrain_after: 50 })
            .on(JudgeAgain)
            .on(TrainIt::default());
        Self { store, clock, tenant: TenantId::try_new("demo").unwrap(), worker }
    }

    pub fn of_tenant(&self, name: &str) -> Self {
        let (store, clock, worker) = (self.store.clone(), self.clock.clone(), self.worker.clone());
        Self { store, clock, worker, tenant: TenantId::try_new(name).unwrap() }
    }

    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.unwrap()
    }

    pub fn deliver<M: Message>(&self, data: M) -> Delivered<M> {
        let now = self.clock.now();
        let envelope = Envelope {
            sequence: 1,
            actor: Some("ann".into()),
            ..Envelope::begin("/tests", &data, MessageId(new_id(now)), self.tenant.clone(), now)
        };
        Delivered { envelope, data }
    }

    /// Handles one message in a transaction of its own, as the kit does.
    pub async fn handle<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Outcome, Failure> {
        let mut work = self.work().await;
        let outcome = handler.handle(&mut work, &self.deliver(data)).await?;
        work.commit().await.unwrap();
        Ok(outcome)
    }

    pub async fn request(&self, subject: ProofSubject) -> ProofRequestId {
        let request_id = ProofRequestId(Uuid::now_v7());
        let command = RequestProof {
            request_id,
            claim_type: CLAIM.into(),
            reference: None,
            subject,
            source_rows: vec![],
            policy: Value::Null,
            requested_by: Subject::try_new("ann").unwrap(),
        };
        self.handle(&request_proof::Request, command).await.unwrap();
        request_id
    }

    /// A document that was read, and the job that follows.
    pub async fn document(&self, invoice: &Invoice) -> DocumentId {
        let id = DocumentId(Uuid::now_v7());
        self.read(id, invoice).await;
        self.match_document(id).await;
        id
    }

    pub async fn read(&self, id: DocumentId, invoice: &Invoice) {
        let mut work = self.work().await;
        sqlx::query(
            "INSERT INTO documents (tenant, id, sha256, bytes, media_type, object, key_master, key_wrapped, state, received_at, cause, correlation)
             VALUES ($1, $2, $2::text, 1, 'application/xml', $2::text, 'k', 'k', 'parsed', now(), $2, $2)",
        )
        .bind(self.tenant.as_str())
        .bind(id.0)
        .execute(work.conn())
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO readings (tenant, document_id, parser, parser_version, invoice, codes, supplier_words, issued_on, gross_minor, currency)
             VALUES ($1, $2, 'ubl', 1, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.tenant.as_str())
        .bind(id.0)
        .bind(Json(invoice))
        .bind(lookup::codes_of_invoice(invoice))
        .bind(lookup::supplier_words(invoice.issuer.as_ref().map(|found| found.value.as_str())))
        .bind(invoice.date.as_ref().map(|found| found.value.date))
        .bind(invoice.gross.as_ref().map(|found| found.value.minor))
        .bind(invoice.currency.as_ref().map(|found| found.value.code().to_owned()))
        .execute(work.conn())
        .await
        .unwrap();
        let issued_on = invoice.date.as_ref().map(|found| found.value.date);
        match_keys::write(&mut work, id, invoice, issued_on).await.unwrap();
        work.commit().await.unwrap();
    }

    pub async fn match_document(&self, id: DocumentId) {
        let mut work = self.work().await;
        let job = NewJob {
            kind: MATCH_DOCUMENT,
            key: id.to_string(),
            due_at: self.clock.now(),
            payload: serde_json::json!({ "document_id": id }),
            cause: Cause::root(Uuid::now_v7(), None),
        };
        work.enqueue(job).await.unwrap();
        work.commit().await.unwrap();
    }

    pub async fn match_request(&self, id: ProofRequestId) {
        let mut work = self.work().await;
        let job = NewJob {
            kind: request_proof::MATCH_REQUEST,
            key: id.to_string(),
            due_at: self.clock.now(),
            payload: serde_json::json!({ "request_id": id }),
            cause: Cause::root(Uuid::now_v7(), None),
        };
        work.enqueue(job).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Runs all jobs, and fails when one of them does.
    pub async fn drain(&self) {
        while self.worker.run_next().await.unwrap() {}
        let failed: Vec<Option<String>> =
            sqlx::query_scalar("SELECT last_error FROM jobs WHERE last_error IS NOT NULL")
                .fetch_all(self.store.pool())
                .await
                .unwrap();
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// Opens the gate of the fixed rules, as enough good labels would.
    pub async fn open_gate(&self) {
        self.set_gate(Gate::of(100, 100, 0.0, 200)).await;
    }

    pub async fn set_gate(&self, gate: Gate) {
        let mut work = self.work().await;
        models::set_gate(&mut work, CLAIM, "rules-2", &gate, &Default::default()).await.unwrap();
        work.commit().await.unwrap();
    }

    /// The latest decisions about a request, the best first.
    pub async fn decided(&self, request: ProofRequestId) -> Vec<Decided> {
        self.decisions(request, "latest AND NOT shadow").await
    }

    pub async fn decisions(&self, request: ProofRequestId, which: &'static str) -> Vec<Decided> {
        let mut work = self.work().await;
        let sql = format!(
            "SELECT id, document_id, rule, raw_score, probability, decision::text, why, ended::text, decided_by, model_version, explanation, line,
                    prompt_id
             FROM matches WHERE request_id = $1 AND {which} ORDER BY probability DESC, document_id"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(request.0).fetch_all(work.conn()).await.unwrap()
    }

    pub async fn state(&self, request: ProofRequestId) -> (String, i32) {
        let mut work = self.work().await;
        sqlx::query_as("SELECT state::text, version FROM proof_requests WHERE id = $1")
            .bind(request.0)
            .fetch_one(work.conn())
            .await
            .unwrap()
    }

    /// What was said about matching: type and version, in order.
    pub async fn said(&self) -> Vec<(String, i64)> {
        let rows = sqlx::query(
            "SELECT properties::json->>'ce_type' AS kind, (properties::json->>'ce_sequence')::bigint AS version FROM outbox ORDER BY id",
        )
        .fetch_all(self.store.pool())
        .await
        .unwrap();
        let short = |kind: String| kind.trim_start_matches("evidence.").trim_end_matches(".v1").to_owned();
        rows.iter().map(|row| (short(row.get("kind")), row.get("version"))).collect()
    }

    /// How often something was said.
    pub async fn count_of(&self, kind: &str) -> usize {
        self.said().await.iter().filter(|(said, _)| said == kind).count()
    }

    /// Writes labels as an import does, without its limits.
    pub async fn label(&self, pairs: impl IntoIterator<Item = (ProofSubject, Said, bool)>) {
        let mut work = self.work().await;
        let import = ModelId(Uuid::now_v7());
        for (number, (subject, said, proved)) in pairs.into_iter().enumerate() {
            let label = NewLabel {
                source: Source::Import(import, number),
                claim_type: CLAIM,
                subject: &subject,
                said: &said,
                proved,
                said_by: "ann",
                said_at: self.clock.now(),
            };
            labels::write(&mut work, &label).await.unwrap();
        }
        labels::weigh(&mut work, &Cause::root(Uuid::now_v7(), None), CLAIM, &import.to_string()).await.unwrap();
        work.commit().await.unwrap();
        self.clock.advance(TimeDelta::seconds(1));
    }
}

/// The code of a refusal.
pub fn code(failure: Failure) -> String {
    match failure {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("expected a refusal: {error:#}"),
    }
}
