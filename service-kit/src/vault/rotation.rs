//! Wrapping keys with the first master key, wherever a service keeps them, so that an old master key can be taken away.

use anyhow::Context;
use shared_events::TenantId;
use uuid::Uuid;

use super::{MasterKeys, VaultError};
use crate::store::{Store, Work};
use crate::tenants::Tenants;

/// Keys wrapped in one transaction.
const BATCH: i64 = 200;

/// One kind of things in a service's database that have keys of their own, which a master key has wrapped.
pub trait Keyed {
    /// One of them as it is now.
    type Row;
    /// Its key, wrapped.
    type Key;

    /// What one is called when its key cannot be wrapped anew.
    fn name(&self) -> &'static str;

    /// The next of the tenant's after `after` whose keys are not wrapped with `current`: locked, by their ids, at most `limit`.
    fn rows(
        &self,
        work: &mut Work,
        current: &str,
        after: Uuid,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(Uuid, Self::Row)>, sqlx::Error>>;

    /// Its key wrapped with the first master key; none when it is already.
    ///
    /// # Errors
    /// When its master key is gone, or its key was made for something else.
    fn rewrap(&self, masters: &MasterKeys, tenant: &TenantId, row: &Self::Row)
    -> Result<Option<Self::Key>, VaultError>;

    /// Keeps the key wrapped anew.
    fn write(&self, work: &mut Work, id: Uuid, key: &Self::Key) -> impl Future<Output = Result<(), sqlx::Error>>;
}

/// Wraps anew what another master key has wrapped, tenant by tenant in batches; returns how many keys. Running it again, or twice at once,
/// does no harm.
///
/// # Errors
/// When the database is away, or a master key is missing that something still needs: it is named.
pub async fn rotate<K: Keyed>(store: &Store, masters: &MasterKeys, kinds: &[K]) -> anyhow::Result<u64> {
    let mut rotated = 0;
    let mut tenants = Tenants::of(store);
    while let Some(tenant) = tenants.next().await? {
        for kind in kinds {
            let mut after = Uuid::nil();
            while let Some((last, count)) = batch(store, masters, &tenant, kind, after).await? {
                rotated += count;
                after = last;
            }
        }
    }
    Ok(rotated)
}

/// One batch: the last one looked at, and how many keys changed; none when there is nothing left after `after`.
async fn batch<K: Keyed>(
    store: &Store,
    masters: &MasterKeys,
    tenant: &TenantId,
    kind: &K,
    after: Uuid,
) -> anyhow::Result<Option<(Uuid, u64)>> {
    let mut work = store.read(tenant).await?;
    let rows = kind.rows(&mut work, masters.current(), after, BATCH).await?;
    let Some(last) = rows.last().map(|(id, _)| *id) else { return Ok(None) };
    let mut rotated = 0;
    for (id, row) in rows {
        let wrapped = kind.rewrap(masters, tenant, &row);
        if let Some(key) = wrapped.with_context(|| format!("the key of {} {id}", kind.name()))? {
            kind.write(&mut work, id, &key).await?;
            rotated += 1;
        }
    }
    work.commit().await?;
    Ok(Some((last, rotated)))
}
