//! Wraps the keys of sealed secrets with the first master key, so that an old one can be taken away. The secrets stay as they are.

use service_kit::store::{Store, Work};
use service_kit::vault::{self, Keyed, MasterKeys, VaultError};
use shared_events::TenantId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::secrets::{Sealed, Vault};

/// Wraps anew what another master key has wrapped; returns how many keys. See [`vault::rotate`].
///
/// # Errors
/// When the database is away, or a master key is missing that some secret still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    vault::rotate(store, masters, &[Kept::Connection, Kept::FeeMove]).await
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy)]
enum Kept {
    /// Of an account that Recoup may use.
    Connection,
    /// The saved card of a charge or refund that has not ended.
    FeeMove,
}

/// One secret; it opens for its connection alone.
struct Row {
    id: Uuid,
    connection_id: Uuid,
    secret: Json<Sealed>,
}

impl Keyed for Kept {
    type Row = Row;
    type Key = Sealed;

    fn name(&self) -> &'static str {
        match self {
            Self::Connection => "the secret of connection",
            Self::FeeMove => "the secret of the charge or refund",
        }
    }

    async fn rows(
        &self,
        work: &mut Work,
        current: &str,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<(Uuid, Row)>, sqlx::Error> {
        let tenant = work.tenant().clone();
        let rows = match self {
            Self::Connection => {
                sqlx::query_as!(
                    Row,
                    r#"SELECT id, id AS connection_id, secret AS "secret!: Json<Sealed>" FROM connections
                       WHERE tenant = $1 AND id > $2 AND secret #>> '{key,master}' <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
                    tenant.as_str(),
                    after,
                    current,
                    limit,
                )
                .fetch_all(work.conn())
                .await?
            }
            Self::FeeMove => {
                sqlx::query_as!(
                    Row,
                    r#"SELECT id, connection_id, secret AS "secret!: Json<Sealed>" FROM fee_moves
                       WHERE tenant = $1 AND id > $2 AND secret #>> '{key,master}' <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
                    tenant.as_str(),
                    after,
                    current,
                    limit,
                )
                .fetch_all(work.conn())
                .await?
            }
        };
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    fn rewrap(&self, masters: &MasterKeys, tenant: &TenantId, row: &Row) -> Result<Option<Sealed>, VaultError> {
        Vault::new(masters.clone()).rewrap(tenant.as_str(), row.connection_id, &row.secret.0)
    }

    async fn write(&self, work: &mut Work, id: Uuid, secret: &Sealed) -> Result<(), sqlx::Error> {
        let tenant = work.tenant().clone();
        let secret = Json(secret);
        match self {
            Self::Connection => {
                sqlx::query!(
                    "UPDATE connections SET secret = $3 WHERE tenant = $1 AND id = $2",
                    tenant.as_str(),
                    id,
                    secret as _,
                )
                .execute(work.conn())
                .await?;
            }
            Self::FeeMove => {
                sqlx::query!(
                    "UPDATE fee_moves SET secret = $3 WHERE tenant = $1 AND id = $2",
                    tenant.as_str(),
                    id,
                    secret as _,
                )
                .execute(work.conn())
                .await?;
            }
        }
        Ok(())
    }
}
