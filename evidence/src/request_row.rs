//! A proof request as it is stored.

use chrono::{DateTime, Utc};
use service_kit::store::Work;
use shared_events::ProofRequestId;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json;
use uuid::Uuid;

/// What decisions about a request need.
#[derive(Debug)]
pub struct Request {
    /// The request.
    pub id: Uuid,
    /// What kind of claim it is for.
    pub claim_type: String,
    /// What the asker calls the claim.
    pub reference: Option<String>,
    /// What has to be proved.
    pub subject: Json<ProofSubject>,
    /// Who asks.
    pub requested_by: String,
    /// `open`, `proved` or `withdrawn`.
    pub state: String,
    /// Counts its events.
    pub version: i32,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// What everything about it follows from.
    pub correlation: Uuid,
}

/// Locks a request, so that decisions about it come one after the other.
///
/// # Errors
/// When the database is away.
pub async fn lock(work: &mut Work, id: ProofRequestId) -> Result<Option<Request>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Request,
        r#"SELECT id, claim_type, reference, subject AS "subject: Json<ProofSubject>", requested_by, state::text AS "state!", version,
                  requested_at, correlation
           FROM proof_requests WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Puts a request into another state (or leaves it in its own) and counts one event; returns the new version.
///
/// # Errors
/// When the database is away.
pub async fn advance(work: &mut Work, id: ProofRequestId, state: &str) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE proof_requests SET state = $3::text::request_state, version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
        state,
    )
    .fetch_one(work.conn())
    .await?;
    // Documents that come find open requests only.
    sqlx::query!(
        "UPDATE request_keys SET open = ($3 = 'open') WHERE tenant = $1 AND request_id = $2 AND open <> ($3 = 'open')",
        tenant.as_str(),
        id.0,
        state,
    )
    .execute(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}
