//! Seals a packet: fixes its contents in one transaction, then puts the file together and stores it.
//!
//! Killed in between, the job is run again: the contents are fixed only once, the file comes out the same, and its object has the same
//! name, so there is neither a second packet nor an object that nobody knows.

use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use providers::files::{Files, Place};
use serde::{Deserialize, Serialize};
use service_kit::faults;
use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::evidence::{ProofPacketReady, WrappedKey};
use shared_events::{PacketId, ProofRequestId, Subject};
use uuid::Uuid;

use crate::packet::archive::{Entries, MOST_BYTES};
use crate::packet::contents;
use crate::packet::keys::SigningKey;
use crate::packet::manifest::Header;
use crate::packet::seal::{self, Sealed};
use crate::packet::sha256::Sha256;
use crate::packet_config::PacketConfig;
use crate::packet_facts::{self, Stored};
use crate::packet_row::{self, NewPacket};
use crate::{packet_failure, packet_store, request_row};

/// Kind of the job.
pub const SEAL_PACKET: &str = "evidence.seal_packet";
/// Bytes of documents in one packet at most; it is put together in memory.
const MOST_DOCUMENT_BYTES: u64 = MOST_BYTES / 4;

/// What the job is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The packet that this makes.
    pub packet_id: PacketId,
    /// Of which request.
    pub request_id: ProofRequestId,
    /// A draft, because no money has arrived.
    pub draft: bool,
}

impl Order {
    /// As a job carries it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

/// Runs the job.
pub struct SealPacket {
    files: Files,
    key: Arc<SigningKey>,
    retention_days: i64,
}

impl SealPacket {
    /// Documents and packets are in `files`; `config` says who signs.
    pub fn new(files: &Files, config: &PacketConfig) -> Self {
        let (files, key) = (files.clone(), Arc::clone(&config.signing_key));
        Self { files, key, retention_days: config.retention_days }
    }
}

/// A packet whose contents are fixed.
struct Fixed {
    sealed: Sealed,
    files: Entries,
    documents: Vec<(String, Stored)>,
    place: Place,
    retained_until: Option<DateTime<Utc>>,
    draft: bool,
    addendum_to: Option<Uuid>,
    ready: bool,
    requested_by: String,
}

impl RunsJob for SealPacket {
    const KIND: &'static str = SEAL_PACKET;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let order: Order = serde_json::from_value(job.payload.clone()).context("what to seal")?;
        let Err(failure) = self.seal(store, job, &order).await else { return Ok(()) };
        let why = packet_failure::for_a_person(failure, job)?;
        packet_failure::note(store, job, &order, &why).await
    }
}

