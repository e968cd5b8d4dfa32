//! Addresses that are not written to: entered by people, and lifted by people.

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::SuppressionId;
use shared_events::notify::{AddressSuppressed, Channel, LiftSuppression, SuppressAddress, SuppressionLifted};

use crate::audit::{self, Entry};

/// Enters and lifts.
#[derive(Debug, Clone, Copy)]
pub struct Suppressions;

impl Handles<SuppressAddress> for Suppressions {
    async fn handle(&self, work: &mut Work, message: &Delivered<SuppressAddress>) -> Result<Outcome, Failure> {
        let SuppressAddress { suppression_id, channel, mark, masked, reason, why, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let row = sqlx::query!(
            "INSERT INTO suppressions (tenant, id, channel, mark, masked, reason, added_by, added_at)
             VALUES ($1, $2, $3::text::channel, $4, $5, $6::text::suppression_reason, $7, $8) ON CONFLICT (tenant, channel, mark) DO NOTHING",
            tenant.as_str(),
            suppression_id.0,
            channel.name(),
            mark.0,
            masked,
            reason.name(),
            by.as_str(),
            now,
        )
        .execute(work.conn())
        .await?;
        if row.rows_affected() == 0 {
            let id = sqlx::query_scalar!(
                "SELECT id FROM suppressions WHERE tenant = $1 AND channel = $2::text::channel AND mark = $3",
                tenant.as_str(),
                channel.name(),
                mark.0,
            )
            .fetch_one(work.conn())
            .await?;
            return Ok(Outcome::ids(&json!({"suppression_id": id, "created": false})));
        }
        let after = json!({"channel": channel, "reason": reason});
        let subject = suppression_id.to_string();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "suppress", subject, before: json!({}), after, why };
        audit::write(work, entry).await?;
        let event = AddressSuppressed { suppression_id: *suppression_id, channel: *channel, reason: *reason };
        work.emit(&Cause::from(&message.envelope), 1, &event);
        Ok(Outcome::ids(&json!({"suppression_id": suppression_id, "created": true})))
    }
}

impl Handles<LiftSuppression> for Suppressions {
    async fn handle(&self, work: &mut Work, message: &Delivered<LiftSuppression>) -> Result<Outcome, Failure> {
        let LiftSuppression { suppression_id, why, by } = &message.data;
        let tenant = work.tenant().clone();
        let channel = sqlx::query_scalar!(
            r#"DELETE FROM suppressions WHERE tenant = $1 AND id = $2 RETURNING channel::text AS "channel!""#,
            tenant.as_str(),
            suppression_id.0,
        )
        .fetch_optional(work.conn())
        .await?;
        let channel = channel.and_then(|name| Channel::from_name(&name));
        let channel = channel.ok_or_else(|| Failure::reject("suppression_not_found", "there is no such entry"))?;
        let before = json!({"channel": channel});
        let subject = suppression_id.to_string();
        let why = why.as_deref().unwrap_or_default();
        let entry = Entry { who: by.as_str(), what: "lift_suppression", subject, before, after: json!({}), why };
        audit::write(work, entry).await?;
        let event = SuppressionLifted { suppression_id: SuppressionId(suppression_id.0), channel };
        work.emit(&Cause::from(&message.envelope), 2, &event);
        Ok(Outcome::ids(&json!({"suppression_id": suppression_id})))
    }
}
