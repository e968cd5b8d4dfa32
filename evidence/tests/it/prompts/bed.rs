//! What the tests stand on: a database of their own, a clock, a request, and documents that may prove it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use evidence::answer_prompt::AnswerIt;
use evidence::ask_person::AskIt;
use evidence::prompts::{self, Asked, Candidate, Timing};
use evidence::{request_proof, request_row};
use serde_json::Value;
use service_kit::clock::{Clock, ManualClock};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::Worker;
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::evidence::{AnswerPrompt, AskPerson, PromptOption, ProofSubject, RequestProof};
use shared_events::outcome::Rejection;
use shared_events::{
    Currency, DocumentId, Envelope, Message, MessageId, Money, PromptId, ProofRequestId, Service, Subject, TenantId,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// Who asks for proof, and so is asked.
pub const SELLER: &str = "seller";

pub struct Bed {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub tenant: TenantId,
}

pub fn subject(name: &str) -> Subject {
    Subject::try_new(name).unwrap()
}

/// A candidate with this number.
pub fn invoice(document_id: DocumentId, number: &str) -> Candidate {
    Candidate {
        document_id,
        probability: 0.7,
        number: Some(number.into()),
        supplier: Some("Acme Supplies Ltd".into()),
        total: Some(Money::new(24_580, Currency::USD)),
        dated: NaiveDate::from_ymd_opt(2025, 1, 3),
        file_name: None,
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
        let clock = Arc::new(ManualClock::at("2026-11-10T12:00:00Z".parse().unwrap()));
        let clock_of_store: Arc<dyn Clock> = clock.clone();
        let store = Store::new(pool, clock_of_store, Service::Evidence);
        Self { store, clock, tenant: TenantId::try_new("demo").unwrap() }
    }

    pub fn of_tenant(&self, name: &str) -> Self {
        Self { store: self.store.clone(), clock: self.clock.clone(), tenant: TenantId::try_new(name).unwrap() }
    }

    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.unwrap()
    }

    /// Handles one command in a transaction of its own, as the kit does.
    pub async fn handle<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Value, Rejection> {
        let now = self.clock.now();
        let envelope = Envelope {
            sequence: 1,
            ..Envelope::begin("/tests", &data, MessageId(new_id(now)), self.tenant.clone(), now)
        };
        let mut work = self.work().await;
        let outcome = handler.handle(&mut work, &Delivered { envelope, data }).await;
        let outcome: Outcome = match outcome {
            Ok(outcome) => outcome,
            Err(Failure::Reject(rejection)) => return Err(rejection),
            Err(Failure::Retry(error)) => panic!("expected an end: {error:#}"),
        };
        work.commit().await.unwrap();
        Ok(outcome.value().cloned().unwrap_or_default())
    }

    pub async fn request(&self) -> ProofRequestId {
        let request_id = ProofRequestId(Uuid::now_v7());
        let command = RequestProof {
            request_id,
            claim_type: "inbound_shortage".into(),
            reference: None,
            subject: ProofSubject { order_id: Some("112-1234567-1234567".into()), ..ProofSubject::default() },
            source_rows: vec![],
            policy: Value::Null,
            requested_by: subject(SELLER),
        };
        self.handle(&request_proof::Request, command).await.unwrap();
        request_id
    }

    pub async fn document(&self) -> DocumentId {
        let id = DocumentId(Uuid::now_v7());
        let mut work = self.work().await;
        sqlx::query(
            "INSERT INTO documents (tenant, id, sha256, bytes, media_type, object, key_master, key_wrapped, state, received_at, cause, correlation)
             VALUES ($1, $2, $3, 1, 'application/pdf', $3, 'm', 'w', 'parsed', now(), $2, $2)",
        )
        .bind(self.tenant.as_str())
        .bind(id.0)
        .bind(id.to_string())
        .execute(work.conn())
        .await
        .unwrap();
        work.commit().await.unwrap();
        id
    }

    /// Asks about these, as matching does.
    pub async fn ask(&self, request: ProofRequestId, candidates: &[Candidate]) -> Asked {
        let mut work = self.work().await;
        let row = request_row::lock(&mut work, request).await.unwrap().unwrap();
        let asked = prompts::ask(&mut work, &Self::cause(), &Timing::default(), &row, candidates).await.unwrap();
        work.commit().await.unwrap();
        asked
    }

    /// A prompt about one document of a request of its own, open for three days.
    pub async fn prompt(&self) -> PromptId {
        let (request, document) = (self.request().await, self.document().await);
        match self.ask(request, &[invoice(document, "INV-1001")]).await {
            Asked::Now(id) => id,
            other => panic!("expected a new prompt: {other:?}"),
        }
    }

    pub fn cause() -> Cause {
        Cause::root(Uuid::nil(), Some("uploader".into()))
    }

    /// Answers now.
    pub async fn answer(&self, prompt: PromptId, by: &str, option: &str) -> Result<Value, Rejection> {
        self.answer_at(prompt, by, option, self.clock.now()).await
    }

    pub async fn answer_at(
        &self,
        prompt_id: PromptId,
        by: &str,
        option: &str,
        answered_at: DateTime<Utc>,
    ) -> Result<Value, Rejection> {
        let command = AnswerPrompt {
            prompt_id,
            selected_option: option.into(),
            reasoning: Some("looks right".into()),
            answered_by: subject(by),
            is_manager: by == "manager",
            answered_at,
        };
        self.handle(&AnswerIt, command).await
    }

    pub async fn ask_person(&self, change: impl FnOnce(&mut AskPerson)) -> Result<Value, Rejection> {
        let option = |id: &str| PromptOption { id: id.into(), label: id.into() };
        let mut command = AskPerson {
            prompt_id: PromptId(Uuid::now_v7()),
            request_id: ProofRequestId(Uuid::nil()),
            asked: Some(subject("warehouse")),
            question: "Did all five bottles arrive?".into(),
            options: vec![option("all"), option("fewer")],
            expires_at: None,
            asked_by: subject("operator"),
        };
        change(&mut command);
        self.handle(&AskIt { timing: Timing::default() }, command).await
    }

    pub fn advance(&self, step: TimeDelta) {
        self.clock.advance(step);
    }

    /// A process that has just started: runs every timer that is due by now, and returns how many.
    pub async fn started_anew(&self) -> usize {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let worker: Worker = evidence::timers(Store::new(self.store.pool().clone(), clock, Service::Evidence));
        let mut ran = 0;
        while worker.run_next().await.unwrap() {
            ran += 1;
        }
        ran
    }

    /// What was said of prompts so far: name and version, in order.
    pub async fn said(&self) -> Vec<(String, i64)> {
        let sql =
            "SELECT properties::json->>'ce_type', (properties::json->>'ce_sequence')::bigint FROM outbox ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.store.pool()).await.unwrap();
        let named = |row: &sqlx::postgres::PgRow| {
            let kind: String = row.get(0);
            let name = kind.strip_prefix("evidence.prompt_")?.strip_suffix(".v1")?.to_owned();
            Some((name, row.get(1)))
        };
        rows.iter().filter_map(named).collect()
    }

    /// The data of the last event with this wire name.
    pub async fn last(&self, kind: &str) -> Value {
        let sql = "SELECT payload FROM outbox WHERE properties::json->>'ce_type' = $1 ORDER BY id DESC LIMIT 1";
        let text: String = sqlx::query_scalar(sql).bind(kind).fetch_one(self.store.pool()).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub async fn state(&self, prompt: PromptId) -> String {
        let mut work = self.work().await;
        let sql = "SELECT state::text FROM prompts WHERE id = $1";
        sqlx::query_scalar(sql).bind(prompt.0).fetch_one(work.conn()).await.unwrap()
    }
}

/// Names and versions, as [`Bed::said`] tells them.
pub fn events(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
}
