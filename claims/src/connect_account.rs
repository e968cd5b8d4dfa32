//! A consent came back, or a password: noted once, and used by a job, since using it means talking to the outside.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::claims::ConnectAccount;

use crate::use_consent::USE_CONSENT;

/// Handles [`ConnectAccount`].
pub struct Connect;

impl Handles<ConnectAccount> for Connect {
    async fn handle(&self, work: &mut Work, message: &Delivered<ConnectAccount>) -> Result<Outcome, Failure> {
        let asked = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        if now > asked.expires_at {
            return Err(Failure::reject("consent_expired", "the consent came back too late: begin anew"));
        }
        let noted = sqlx::query!(
            "INSERT INTO consents (tenant, nonce, connection_id, used_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            asked.nonce,
            asked.connection_id.0,
            now,
        )
        .execute(work.conn())
        .await?;
        if noted.rows_affected() == 0 {
            return Err(Failure::reject("consent_used", "this consent was used already: begin anew"));
        }
        let settings = serde_json::json!({ "host": asked.host, "smtp_host": asked.smtp_host });
        // A connection that works goes on working until the new consent does.
        sqlx::query!(
            "INSERT INTO connections (tenant, id, kind, region, account, state, settings, connected_by, created_at, changed_at)
             VALUES ($1, $2, $3::text::connection_kind, $4, $5, 'pending', $6, $7, $8, $8)
             ON CONFLICT (tenant, id) DO UPDATE SET connected_by = excluded.connected_by, changed_at = excluded.changed_at,
                 settings = excluded.settings,
                 state = CASE WHEN connections.state = 'connected' THEN connections.state ELSE 'pending' END",
            tenant.as_str(),
            asked.connection_id.0,
            asked.kind.name(),
            asked.region,
            asked.account,
            settings,
            asked.connected_by.as_str(),
            now,
        )
        .execute(work.conn())
        .await?;
        let payload = serde_json::json!({
            "connection_id": asked.connection_id,
            "sealed_secret": asked.sealed_secret,
            "nonce": asked.nonce,
            "redirect_uri": asked.redirect_uri,
            "account": asked.account,
        });
        let cause = Cause::from(&message.envelope);
        work.enqueue(NewJob { kind: USE_CONSENT, key: asked.nonce.clone(), due_at: now, payload, cause }).await?;
        Ok(Outcome::ids(&serde_json::json!({ "connection_id": asked.connection_id })))
    }
}

/// What the BFF seals a code or password for.
pub fn purpose(tenant: &str, nonce: &str) -> String {
    format!("consent/{tenant}/{nonce}")
}
