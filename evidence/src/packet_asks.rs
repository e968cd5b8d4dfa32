//! Which packet an asker was led to. An answer goes out before it is known whether there is such a packet already, so the id in it may be
//! that of a packet which is never made; it is kept, and leads to the one that is.

use service_kit::store::Work;
use shared_events::{PacketId, ProofRequestId};
use uuid::Uuid;

use crate::packet::sha256::Sha256;

/// The draft of a request that tells just this, made already or being made; none when there is none, or it could not be made.
///
/// # Errors
/// When the database is away.
pub(crate) async fn draft_of(
    work: &mut Work,
    request: ProofRequestId,
    facts: Sha256,
) -> Result<Option<PacketId>, sqlx::Error> {
    let tenant = work.tenant().clone();
    // What was fixed may tell more than what was asked, when something happened in between: the packet itself knows best.
    let found = sqlx::query_scalar!(
        r#"SELECT d.packet_id AS "packet_id!" FROM (
               SELECT id AS packet_id, seq AS place, 0 AS kind FROM packets
               WHERE tenant = $1 AND request_id = $2 AND draft AND facts_sha256 = $3
               UNION ALL
               SELECT a.packet_id, 0, 1 FROM packet_asks a
               WHERE a.tenant = $1 AND a.request_id = $2 AND a.draft AND a.facts_sha256 = $3
                 AND NOT EXISTS (SELECT FROM packets p WHERE p.tenant = $1 AND p.id = a.packet_id AND p.facts_sha256 <> $3)
           ) d
           WHERE NOT EXISTS (SELECT FROM packet_failures f WHERE f.tenant = $1 AND f.packet_id = d.packet_id AND f.retried_at IS NULL)
           ORDER BY d.kind, d.place DESC, d.packet_id LIMIT 1"#,
        tenant.as_str(),
        request.0,
        facts.to_string(),
    );
    Ok(found.fetch_optional(work.conn()).await?.map(PacketId))
}

/// Keeps which packet somebody who asked for `asked` was led to; `facts` is what a draft was asked to tell.
///
/// # Errors
/// When the database is away.
pub(crate) async fn keep(
    work: &mut Work,
    asked: PacketId,
    request: ProofRequestId,
    led_to: PacketId,
    facts: Option<Sha256>,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO packet_asks (tenant, asked, request_id, packet_id, draft, facts_sha256, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        asked.0,
        request.0,
        led_to.0,
        facts.is_some(),
        facts.map(|facts| facts.to_string()),
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The packet behind an id: the one that somebody who was told this id was led to, or the one of this id.
///
/// # Errors
/// When the database is away.
pub(crate) async fn led_to(work: &mut Work, asked: Uuid) -> Result<Uuid, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found = sqlx::query_scalar!(
        "SELECT packet_id FROM packet_asks WHERE tenant = $1 AND asked = $2",
        tenant.as_str(),
        asked,
    );
    Ok(found.fetch_optional(work.conn()).await?.unwrap_or(asked))
}
