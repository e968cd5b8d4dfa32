//! Wraps the keys of shipping labels with the first master key, so that an old one can be taken away. The labels stay as they are.

use service_kit::store::{Store, Work};
use service_kit::vault::{self, Keyed, MasterKeys, VaultError};
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};
use uuid::Uuid;

/// Wraps anew what another master key has wrapped; returns how many keys. See [`vault::rotate`].
///
/// # Errors
/// When the database is away, or a master key is missing that some label still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    vault::rotate(store, masters, &[Labels]).await
}

/// Labels, by their shipments.
struct Labels;

/// A label's name in the object store, and its key as it is wrapped now.
struct Label {
    object: String,
    key: WrappedKey,
}

impl Keyed for Labels {
    type Row = Label;
    type Key = WrappedKey;

    fn name(&self) -> &'static str {
        "the label of shipment"
    }

    async fn rows(
        &self,
        work: &mut Work,
        current: &str,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<(Uuid, Label)>, sqlx::Error> {
        let tenant = work.tenant().clone();
        let rows = sqlx::query!(
            r#"SELECT id, label_object AS "object!", label_key_master AS "master!", label_key_wrapped AS "wrapped!" FROM shipments
               WHERE tenant = $1 AND id > $2 AND label_key_master <> $3 AND label_object IS NOT NULL ORDER BY id LIMIT $4 FOR UPDATE"#,
            tenant.as_str(),
            after,
            current,
            limit,
        )
        .fetch_all(work.conn())
        .await?;
        let label = |object, master, wrapped| Label { object, key: WrappedKey { master, wrapped } };
        Ok(rows.into_iter().map(|row| (row.id, label(row.object, row.master, row.wrapped))).collect())
    }

    fn rewrap(&self, masters: &MasterKeys, tenant: &TenantId, label: &Label) -> Result<Option<WrappedKey>, VaultError> {
        masters.rewrap(&label.key, &StoredFile::purpose(tenant, &label.object))
    }

    async fn write(&self, work: &mut Work, id: Uuid, key: &WrappedKey) -> Result<(), sqlx::Error> {
        let tenant = work.tenant().clone();
        sqlx::query!(
            "UPDATE shipments SET label_key_master = $3, label_key_wrapped = $4 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            id,
            key.master,
            key.wrapped,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }
}