impl SealPacket {
    async fn seal(&self, store: &Store, job: &Job, order: &Order) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        if !packet_row::exists(&mut work, order.packet_id).await? && !self.fix(&mut work, order, &job.cause).await? {
            packet_failure::forget(&mut work, order.packet_id).await?;
            job.finish(&mut work).await?;
            work.commit().await?;
            return Ok(());
        }
        work.commit().await?;
        faults::point("evidence.packet_fixed");
        self.store(store, job, order).await
    }

    /// Fixes the contents of the packet; `false` when a sealed packet tells all of it already.
    async fn fix(&self, work: &mut Work, order: &Order, cause: &Cause) -> Result<bool, Failure> {
        let (tenant, created_at) = (work.tenant().clone(), work.now());
        // The request first, the chain second: whoever locks both does it in this order.
        request_row::lock(work, order.request_id).await?.context("the request is gone")?;
        let mut contents = packet_facts::gather(work, order.request_id).await?.context("the request is gone")?;
        let facts = contents::facts(&contents);
        let earlier = if order.draft { None } else { packet_row::newest(work, order.request_id).await? };
        if earlier.as_ref().is_some_and(|earlier| earlier.facts_sha256 == facts.to_string()) {
            return Ok(false);
        }
        if !order.draft {
            packet_facts::refer_to_earlier(work, &mut contents).await?;
        }
        let chain = if order.draft { None } else { Some(packet_row::next_place(work).await?) };
        let claim = contents.claim.reference.clone().unwrap_or_else(|| order.request_id.to_string());
        let header = Header {
            packet_id: order.packet_id.0,
            tenant: tenant.to_string(),
            request_id: order.request_id.0,
            claim,
            created_at,
            draft: order.draft,
            addendum_to: earlier.map(|earlier| earlier.as_earlier()).transpose()?,
            chain,
        };
        let (mut entries, files) = contents::files(&header, &contents).map_err(anyhow::Error::from)?;
        entries.extend(contents::documents(&contents.claim));
        let total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        if total > MOST_DOCUMENT_BYTES {
            return Err(Failure::reject("packet_too_large", format!("{total} bytes are too many for one packet")));
        }
        let sealed = seal::seal(header.clone(), entries, &self.key);
        let object = packet_store::object(order.packet_id);
        let new = NewPacket {
            header: &header,
            contents: &contents,
            facts,
            sealed: &sealed,
            key_id: &self.key.public().id(),
            files: &files,
            object: &object,
            key: &packet_store::new_key(&self.files, &tenant, &object)?,
            retained_until: (!order.draft).then(|| created_at + TimeDelta::days(self.retention_days)),
        };
        packet_row::insert(work, cause, &new).await?;
        Ok(true)
    }

    /// Puts the file together, stores it, and says that it can be had.
    async fn store(&self, store: &Store, job: &Job, order: &Order) -> Result<(), Failure> {
        let mut work = store.read(&job.tenant).await?;
        let fixed = load(&mut work, order.packet_id).await?;
        drop(work);
        if fixed.ready {
            return Ok(());
        }
        let mut files = fixed.files;
        for (path, stored) in &fixed.documents {
            let bytes = packet_store::document(&self.files, &job.tenant, stored).await;
            let bytes = bytes.map_err(|error| packet_failure::of_document(error, stored.id, job.attempt))?;
            files.insert(path.clone(), bytes);
        }
        let plain = seal::assemble(&fixed.sealed, files).map_err(anyhow::Error::from)?;
        if let Some(finding) = crate::packet::verify::verify(&plain, &[]).findings.first() {
            return Err(packet_failure::of_finding(finding));
        }
        packet_store::put(&self.files, &job.tenant, &fixed.place, &plain, fixed.retained_until).await?;
        faults::point("evidence.packet_stored");
        let sha256 = Sha256::of(&[&plain]).to_string();
        let mut work = store.read(&job.tenant).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let marked = sqlx::query!(
            "UPDATE packets SET state = 'ready', sha256 = $3, bytes = $4, ready_at = $5 WHERE tenant = $1 AND id = $2 AND state = 'sealing'",
            tenant.as_str(),
            order.packet_id.0,
            sha256,
            i64::try_from(plain.len()).unwrap_or(i64::MAX),
            now,
        )
        .execute(work.conn())
        .await?;
        if marked.rows_affected() == 1 {
            let ready = ProofPacketReady {
                packet_id: order.packet_id,
                request_id: order.request_id,
                sha256,
                merkle_root: fixed.sealed.root.to_string(),
                draft: fixed.draft,
                addendum_to: fixed.addendum_to.map(PacketId),
                requested_by: Subject::try_new(fixed.requested_by).context("who asked for proof")?,
            };
            let version = packet_failure::count(&mut work, order.packet_id).await? + 1;
            work.emit(&job.cause, version, &ready);
        }
        job.finish(&mut work).await?;
        work.commit().await?;
        tracing::info!(packet.id = %order.packet_id, draft = fixed.draft, bytes = plain.len(), "packet sealed");
        Ok(())
    }
}

async fn load(work: &mut Work, packet: PacketId) -> Result<Fixed, Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT p.manifest, p.signature, p.manifest_sha256, p.merkle_root, p.object, p.key_master, p.key_wrapped, p.retained_until, p.draft,
                  p.addendum_to, p.state = 'ready' AS "ready!", r.requested_by
           FROM packets p JOIN proof_requests r ON r.tenant = $1 AND r.id = p.request_id WHERE p.tenant = $1 AND p.id = $2"#,
        tenant.as_str(),
        packet.0,
    )
    .fetch_one(work.conn())
    .await?;
    let files = sqlx::query!(
        "SELECT path, content FROM packet_files WHERE tenant = $1 AND packet_id = $2",
        tenant.as_str(),
        packet.0
    )
    .fetch_all(work.conn())
    .await?;
    let documents = sqlx::query!(
        "SELECT h.path, d.id, d.object, d.key_master, d.key_wrapped, d.bytes FROM packet_documents h JOIN documents d ON d.tenant = $1 AND d.id = h.document_id
         WHERE h.tenant = $1 AND h.packet_id = $2",
        tenant.as_str(),
        packet.0,
    )
    .fetch_all(work.conn())
    .await?;
    let hash = |text: &str| text.parse::<Sha256>().map_err(anyhow::Error::from);
    Ok(Fixed {
        sealed: Sealed {
            sha256: hash(&row.manifest_sha256)?,
            root: hash(&row.merkle_root)?,
            manifest: row.manifest,
            signature: row.signature,
        },
        files: files.into_iter().map(|file| (file.path, file.content)).collect(),
        documents: documents
            .into_iter()
            .map(|held| {
                let key = WrappedKey { master: held.key_master, wrapped: held.key_wrapped };
                (held.path, Stored { id: held.id, object: held.object, key, bytes: held.bytes.unsigned_abs() })
            })
            .collect(),
        // The length is that of the file to be, which does not matter for writing.
        place: Place {
            object: row.object,
            bytes: 0,
            key: WrappedKey { master: row.key_master, wrapped: row.key_wrapped },
        },
        retained_until: row.retained_until,
        draft: row.draft,
        addendum_to: row.addendum_to,
        ready: row.ready,
        requested_by: row.requested_by,
    })
}
