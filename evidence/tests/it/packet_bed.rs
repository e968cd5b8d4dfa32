//! What the tests of packets stand on: a database of their own, a store in a folder, and a request that a document proves.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use evidence::packet::verify::{Report, verify};
use evidence::packet_config::PacketConfig;
use evidence::seal_packet::{Order, SEAL_PACKET, SealPacket};
use evidence::{Config, State, draft_packet, record_payout};
use providers::files::{Files, Place};
use providers::objects::{ObjectConfig, Objects};
use service_kit::clock::{Clock, ManualClock};
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, Worker};
use service_kit::store::{Cause, Store, Work, new_id};
use shared_events::evidence::{DraftPacket, RecordPayout, StoredFile, WrappedKey};
use shared_events::{Currency, Envelope, Message, MessageId, Money, PacketId, ProofRequestId, Service, TenantId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use uuid::Uuid;

pub const INVOICE: &[u8] = b"%PDF-1.7 an invoice";
pub const DELIVERY: &[u8] = b"%PDF-1.7 a proof of delivery";

pub struct Bed {
    pub state: State,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub tenant: TenantId,
    pub owner: PgPool,
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

impl Bed {
    pub async fn new(pool: PgPoolOptions, options: PgConnectOptions) -> Self {
        let owner = PgPool::connect_with(options.clone()).await.unwrap();
        // A superuser sees through row-level security; the service's role does not.
        let pool: PgPool = pool
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query("SET ROLE evidence_user").execute(connection).await.map(drop) })
            })
            .connect_with(options)
            .await
            .unwrap();
        let clock = Arc::new(ManualClock::at(at("2026-11-10T12:00:00Z")));
        let clock_of_store: Arc<dyn Clock> = clock.clone();
        let dir = std::env::temp_dir().join(format!("recoup-objects-{}", Uuid::now_v7().simple()));
        let config = Config {
            prompts: Default::default(),
            link_key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().unwrap(),
            fetch_allow_http: false,
            objects: ObjectConfig::Local { dir },
            masters: "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().unwrap(),
            reader: "recoup".into(),
            packets: PacketConfig {
                signing_key: Arc::new("AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=".parse().unwrap()),
                former_keys: vec![],
                retention_days: 30,
            },
            retrain_after_labels: 50,
            sweep_after: chrono::TimeDelta::hours(1),
        };
        let files = Files { objects: Objects::open(&config.objects).unwrap(), masters: config.masters.clone() };
        let store = Store::new(pool, clock_of_store, Service::Evidence);
        let state = State { store: store.clone(), config: Arc::new(config), files };
        Self { state, store, clock, tenant: TenantId::try_new("demo").unwrap(), owner }
    }

    pub fn of_tenant(&self, name: &str) -> Self {
        let tenant = TenantId::try_new(name).unwrap();
        let (state, store, clock, owner) =
            (self.state.clone(), self.store.clone(), self.clock.clone(), self.owner.clone());
        Self { state, store, clock, tenant, owner }
    }

    pub async fn work(&self) -> Work {
        self.store.read(&self.tenant).await.unwrap()
    }

    pub fn worker(&self) -> Worker {
        evidence::worker(self.store.clone(), &self.state.config, &self.state.files)
    }

    /// The worker's job by itself, with another store of objects if need be.
    pub fn sealing(&self, files: Files) -> SealPacket {
        SealPacket::new(&files, &self.state.config.packets)
    }

    /// The job of a packet once more, as after a kill.
    pub async fn enqueue_sealing(&self, packet_id: PacketId, request_id: ProofRequestId) {
        let order = Order { packet_id, request_id, draft: false };
        let mut work = self.work().await;
        let (due_at, payload, cause) = (self.clock_now(), order.to_json(), Cause::root(Uuid::now_v7(), None));
        work.enqueue(NewJob { kind: SEAL_PACKET, key: packet_id.to_string(), due_at, payload, cause }).await.unwrap();
        work.commit().await.unwrap();
    }

    pub async fn drain(&self) {
        while self.worker().run_next().await.unwrap() {}
    }

    /// Handles one message in a transaction of its own, as the kit does.
    pub async fn handle<M: Message>(&self, handler: &impl Handles<M>, data: M) -> Result<Outcome, Failure> {
        let now = self.clock.now();
        let envelope = Envelope {
            sequence: 1,
            actor: Some("jane".to_owned()),
            ..Envelope::begin("/tests", &data, MessageId(new_id(now)), self.tenant.clone(), now)
        };
        let mut work = self.work().await;
        let outcome = handler.handle(&mut work, &Delivered { envelope, data }).await?;
        work.commit().await.unwrap();
        Ok(outcome)
    }

    /// A request that nothing proves yet.
    pub async fn request(&self, reference: &str) -> ProofRequestId {
        let (id, mut work) = (Uuid::now_v7(), self.work().await);
        sqlx::query(
            r#"INSERT INTO proof_requests (tenant, id, claim_type, reference, subject, source_rows, policy, requested_by, state, codes, supplier_words,
                                           requested_at, cause, correlation)
               VALUES ($1, $2, 'inbound_shortage', $3, '{"sku": "WTR-BTL-32OZ", "quantity": 5, "amount": {"minor": 24580, "currency": "USD"}}',
                       '[{"fnsku": "X001", "quantity": -5}]', '{"version": "US-2024-10-23"}', 'jane', 'open', '{}', '{}', $4, $2, $2)"#,
        )
        .bind(self.tenant.as_str())
        .bind(id)
        .bind(reference)
        .bind(self.clock.now())
        .execute(work.conn())
        .await
        .unwrap();
        work.commit().await.unwrap();
        ProofRequestId(id)
    }

    /// A document whose bytes are in the store.
    pub async fn document(&self, content: &[u8]) -> Uuid {
        let mut intake = self.state.files.intake(&self.tenant);
        intake.push(content).await.unwrap();
        let file: StoredFile = intake.finish(Some("invoice.pdf".to_owned())).await.unwrap();
        let (id, mut work) = (Uuid::now_v7(), self.work().await);
        sqlx::query(
            "INSERT INTO documents (tenant, id, sha256, bytes, media_type, file_name, object, key_master, key_wrapped, state, received_at, cause, correlation)
             VALUES ($1, $2, $3, $4, 'application/pdf', 'invoice.pdf', $5, $6, $7, 'received', $8, $2, $2)",
        )
        .bind(self.tenant.as_str())
        .bind(id)
        .bind(file.sha256)
        .bind(i64::try_from(file.bytes).unwrap())
        .bind(file.object)
        .bind(file.key.master)
        .bind(file.key.wrapped)
        .bind(self.clock.now())
        .execute(work.conn())
        .await
        .unwrap();
        work.commit().await.unwrap();
        id
    }

    /// The document proves the request, or was refused.
    pub async fn matched(&self, request: ProofRequestId, document: Uuid, end: &str) {
        let mut work = self.work().await;
        sqlx::query(
            r#"INSERT INTO matches (tenant, id, request_id, document_id, line, claim_type, model_version, parser, parser_version, shadow, rule, vector,
                                    weights, raw_score, probability, gate_open, gate_reason, decision, why, explanation, decided_by, ended, ended_at,
                                    decided_at, correlation)
               VALUES ($1, $2, $3, $4, 1, 'inbound_shortage', 'rules-1', 'ubl', 1, false, 'exact_invoice', '{"order": 1.0}', '[]', 0.95, 0.96, true,
                       'automatic', 'automatic', 'sure', 'the order is the same.', 'model', $5::text::match_end, $6, $6, $2)"#,
        )
        .bind(self.tenant.as_str())
        .bind(Uuid::now_v7())
        .bind(request.0)
        .bind(document)
        .bind(end)
        .bind(self.clock.now())
        .execute(work.conn())
        .await
        .unwrap();
        sqlx::query("UPDATE proof_requests SET state = 'proved' WHERE tenant = $1 AND id = $2 AND $3 = 'proved'")
            .bind(self.tenant.as_str())
            .bind(request.0)
            .bind(end)
            .execute(work.conn())
            .await
            .unwrap();
        work.commit().await.unwrap();
    }

    /// A request that one document proves.
    pub async fn proved(&self, reference: &str) -> ProofRequestId {
        let request = self.request(reference).await;
        let document = self.document(INVOICE).await;
        self.matched(request, document, "proved").await;
        request
    }

    pub async fn paid(&self, request_id: ProofRequestId, minor: i64, reference: &str) -> Result<Outcome, Failure> {
        let (amount, paid_at) = (usd(minor), self.clock.now());
        let payout = RecordPayout { request_id, amount, units: None, reference: reference.to_owned(), paid_at };
        self.handle(&record_payout::Record, payout).await
    }

    /// Asks for a packet; the second is what the caller is told.
    pub async fn ask(&self, request_id: ProofRequestId) -> Result<(PacketId, String), Failure> {
        let packet_id = PacketId(Uuid::now_v7());
        let outcome = self.handle(&draft_packet::Draft, DraftPacket { packet_id, request_id }).await?;
        Ok((packet_id, format!("{outcome:?}")))
    }

    /// The file of a packet, as it is stored.
    pub async fn file(&self, packet: PacketId) -> Vec<u8> {
        let row =
            sqlx::query("SELECT object, key_master, key_wrapped, bytes FROM packets WHERE id = $1").bind(packet.0);
        let row = row.fetch_one(&self.owner).await.unwrap();
        let key = WrappedKey { master: row.get(1), wrapped: row.get(2) };
        let place = Place { object: row.get(0), bytes: row.get::<i64, _>(3).unsigned_abs(), key };
        self.state.files.read_whole(&self.tenant, &place).await.unwrap()
    }

    /// The packet as `recoup verify` sees it, with the service's public key.
    pub async fn verified(&self, packet: PacketId) -> Report {
        verify(&self.file(packet).await, &[self.state.config.packets.signing_key.public()])
    }

    /// Ids of the tenant's packets, oldest first.
    pub async fn packets(&self) -> Vec<PacketId> {
        let rows = sqlx::query("SELECT id FROM packets WHERE tenant = $1 ORDER BY seq").bind(self.tenant.as_str());
        rows.fetch_all(&self.owner).await.unwrap().iter().map(|row| PacketId(row.get(0))).collect()
    }

    pub async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.owner).await.unwrap()
    }

    pub fn clock_now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// How many objects are under a folder of the store.
    pub async fn objects(&self, folder: &str) -> usize {
        let folder = providers::objects::ObjectKey::try_new(folder).unwrap();
        let before = at("2100-01-01T00:00:00Z");
        self.state.files.objects.list_stored_before(&folder, before, None, 1_000).await.unwrap().len()
    }
}

pub fn code(failure: Failure) -> String {
    match failure {
        Failure::Reject(rejection) => rejection.code,
        Failure::Retry(error) => panic!("expected a refusal: {error:#}"),
    }
}
