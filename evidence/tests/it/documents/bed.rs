//! What the tests stand on: a database and an object folder of their own, a clock that stands still, and a server to fetch from.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use evidence::delete_document::Delete;
use evidence::discard_object::DiscardObject;
use evidence::fetch_evidence::FetchEvidence;
use evidence::register_evidence::Register;
use futures::future::BoxFuture;
use providers::fetch::{Fetcher, Names, is_public};
use providers::files::{Files, Place};
use providers::objects::{ObjectConfig, Objects};
use serde_json::Value;
use service_kit::clock::{Clock, ManualClock};
use service_kit::handler::{Delivered, Failure, Handles};
use service_kit::jobs::Worker;
use service_kit::store::{Store, Work, new_id};
use shared_events::evidence::{DeleteDocument, EvidenceSource, RegisterEvidence, StoredFile, WrappedKey};
use shared_events::{DocumentId, Envelope, EvidenceId, Message, MessageId, PartnerId, Service, Subject, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use uuid::Uuid;

pub const OLD_KEY: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const NEW_KEY: &str = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

pub struct Bed {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub tenant: TenantId,
    pub files: Files,
    pub folder: PathBuf,
    pub options: PgConnectOptions,
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `files.example` is on this machine; everything else is inside.
struct TestNames;

impl Names for TestNames {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let address = if host == "files.example" { "127.0.0.1" } else { "10.0.0.1" };
        Box::pin(async move { Ok(vec![address.parse().expect("an address")]) })
    }

    fn may_talk_to(&self, address: IpAddr) -> bool {
        address.is_loopback() || is_public(address)
    }
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

pub fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.7\n{text}").into_bytes()
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        // A superuser sees through row-level security; the service's role does not.
        let pool: PgPool = pool
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query("SET ROLE evidence_user").execute(connection).await.map(drop) })
            })
            .connect_with(options.clone())
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z".parse::<DateTime<_>>().unwrap()));
        let of_store: Arc<dyn Clock> = clock.clone();
        let folder = std::env::temp_dir().join(format!("recoup-documents-{}", Uuid::now_v7().simple()));
        let objects = Objects::open(&ObjectConfig::Local { dir: folder.clone() }).unwrap();
        let files = Files { objects, masters: OLD_KEY.parse().unwrap() };
        let store = Store::new(pool, of_store, Service::Evidence);
        Self { store, clock, tenant: tenant("demo"), files, folder, options }
    }

    pub fn deliver<M: Message>(&self, data: M) -> Delivered<M> {
        let now = self.clock.now();
        let id = MessageId(new_id(now));
        let envelope = Envelope { sequence: 1, ..Envelope::begin("/tests", &data, id, self.tenant.clone(), now) };
        Delivered { envelope, data }
    }

    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.unwrap()
    }

    /// Handles one message in a transaction of its own, as the kit does.
    pub async fn handle<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<(), Failure> {
        let mut work = self.work().await;
        handler.handle(&mut work, &self.deliver(data)).await?;
        work.commit().await.unwrap();
        Ok(())
    }

    /// Puts a file into the store, as the edge does.
    pub async fn stored(&self, content: &[u8]) -> StoredFile {
        let mut intake = self.files.intake(&self.tenant);
        intake.push(content).await.unwrap();
        intake.finish(Some("invoice.pdf".into())).await.unwrap()
    }

    pub fn submission(&self, source: EvidenceSource, partner: Option<&str>) -> RegisterEvidence {
        RegisterEvidence {
            evidence_id: EvidenceId(Uuid::now_v7()),
            source,
            campaign_id: None,
            request_id: None,
            evidence_type: "photo".into(),
            metadata: serde_json::json!({ "description": "Product photo" }),
            partner: partner.map(|name| PartnerId::try_new(name).unwrap()),
            submitted_by: Subject::try_new("ann").unwrap(),
        }
    }

    /// Uploads and registers; the document.
    pub async fn upload(&self, content: &[u8], partner: Option<&str>) -> DocumentId {
        let file = self.stored(content).await;
        let id = DocumentId::of(&self.tenant, &file.sha256);
        self.handle(&Register, self.submission(EvidenceSource::File(file), partner)).await.unwrap();
        id
    }

    /// Has a file fetched; the submission.
    pub async fn link(&self, url: &str) -> EvidenceId {
        let submission = self.submission(EvidenceSource::Url(url.into()), None);
        let id = submission.evidence_id;
        self.handle(&Register, submission).await.unwrap();
        id
    }

    pub async fn delete(&self, document_id: DocumentId) -> Result<(), Failure> {
        self.handle(&Delete, DeleteDocument { document_id, reason: "a mistake".into() }).await
    }

    /// Runs the jobs that are due, reading apart.
    pub async fn run_jobs(&self) {
        let fetcher = Fetcher::new(TestNames, true);
        let worker = Worker::new(self.store.clone())
            .on(FetchEvidence { fetcher, files: self.files.clone() })
            .on(DiscardObject { objects: self.files.objects.clone() });
        while worker.run_next().await.unwrap() {}
    }

    /// What was said: types and data, in order.
    pub async fn said(&self) -> Vec<(String, Value)> {
        let sql = "SELECT properties::json->>'ce_type', payload::json FROM outbox ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.store.pool()).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    pub async fn kinds_said(&self) -> Vec<String> {
        self.said().await.into_iter().map(|(kind, _)| kind).collect()
    }

    /// How many objects are in the store, finished or not.
    pub fn objects(&self) -> usize {
        let count = |folder: &str| std::fs::read_dir(self.folder.join(folder)).map_or(0, Iterator::count);
        count("documents") + count(".unfinished")
    }

    /// State, code and reason of a submission.
    pub async fn outcome(&self, id: EvidenceId) -> (String, Option<String>) {
        let mut work = self.work().await;
        sqlx::query_as("SELECT state::text, code FROM submissions WHERE id = $1")
            .bind(id.0)
            .fetch_one(work.conn())
            .await
            .unwrap()
    }

    /// Reads a document's bytes by what its row says.
    pub async fn content(&self, id: DocumentId) -> Vec<u8> {
        self.content_with(&self.files, id).await
    }

    pub async fn content_with(&self, files: &Files, id: DocumentId) -> Vec<u8> {
        let mut work = self.work().await;
        let (object, bytes, master, wrapped): (String, i64, String, String) =
            sqlx::query_as("SELECT object, bytes, key_master, key_wrapped FROM documents WHERE id = $1")
                .bind(id.0)
                .fetch_one(work.conn())
                .await
                .unwrap();
        let place = Place { object, bytes: bytes.unsigned_abs(), key: WrappedKey { master, wrapped } };
        files.read_whole(&self.tenant, &place).await.unwrap()
    }
}

/// The code of a refusal.
pub fn code(failure: Failure) -> String {
    match failure {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("expected a refusal: {error:#}"),
    }
}
