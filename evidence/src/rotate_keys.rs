//! Wraps the keys of documents, packets and cost documentation with the first master key, so that an old one can be taken away. What they encrypt stays as it is.

use anyhow::Context;
use service_kit::store::{Store, Work};
use service_kit::vault::MasterKeys;
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};
use uuid::Uuid;

/// Keys wrapped in one transaction.
const BATCH: i64 = 200;

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

/// Wraps anew what another master key has wrapped, tenant by tenant; returns how many keys. Running it again, or twice at once, does no harm.
///
/// # Errors
/// When the database is away, or a master key is missing that some document or packet still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    let tenants =
        sqlx::query_scalar!("SELECT tenant FROM known_tenants ORDER BY tenant").fetch_all(store.pool()).await?;
    let mut rotated = 0;
    for tenant in tenants.into_iter().filter_map(|name| TenantId::try_new(name).ok()) {
        for kind in [Kind::Document, Kind::Packet, Kind::Costs] {
            let mut after = Uuid::nil();
            while let Some((last, count)) = rotate_batch(store, masters, &tenant, kind, after).await? {
                rotated += count;
                after = last;
            }
        }
    }
    Ok(rotated)
}

/// One batch: the last one looked at, and how many keys changed; none when there is nothing left after `after`.
async fn rotate_batch(
    store: &Store,
    masters: &MasterKeys,
    tenant: &TenantId,
    kind: Kind,
    after: Uuid,
) -> anyhow::Result<Option<(Uuid, u64)>> {
    let mut work = store.read(tenant).await?;
    let rows = rows(&mut work, kind, masters.current(), after).await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let mut rotated = 0;
    for Row { id, object, key_master, key_wrapped } in rows {
        let old = WrappedKey { master: key_master, wrapped: key_wrapped };
        let wrapped = masters.rewrap(&old, &StoredFile::purpose(tenant, &object));
        if let Some(new) = wrapped.with_context(|| format!("the key of {kind:?} {id}"))? {
            write(&mut work, kind, id, &new).await?;
            rotated += 1;
        }
    }
    work.commit().await?;
    Ok(Some((last, rotated)))
}

async fn rows(work: &mut Work, kind: Kind, current: &str, after: Uuid) -> Result<Vec<Row>, sqlx::Error> {
    let tenant = work.tenant().clone();
    match kind {
        Kind::Document => {
            sqlx::query_as!(
                Row,
                "SELECT id, object, key_master, key_wrapped FROM documents
                 WHERE tenant = $1 AND id > $2 AND key_master <> $3 AND state <> 'deleted' ORDER BY id LIMIT $4 FOR UPDATE",
                tenant.as_str(),
                after,
                current,
                BATCH,
            )
            .fetch_all(work.conn())
            .await
        }
        Kind::Packet => {
            sqlx::query_as!(
                Row,
                "SELECT id, object, key_master, key_wrapped FROM packets
                 WHERE tenant = $1 AND id > $2 AND key_master <> $3 ORDER BY id LIMIT $4 FOR UPDATE",
                tenant.as_str(),
                after,
                current,
                BATCH,
            )
            .fetch_all(work.conn())
            .await
        }
        Kind::Costs => {
            sqlx::query_as!(
                Row,
                r#"SELECT id, object AS "object!", key_master AS "key_master!", key_wrapped AS "key_wrapped!" FROM cost_documents
                   WHERE tenant = $1 AND id > $2 AND key_master <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
                tenant.as_str(),
                after,
                current,
                BATCH,
            )
            .fetch_all(work.conn())
            .await
        }
    }
}

async fn write(work: &mut Work, kind: Kind, id: Uuid, key: &WrappedKey) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    match kind {
        Kind::Document => {
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
        Kind::Packet => {
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
        Kind::Costs => {
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
