//! A connection is cut: its secret is forgotten at once. What was read stays, and so do claims.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{AccountDisconnected, DisconnectAccount};

/// Handles [`DisconnectAccount`].
pub struct Disconnect;

impl Handles<DisconnectAccount> for Disconnect {
    async fn handle(&self, work: &mut Work, message: &Delivered<DisconnectAccount>) -> Result<Outcome, Failure> {
        let DisconnectAccount { connection_id, reason, .. } = message.data.clone();
        let (tenant, now) = (work.tenant().clone(), work.now());
        let version = sqlx::query_scalar!(
            "UPDATE connections SET state = 'revoked', secret = NULL, problem = $3, changed_at = $4, version = version + 1
             WHERE tenant = $1 AND id = $2 AND state <> 'revoked' RETURNING version",
            tenant.as_str(),
            connection_id.0,
            reason,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(version) = version else {
            return Err(Failure::reject("connection_not_found", "there is no such connection, or it is cut already"));
        };
        let told = AccountDisconnected { connection_id, reason };
        work.emit(&Cause::from(&message.envelope), u64::from(version.unsigned_abs()), &told);
        Ok(Outcome::none())
    }
}
