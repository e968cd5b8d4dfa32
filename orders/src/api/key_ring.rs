//! Whose a key is. Looked up anew for each request, so that one that is ended ends at once.

use axum::http::Method;
use chrono::TimeDelta;
use futures::future::BoxFuture;
use service_kit::auth::{Caller, KEY_PREFIX, KeyRing, Role};
use service_kit::problem::Problem;
use service_kit::sealed::SealingKey;
use shared_events::{ApiKeyId, Subject, TenantId};
use uuid::Uuid;

use super::Api;
use crate::api_keys::subject;
use crate::domain::scopes;

/// When a key was last used is written down to the minute, not with each request.
const NOTE_USE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A key as machines send it.
pub fn key_of(id: ApiKeyId, secret: &str) -> String {
    format!("{KEY_PREFIX}{}_{secret}", id.0.simple())
}

/// Id and secret of a key, without what every key begins with.
pub fn parts(rest: &str) -> Option<(ApiKeyId, &str)> {
    let (id, secret) = rest.split_once('_')?;
    Some((ApiKeyId(Uuid::try_parse(id).ok()?), secret))
}

/// What is kept of a secret.
pub fn digest(key: &SealingKey, secret: &str) -> String {
    key.digest(format!("api key secret\u{1f}{secret}").as_bytes())
}

impl KeyRing for Api {
    fn caller<'a>(
        &'a self,
        key: &'a str,
        method: &'a Method,
        route: &'a str,
    ) -> BoxFuture<'a, Result<Caller, Problem>> {
        Box::pin(self.machine(key, method, route))
    }
}

impl Api {
    async fn machine(&self, key: &str, method: &Method, route: &str) -> Result<Caller, Problem> {
        let (id, secret) = key.strip_prefix(KEY_PREFIX).and_then(parts).ok_or_else(Problem::invalid_token)?;
        let mut work = self.store.begin().await?;
        let now = work.now();
        let tenant = sqlx::query_scalar!("SELECT tenant FROM api_key_directory WHERE id = $1", id.0)
            .fetch_optional(work.conn())
            .await?
            .ok_or_else(Problem::invalid_token)?;
        let tenant = TenantId::try_new(tenant).map_err(Problem::internal)?;
        work.set_tenant(&tenant).await?;
        let row = sqlx::query!(
            "SELECT k.scopes, k.is_operator, k.last_used_at FROM api_keys k
             JOIN api_key_secrets s ON s.tenant = k.tenant AND s.key_id = k.id
             WHERE k.tenant = $1 AND k.id = $2 AND s.digest = $3 AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > $4) AND (s.expires_at IS NULL OR s.expires_at > $4)",
            tenant.as_str(),
            id.0,
            digest(&self.config.key, secret),
            now,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(Problem::invalid_token)?;
        if row.last_used_at.is_none_or(|last| now - last >= NOTE_USE_EVERY) {
            sqlx::query!(
                "UPDATE api_keys SET last_used_at = $3 WHERE tenant = $1 AND id = $2",
                tenant.as_str(),
                id.0,
                now
            )
            .execute(work.conn())
            .await?;
            work.commit().await?;
        }
        if !scopes::open(&row.scopes, method.as_str(), route) {
            return Err(Problem::forbidden("the key has no scope for this"));
        }
        let role = if row.is_operator { Role::Operator } else { Role::Manager };
        let subject = Subject::try_new(subject(id)).map_err(Problem::internal)?;
        Ok(Caller { tenant, subject, roles: vec![role], partner: None, token: key.to_owned(), expires_at: None })
    }
}
