//! Webhooks: made, changed, their secret rotated, removed.

use chrono::TimeDelta;
use providers::fetch::Fetcher;
use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::sealed::SealingKey;
use service_kit::store::{Cause, Work};
use shared_events::notify::{
    ChangeWebhook, CreateWebhook, RemoveWebhook, RotateWebhookSecret, WebhookChanged, WebhookCreated, WebhookRemoved,
    WebhookSecretRotated, webhook_purpose,
};
use shared_events::outcome::Rejection;
use shared_events::{TenantId, WebhookId};

use crate::audit::{self, Entry};
use crate::domain::signature;
use crate::told::PUBLIC_TYPES;

/// Most webhooks of a tenant.
const MOST: i64 = 50;
/// Longest time for which a former secret signs too, in hours.
const LONGEST_OVERLAP: u32 = 30 * 24;

/// Keeps webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Opens addresses and secrets.
    pub key: SealingKey,
    /// Knows which addresses are taken.
    pub fetcher: Fetcher,
}

fn missing() -> Failure {
    Failure::reject("webhook_not_found", "there is no such webhook")
}

fn check_types(types: &[String]) -> Result<(), Rejection> {
    match types.iter().find(|kind| !PUBLIC_TYPES.contains(&kind.as_str())) {
        Some(_) => Err(Rejection::new("bad_type", format!("is none of {}", PUBLIC_TYPES.join(", "))).at("types")),
        None => Ok(()),
    }
}

impl Webhooks {
    fn check_url(&self, tenant: &TenantId, id: WebhookId, sealed: &str) -> Result<(), Rejection> {
        let url = self.key.open(&webhook_purpose(tenant, id, "url"), sealed);
        let url = url.map_err(|_| Rejection::new("not_sealed", "the address was not sealed for this webhook"))?;
        let checked = self.fetcher.check_target(&url);
        checked.map_err(|error| Rejection::new("bad_url", error.to_string()).at("url"))
    }

    fn check_secret(&self, tenant: &TenantId, id: WebhookId, sealed: &str) -> Result<(), Rejection> {
        let secret = self.key.open(&webhook_purpose(tenant, id, "secret"), sealed);
        let secret = secret.map_err(|_| Rejection::new("not_sealed", "the secret was not sealed for this webhook"))?;
        let detail = "must be whsec_ and base64 of 24 to 64 bytes";
        signature::key_of(&secret).map(drop).ok_or_else(|| Rejection::new("bad_secret", detail).at("secret"))
    }
}

impl Handles<CreateWebhook> for Webhooks {
    async fn handle(&self, work: &mut Work, message: &Delivered<CreateWebhook>) -> Result<Outcome, Failure> {
        let CreateWebhook { webhook_id, url, secret, description, types, why, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        self.check_url(&tenant, *webhook_id, url)?;
        self.check_secret(&tenant, *webhook_id, secret)?;
        check_types(types)?;
        let there =
            sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM webhooks WHERE tenant = $1"#, tenant.as_str())
                .fetch_one(work.conn())
                .await?;
        if there >= MOST {
            return Err(Failure::reject("too_many_webhooks_conflict", format!("there are {MOST} webhooks already")));
        }
        sqlx::query!(
            "INSERT INTO webhooks (tenant, id, url_sealed, description, types, secret_sealed, created_by, created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
            tenant.as_str(),
            webhook_id.0,
            url,
            description,
            types,
            secret,
            by.as_str(),
            now,
        )
        .execute(work.conn())
        .await?;
        let after = json!({"description": description, "types": types});
        let subject = webhook_id.to_string();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "create_webhook", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        let event = WebhookCreated { webhook_id: *webhook_id, types: types.clone() };
        work.emit(&Cause::from(&message.envelope), 1, &event);
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id})))
    }
}

