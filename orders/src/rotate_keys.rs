//! Wraps the keys of shipping labels with the first master key, so that an old one can be taken away. The labels stay as they are.

use anyhow::Context;
use service_kit::store::Store;
use service_kit::vault::MasterKeys;
use shared_events::TenantId;
use shared_events::evidence::{StoredFile, WrappedKey};
use uuid::Uuid;

/// Keys wrapped in one transaction.
const BATCH: i64 = 200;

/// Wraps anew what another master key has wrapped, tenant by tenant; returns how many keys. Running it again, or twice at once, does no harm.
///
/// # Errors
/// When the database is away, or a master key is missing that some label still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    let tenants =
        sqlx::query_scalar!("SELECT tenant FROM known_tenants ORDER BY tenant").fetch_all(store.pool()).await?;
    let mut rotated = 0;
    for tenant in tenants.into_iter().filter_map(|name| TenantId::try_new(name).ok()) {
        let mut after = Uuid::nil();
        while let Some((last, count)) = rotate_batch(store, masters, &tenant, after).await? {
            rotated += count;
            after = last;
        }
    }
    Ok(rotated)
}

/// One batch: the last one looked at, and how many keys changed; none when there is nothing left after `after`.
async fn rotate_batch(
    store: &Store,
    masters: &MasterKeys,
    tenant: &TenantId,
    after: Uuid,
) -> anyhow::Result<Option<(Uuid, u64)>> {
    let mut work = store.read(tenant).await?;
    let rows = sqlx::query!(
        r#"SELECT id, label_object AS "object!", label_key_master AS "master!", label_key_wrapped AS "wrapped!" FROM shipments
           WHERE tenant = $1 AND id > $2 AND label_key_master <> $3 AND label_object IS NOT NULL ORDER BY id LIMIT $4 FOR UPDATE"#,
        tenant.as_str(),
        after,
        masters.current(),
        BATCH,
    )
    .fetch_all(work.conn())
    .await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let mut rotated = 0;
    for row in rows {
        let old = WrappedKey { master: row.master, wrapped: row.wrapped };
        let wrapped = masters.rewrap(&old, &StoredFile::purpose(tenant, &row.object));
        let Some(new) = wrapped.with_context(|| format!("the key of the label of shipment {}", row.id))? else {
            continue;
        };
        sqlx::query!(
            "UPDATE shipments SET label_key_master = $3, label_key_wrapped = $4 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            row.id,
            new.master,
            new.wrapped,
        )
        .execute(work.conn())
        .await?;
        rotated += 1;
    }
    work.commit().await?;
    Ok(Some((last, rotated)))
}
