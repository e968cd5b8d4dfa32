//! A connection as it is stored.

use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::claims::{AccountTokenFailed, ConnectionKind};
use sqlx::types::Json;
use uuid::Uuid;

use crate::secrets::Sealed;

/// A connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id.
    pub id: Uuid,
    /// `amazon`, `gmail`, `imap`, `stripe`.
    pub kind: String,
    /// Amazon's region; empty otherwise.
    pub region: String,
    /// The seller, mailbox or payer.
    pub account: String,
    /// `pending`, `connected`, `token_expired` or `revoked`.
    pub state: String,
    /// Country codes in which a seller sells.
    pub marketplaces: Vec<String>,
    /// Its secret, sealed.
    pub secret: Option<Json<Sealed>>,
    /// Counts its events.
    pub version: i32,
}

impl Connection {
    /// What is connected.
    pub fn kind(&self) -> ConnectionKind {
        match self.kind.as_str() {
            "gmail" => ConnectionKind::Gmail,
            "imap" => ConnectionKind::Imap,
            "stripe" => ConnectionKind::Stripe,
            _ => ConnectionKind::Amazon,
        }
    }
}

/// Reads a connection.
///
/// # Errors
/// When the database is away.
pub async fn read(work: &mut Work, id: ConnectionId) -> Result<Option<Connection>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Connection,
        r#"SELECT id, kind::text AS "kind!", region, account, state::text AS "state!", marketplaces,
                  secret AS "secret: Json<Sealed>", version
           FROM connections WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Sellers that can be synced: all of the tenant's, or one.
///
/// # Errors
/// When the database is away.
pub async fn sellers(work: &mut Work, one: Option<ConnectionId>) -> Result<Vec<Connection>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Connection,
        r#"SELECT id, kind::text AS "kind!", region, account, state::text AS "state!", marketplaces,
                  secret AS "secret: Json<Sealed>", version
           FROM connections WHERE tenant = $1 AND kind = 'amazon' AND state = 'connected' AND ($2::uuid IS NULL OR id = $2)
           ORDER BY seq LIMIT 100"#,
        tenant.as_str(),
        one.map(|id| id.0),
    )
    .fetch_all(work.conn())
    .await
}

/// Puts a connection into another state and counts one event; `None` when it is in that state already.
///
/// # Errors
/// When the database is away.
pub async fn advance(
    work: &mut Work,
    id: ConnectionId,
    state: &str,
    problem: Option<&str>,
) -> Result<Option<u64>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE connections SET state = $3::text::connection_state, problem = $4, changed_at = $5, version = version + 1
         WHERE tenant = $1 AND id = $2 AND state <> $3::text::connection_state RETURNING version",
        tenant.as_str(),
        id.0,
        state,
        problem,
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(version.map(|version| u64::from(version.unsigned_abs())))
}

/// Notes that a token is good no longer, and says so once.
///
/// # Errors
/// When the database is away.
pub async fn token_failed(
    work: &mut Work,
    cause: &Cause,
    id: ConnectionId,
    kind: ConnectionKind,
    problem: &str,
) -> Result<(), sqlx::Error> {
    if let Some(version) = advance(work, id, "token_expired", Some(problem)).await? {
        let failed = AccountTokenFailed { connection_id: id, kind, problem: problem.to_owned() };
        work.emit(cause, version, &failed);
    }
    Ok(())
}
