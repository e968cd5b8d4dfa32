//! Keys of machines: made, given a new secret, ended. Only keyed digests of their secrets are kept.

use chrono::TimeDelta;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::ApiKeyId;
use shared_events::orders::{CreateApiKey, RevokeApiKey, RotateApiKey};
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::domain::scopes;

/// Keys that a tenant has at most, ended ones apart.
const MOST_KEYS: i64 = 500;
/// Longest time, in hours, that two secrets of a key work beside one another: 30 days.
pub const LONGEST_OVERLAP: u32 = 720;

/// Who a key is in the audit, in orders and in the table of who works where.
pub fn subject(key: ApiKeyId) -> String {
    format!("key-{key}")
}

/// Handles [`CreateApiKey`].
pub struct Create;

impl Handles<CreateApiKey> for Create {
    async fn handle(&self, work: &mut Work, message: &Delivered<CreateApiKey>) -> Result<Outcome, Failure> {
        let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
        check_scopes(&data.scopes)?;
        if data.expires_at.is_some_and(|end| end <= now) {
            return Err(Rejection::new("invalid_time", "must lie ahead").at("expires_at").into());
        }
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM api_keys WHERE tenant = $1 AND revoked_at IS NULL"#,
            tenant.as_str()
        )
        .fetch_one(work.conn())
        .await?;
        if count >= MOST_KEYS {
            let detail = format!("there are {MOST_KEYS} keys; revoke some that are not used");
            return Err(Rejection::new("too_many_keys_conflict", detail).into());
        }
        sqlx::query!(
            "INSERT INTO api_keys (tenant, id, name, scopes, is_operator, made_by, made_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant.as_str(),
            data.key_id.0,
            data.name,
            &data.scopes,
            data.warehouses.is_some(),
            data.by.as_str(),
            now,
            data.expires_at,
        )
        .execute(work.conn())
        .await?;
        sqlx::query!("INSERT INTO api_key_directory (id, tenant) VALUES ($1, $2)", data.key_id.0, tenant.as_str())
            .execute(work.conn())
            .await?;
        add_secret(work, data.key_id, &data.digest).await?;
        for (index, warehouse) in data.warehouses.iter().flatten().enumerate() {
            let assigned = sqlx::query!(
                "INSERT INTO warehouse_operators (tenant, warehouse_id, operator)
                 SELECT tenant, id, $3 FROM warehouses WHERE tenant = $1 AND id = $2 ON CONFLICT DO NOTHING",
                tenant.as_str(),
                warehouse,
                subject(data.key_id),
            )
            .execute(work.conn())
            .await?;
            if assigned.rows_affected() == 0 {
                let field = format!("warehouses[{index}]");
                return Err(Rejection::new("unknown_warehouse", "is no warehouse, or is named twice")
                    .at(&field)
                    .into());
            }
        }
        let entry = Entry {
            who: data.by.as_str(),
            what: "create_api_key",
            subject: subject(data.key_id),
            before: serde_json::json!({}),
            after: serde_json::json!({
                "name": data.name, "scopes": data.scopes, "warehouses": data.warehouses, "expires_at": data.expires_at
            }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "key_id": data.key_id })))
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), Rejection> {
    let names: Vec<&str> = scopes::names().collect();
    if !scopes.is_empty() && scopes.iter().all(|scope| names.contains(&scope.as_str())) {
        return Ok(());
    }
    Err(Rejection::new("invalid_scope", format!("must be some of {}", names.join(", "))).at("scopes"))
}

async fn add_secret(work: &mut Work, key: ApiKeyId, digest: &str) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO api_key_secrets (tenant, key_id, digest, made_at) VALUES ($1, $2, $3, $4)",
        tenant.as_str(),
        key.0,
        digest,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Locks a key that has not been ended; its name.
async fn lock(work: &mut Work, key: ApiKeyId) -> Result<String, Failure> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT name, revoked_at FROM api_keys WHERE tenant = $1 AND id = $2 FOR UPDATE",
        tenant.as_str(),
        key.0,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(|| Rejection::new("key_not_found", "there is no such key"))?;
    if row.revoked_at.is_some() {
        return Err(Rejection::new("key_already_revoked", "the key is revoked; make another").into());
    }
    Ok(row.name)
}

/// Handles [`RotateApiKey`].
pub struct Rotate;

impl Handles<RotateApiKey> for Rotate {
    async fn handle(&self, work: &mut Work, message: &Delivered<RotateApiKey>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let name = lock(work, data.key_id).await?;
        let tenant = work.tenant().clone();
        let end = work.now() + TimeDelta::hours(i64::from(data.overlap_hours.min(LONGEST_OVERLAP)));
        // A secret that ends earlier than this keeps its end.
        let ended = sqlx::query!(
            "UPDATE api_key_secrets SET expires_at = $3 WHERE tenant = $1 AND key_id = $2 AND (expires_at IS NULL OR expires_at > $3)",
            tenant.as_str(),
            data.key_id.0,
            end,
        )
        .execute(work.conn())
        .await?;
        add_secret(work, data.key_id, &data.digest).await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "rotate_api_key",
            subject: subject(data.key_id),
            before: serde_json::json!({ "name": name, "secrets_that_end": ended.rows_affected() }),
            after: serde_json::json!({ "former_secrets_end": end }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "key_id": data.key_id, "former_secrets_end": end })))
    }
}

/// Handles [`RevokeApiKey`].
pub struct Revoke;

impl Handles<RevokeApiKey> for Revoke {
    async fn handle(&self, work: &mut Work, message: &Delivered<RevokeApiKey>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let name = lock(work, data.key_id).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        sqlx::query!(
            "UPDATE api_keys SET revoked_at = $3 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            data.key_id.0,
            now
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "revoke_api_key",
            subject: subject(data.key_id),
            before: serde_json::json!({ "name": name, "revoked_at": null }),
            after: serde_json::json!({ "revoked_at": now }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "key_id": data.key_id, "revoked_at": now })))
    }
}
