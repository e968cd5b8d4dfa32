//! Wraps the keys of documents, packets and cost documentation with the first master key, so that an old one can be taken away. What they
//! encrypt stays as it is.

use service_kit::store::{Store, Work};
use service_kit::vault::{self, Keyed, MasterKeys, VaultError};
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};
use uuid::Uuid;

/// Wraps anew what another master key has wrapped; returns how many keys. See [`vault::rotate`].
///
/// # Errors
/// When the database is away, or a master key is missing that some document or packet still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    vault::rotate(store, masters, &[Kind::Document, Kind::Packet, Kind::Costs]).await
}

/// What has a key of its own.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Document,
    Packet,
    Costs,
}

/// One key as it is wrapped now.
struct Row {
    id: Uuid,
    object: String,
    key_master: String,
    key_wrapped: String,
}

impl Keyed for Kind {
    type Row = Row;
    type Key = WrappedKey;

    fn name(&self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Packet => "packet",
            Self::Costs => "cost documentation",
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
            Self::Document => {
                sqlx::query_as!(
                    Row,
                    "SELECT id, object, key_master, key_wrapped FROM documents
                     WHERE tenant = $1 AND id > $2 AND key_master <> $3 AND state <> 'deleted' ORDER BY id LIMIT $4 FOR UPDATE",
                    tenant.as_str(),
                    after,
                    current,
                    limit,
                )
                .fetch_all(work.conn())
                .await?
            }
            Self::Packet => {
                sqlx::query_as!(
                    Row,
                    "SELECT id, object, key_master, key_wrapped FROM packets
                     WHERE tenant = $1 AND id > $2 AND key_master <> $3 ORDER BY id LIMIT $4 FOR UPDATE",
                    tenant.as_str(),
                    after,
                    current,
                    limit,
                )
                .fetch_all(work.conn())
                .await?
            }
            Self::Costs => {
                sqlx::query_as!(
                    Row,
                    r#"SELECT id, object AS "object!", key_master AS "key_master!", key_wrapped AS "key_wrapped!" FROM cost_documents
                       WHERE tenant = $1 AND id > $2 AND key_master <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
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

    fn rewrap(&self, masters: &MasterKeys, tenant: &TenantId, row: &Row) -> Result<Option<WrappedKey>, VaultError> {
        let old = WrappedKey { master: row.key_master.clone(), wrapped: row.key_wrapped.clone() };
        masters.rewrap(&old, &StoredFile::purpose(tenant, &row.object))
    }

    async fn write(&self, work: &mut Work, id: Uuid, key: &WrappedKey) -> Result<(), sqlx::Error> {
        let tenant = work.tenant().clone();
        match self {
            Self::Document => {
                sqlx::query!(
                    "UPDATE documents SET key_master = $3, key_wrapped = $4 WHERE tenant = $1 AND id = $2",
                    tenant.as_str(),
                    id,
                    key.master,
                    key.wrapped,
                )
                .execute(work.conn())
                .await?;
            }
            Self::Packet => {
                sqlx::query!(
                    "UPDATE packets SET key_master = $3, key_wrapped = $4 WHERE tenant = $1 AND id = $2",
                    tenant.as_str(),
                    id,
                    key.master,
                    key.wrapped,
                )
                .execute(work.conn())
                .await?;
            }
            Self::Costs => {
                sqlx::query!(
                    "UPDATE cost_documents SET key_master = $3, key_wrapped = $4 WHERE tenant = $1 AND id = $2",
                    tenant.as_str(),
                    id,
                    key.master,
                    key.wrapped,
                )
                .execute(work.conn())
                .await?;
            }
        }
        Ok(())
    }
}
