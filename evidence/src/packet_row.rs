//! Packets as they are stored: fixed once, under the lock of the tenant's chain.

use chrono::{DateTime, Utc};
use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::evidence::WrappedKey;
use shared_events::{PacketId, ProofRequestId};
use uuid::Uuid;

use crate::packet::archive::Entries;
use crate::packet::contents::Contents;
use crate::packet::manifest::{Chain, Earlier, Header};
use crate::packet::seal::Sealed;
use crate::packet::sha256::Sha256;

/// The newest sealed packet of a request.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The packet.
    pub packet_id: Uuid,
    /// Hash of its manifest.
    pub manifest_sha256: String,
    /// Of what it tells.
    pub facts_sha256: String,
}

/// The newest sealed packet of a request, whether its file is stored yet or not.
///
/// # Errors
/// When the database is away.
pub async fn newest(work: &mut Work, request: ProofRequestId) -> Result<Option<Newest>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Newest,
        "SELECT id AS packet_id, manifest_sha256, facts_sha256 FROM packets WHERE tenant = $1 AND request_id = $2 AND NOT draft
         ORDER BY seq DESC LIMIT 1",
        tenant.as_str(),
        request.0,
    )
    .fetch_optional(work.conn())
    .await
}

impl Newest {
    /// As a packet that adds to it names it.
    ///
    /// # Errors
    /// When the hash in the database is none.
    pub fn as_earlier(&self) -> Result<Earlier, Failure> {
        Ok(Earlier { packet_id: self.packet_id, manifest_sha256: hash(&self.manifest_sha256)? })
    }
}

/// Whether a packet is fixed already.
///
/// # Errors
/// When the database is away.
pub async fn exists(work: &mut Work, packet: PacketId) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM packets WHERE tenant = $1 AND id = $2) AS "found!""#,
        tenant.as_str(),
        packet.0
    );
    found.fetch_one(work.conn()).await
}

/// The next place in the tenant's chain. Nobody else gets one before the end of the transaction.
///
/// # Errors
/// When the database is away, or holds what cannot be.
pub async fn next_place(work: &mut Work) -> Result<Chain, Failure> {
    let tenant = work.tenant().clone();
    sqlx::query!("INSERT INTO packet_chains (tenant, position) VALUES ($1, 0) ON CONFLICT DO NOTHING", tenant.as_str())
        .execute(work.conn())
        .await?;
    let end = sqlx::query!(
        "SELECT position, manifest_sha256 FROM packet_chains WHERE tenant = $1 FOR UPDATE",
        tenant.as_str()
    )
    .fetch_one(work.conn())
    .await?;
    let previous = end.manifest_sha256.as_deref().map(hash).transpose()?;
    Ok(Chain { position: end.position.unsigned_abs() + 1, previous })
}

fn hash(text: &str) -> Result<Sha256, Failure> {
    text.parse().map_err(|error| Failure::Retry(anyhow::anyhow!("a stored hash: {error}")))
}

/// A packet that is to be fixed.
#[derive(Debug)]
pub struct NewPacket<'p> {
    /// What its manifest says of it.
    pub header: &'p Header,
    /// What it tells.
    pub contents: &'p Contents,
    /// Of that.
    pub facts: Sha256,
    /// Its manifest and signature.
    pub sealed: &'p Sealed,
    /// Names the key that signed.
    pub key_id: &'p str,
    /// The files that are written for it.
    pub files: &'p Entries,
    /// Where it will be stored.
    pub object: &'p str,
    /// What it will be encrypted with.
    pub key: &'p WrappedKey,
    /// Until when the store is to keep it.
    pub retained_until: Option<DateTime<Utc>>,
}

/// Fixes a packet, and moves the end of the chain to it.
///
/// # Errors
/// When the database is away, or there is such a packet.
pub async fn insert(work: &mut Work, cause: &Cause, new: &NewPacket<'_>) -> Result<(), sqlx::Error> {
    let (tenant, header) = (work.tenant().clone(), new.header);
    let position = header.chain.map(|chain| i64::try_from(chain.position).unwrap_or(i64::MAX));
    let manifest_sha256 = new.sealed.sha256.to_string();
    sqlx::query!(
        "INSERT INTO packets (tenant, id, request_id, claim, draft, addendum_to, position, facts_sha256, manifest, signature, manifest_sha256,
                              merkle_root, key_id, object, key_master, key_wrapped, retained_until, created_at, cause, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        tenant.as_str(),
        header.packet_id,
        header.request_id,
        header.claim,
        header.draft,
        header.addendum_to.map(|earlier| earlier.packet_id),
        position,
        new.facts.to_string(),
        new.sealed.manifest,
        new.sealed.signature,
        manifest_sha256,
        new.sealed.root.to_string(),
        new.key_id,
        new.object,
        new.key.master,
        new.key.wrapped,
        new.retained_until,
        header.created_at,
        cause.message.map(|message| message.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    let (paths, contents): (Vec<String>, Vec<Vec<u8>>) = new.files.clone().into_iter().unzip();
    sqlx::query!(
        "INSERT INTO packet_files (tenant, packet_id, path, content) SELECT $1, $2, * FROM unnest($3::text[], $4::bytea[])",
        tenant.as_str(),
        header.packet_id,
        &paths,
        &contents,
    )
    .execute(work.conn())
    .await?;
    let held = new.contents.claim.documents.iter().filter(|document| document.in_packet.is_none());
    let (ids, places): (Vec<Uuid>, Vec<String>) =
        held.map(|document| (document.document_id, document.path.clone())).unzip();
    sqlx::query!(
        "INSERT INTO packet_documents (tenant, packet_id, document_id, path, sealed)
         SELECT $1, $2, held.id, held.path, $5 FROM unnest($3::uuid[], $4::text[]) AS held (id, path)",
        tenant.as_str(),
        header.packet_id,
        &ids,
        &places,
        !header.draft,
    )
    .execute(work.conn())
    .await?;
    if let Some(position) = position {
        sqlx::query!(
            "UPDATE packet_chains SET position = $2, manifest_sha256 = $3 WHERE tenant = $1",
            tenant.as_str(),
            position,
            manifest_sha256,
        )
        .execute(work.conn())
        .await?;
    }
    Ok(())
}
