//! Withdraws a publishable key. Its row stays, so that the key is never issued again.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::tracking::{PublishableKeyWithdrawn, WithdrawPublishableKey};

/// The version of a key's last event; the first is its issue.
const WITHDRAWN: u64 = 2;

/// Handles [`WithdrawPublishableKey`].
pub struct Withdraw;

impl Handles<WithdrawPublishableKey> for Withdraw {
    async fn handle(&self, work: &mut Work, message: &Delivered<WithdrawPublishableKey>) -> Result<Outcome, Failure> {
        let WithdrawPublishableKey { key_digest } = message.data.clone();
        let (tenant, now) = (work.tenant().clone(), work.now());
        let found = sqlx::query!(
            "WITH key AS (SELECT key_digest, withdrawn_at FROM publishable_keys WHERE tenant = $1 AND key_digest = $2 FOR UPDATE),
                  withdrawn AS (UPDATE publishable_keys SET withdrawn_at = $3
                                WHERE key_digest = (SELECT key_digest FROM key WHERE withdrawn_at IS NULL))
             SELECT withdrawn_at IS NOT NULL AS \"before!\" FROM key",
            tenant.as_str(),
            key_digest,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        let before = found.ok_or_else(|| Failure::reject("key_not_found", "there is no such key"))?.before;
        let withdrawn = PublishableKeyWithdrawn { key_digest };
        if !before {
            work.emit(&Cause::from(&message.envelope), WITHDRAWN, &withdrawn);
        }
        Ok(Outcome::ids(&withdrawn))
    }
}
