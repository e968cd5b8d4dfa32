//! Wraps the keys of sealed secrets with the first master key, so that an old one can be taken away. The secrets stay as they are.

use anyhow::Context;
use service_kit::store::{Store, Work};
use service_kit::vault::MasterKeys;
use shared_events::TenantId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::secrets::{Sealed, Vault};

/// Secrets looked at in one transaction.
const BATCH: i64 = 200;

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

/// Wraps anew what another master key has wrapped, tenant by tenant; returns how many keys. Running it again, or twice at once, does no harm.
///
/// # Errors
/// When the database is away, or a master key is missing that some secret still needs.
pub async fn rotate(store: &Store, masters: &MasterKeys) -> anyhow::Result<u64> {
    let tenants =
        sqlx::query_scalar!("SELECT tenant FROM known_tenants ORDER BY tenant").fetch_all(store.pool()).await?;
    let mut rotated = 0;
    for tenant in tenants.into_iter().filter_map(|name| TenantId::try_new(name).ok()) {
        for kept in [Kept::Connection, Kept::FeeMove] {
            let mut after = Uuid::nil();
            while let Some((last, count)) = rotate_batch(store, masters, &tenant, kept, after).await? {
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
    kept: Kept,
    after: Uuid,
) -> anyhow::Result<Option<(Uuid, u64)>> {
    let vault = Vault::new(masters.clone());
    let mut work = store.read(tenant).await?;
    let rows = rows(&mut work, kept, masters.current(), after).await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let mut rotated = 0;
    for Row { id, connection_id, secret } in rows {
        let wrapped = vault.rewrap(tenant.as_str(), connection_id, &secret.0);
        if let Some(new) = wrapped.with_context(|| format!("the secret of {kept:?} {id}"))? {
            write(&mut work, kept, id, &new).await?;
            rotated += 1;
        }
    }
    work.commit().await?;
    Ok(Some((last, rotated)))
}

async fn rows(work: &mut Work, kept: Kept, current: &str, after: Uuid) -> Result<Vec<Row>, sqlx::Error> {
    let tenant = work.tenant().clone();
    match kept {
        Kept::Connection => {
            sqlx::query_as!(
                Row,
                r#"SELECT id, id AS connection_id, secret AS "secret!: Json<Sealed>" FROM connections
                   WHERE tenant = $1 AND id > $2 AND secret #>> '{key,master}' <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
                tenant.as_str(),
                after,
                current,
                BATCH,
            )
            .fetch_all(work.conn())
            .await
        }
        Kept::FeeMove => {
            sqlx::query_as!(
                Row,
                r#"SELECT id, connection_id, secret AS "secret!: Json<Sealed>" FROM fee_moves
                   WHERE tenant = $1 AND id > $2 AND secret #>> '{key,master}' <> $3 ORDER BY id LIMIT $4 FOR UPDATE"#,
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

async fn write(work: &mut Work, kept: Kept, id: Uuid, secret: &Sealed) -> anyhow::Result<()> {
    let (tenant, secret) = (work.tenant().clone(), serde_json::to_value(secret)?);
    match kept {
        Kept::Connection => {
            sqlx::query!(
                "UPDATE connections SET secret = $3 WHERE tenant = $1 AND id = $2",
                tenant.as_str(),
                id,
                secret
            )
            .execute(work.conn())
            .await?;
        }
        Kept::FeeMove => {
            sqlx::query!("UPDATE fee_moves SET secret = $3 WHERE tenant = $1 AND id = $2", tenant.as_str(), id, secret)
                .execute(work.conn())
                .await?;
        }
    }
    Ok(())
}