impl Handles<ChangeWebhook> for Webhooks {
    async fn handle(&self, work: &mut Work, message: &Delivered<ChangeWebhook>) -> Result<Outcome, Failure> {
        let ChangeWebhook { webhook_id, url, description, types, enabled, why, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        if let Some(url) = url {
            self.check_url(&tenant, *webhook_id, url)?;
        }
        check_types(types.as_deref().unwrap_or_default())?;
        let row = sqlx::query!(
            "SELECT description, types, enabled FROM webhooks WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant.as_str(),
            webhook_id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(missing)?;
        // Switched on again it begins with a clean record.
        let changed = sqlx::query!(
            "UPDATE webhooks SET url_sealed = COALESCE($3, url_sealed), description = COALESCE($4, description), types = COALESCE($5, types),
                 enabled = COALESCE($6, enabled), disabled_why = CASE WHEN $6 THEN NULL WHEN $6 = false THEN $7 ELSE disabled_why END,
                 failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END, changed_at = $8, version = version + 1
             WHERE tenant = $1 AND id = $2 RETURNING version, description, types, enabled",
            tenant.as_str(),
            webhook_id.0,
            *url,
            *description,
            types.as_deref(),
            *enabled,
            format!("switched off by {by}"),
            now,
        )
        .fetch_one(work.conn())
        .await?;
        let shown = |description: &str, types: &[String], enabled: bool| json!({"description": description, "types": types, "enabled": enabled});
        let entry = Entry {
            who: by.as_str(),
            what: "change_webhook",
            subject: webhook_id.to_string(),
            before: shown(&row.description, &row.types, row.enabled),
            after: shown(&changed.description, &changed.types, changed.enabled),
            why: why.as_deref().unwrap_or_default(),
        };
        audit::write(work, entry).await?;
        let event = WebhookChanged { webhook_id: *webhook_id, types: changed.types, enabled: changed.enabled };
        work.emit(&Cause::from(&message.envelope), u64::try_from(changed.version).unwrap_or_default(), &event);
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id})))
    }
}

impl Handles<RotateWebhookSecret> for Webhooks {
    async fn handle(&self, work: &mut Work, message: &Delivered<RotateWebhookSecret>) -> Result<Outcome, Failure> {
        let RotateWebhookSecret { webhook_id, secret, overlap_hours, why, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        self.check_secret(&tenant, *webhook_id, secret)?;
        if *overlap_hours > LONGEST_OVERLAP {
            let rejection = Rejection::new("too_long", format!("must be at most {LONGEST_OVERLAP}"));
            return Err(rejection.at("overlap_hours").into());
        }
        let former_until = now + TimeDelta::hours(i64::from(*overlap_hours));
        let version = sqlx::query_scalar!(
            "UPDATE webhooks SET former_sealed = secret_sealed, former_until = $4, secret_sealed = $3, changed_at = $5, version = version + 1
             WHERE tenant = $1 AND id = $2 RETURNING version",
            tenant.as_str(),
            webhook_id.0,
            secret,
            former_until,
            now,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(missing)?;
        let after = json!({"former_until": former_until});
        let subject = webhook_id.to_string();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "rotate_secret", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        let event = WebhookSecretRotated { webhook_id: *webhook_id, former_until };
        work.emit(&Cause::from(&message.envelope), u64::try_from(version).unwrap_or_default(), &event);
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id, "former_until": former_until})))
    }
}

impl Handles<RemoveWebhook> for Webhooks {
    async fn handle(&self, work: &mut Work, message: &Delivered<RemoveWebhook>) -> Result<Outcome, Failure> {
        let RemoveWebhook { webhook_id, why, by } = &message.data;
        let tenant = work.tenant().clone();
        let removed = sqlx::query!(
            "DELETE FROM webhooks WHERE tenant = $1 AND id = $2 RETURNING version, description, types",
            tenant.as_str(),
            webhook_id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(missing)?;
        let before = json!({"description": removed.description, "types": removed.types});
        let subject = webhook_id.to_string();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "remove_webhook", subject, before, after: json!({}), why };
        audit::write(work, entry).await?;
        let version = u64::try_from(removed.version + 1).unwrap_or_default();
        work.emit(&Cause::from(&message.envelope), version, &WebhookRemoved { webhook_id: *webhook_id });
        Ok(Outcome::ids(&json!({"webhook_id": webhook_id})))
    }
}
