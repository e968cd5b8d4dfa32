//! `MarkNotificationRead`: the recipient has seen it. Said once.

use serde_json::json;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::notify::{MarkNotificationRead, NotificationRead};

/// Marks.
#[derive(Debug, Clone, Copy)]
pub struct Mark;

impl Handles<MarkNotificationRead> for Mark {
    async fn handle(&self, work: &mut Work, message: &Delivered<MarkNotificationRead>) -> Result<Outcome, Failure> {
        let MarkNotificationRead { notification_id, recipients, by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let row = sqlx::query!(
            "SELECT recipient, read_at FROM notifications WHERE tenant = $1 AND id = $2 AND recipient = ANY($3) FOR UPDATE",
            tenant.as_str(),
            notification_id.0,
            recipients,
        )
        .fetch_optional(work.conn())
        .await?;
        let row = row.ok_or_else(|| Failure::reject("notification_not_found", "there is no such notification"))?;
        if row.read_at.is_none() {
            let version = sqlx::query_scalar!(
                "UPDATE notifications SET read_at = $3, read_by = $4, version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
                tenant.as_str(),
                notification_id.0,
                now,
                by.as_str(),
            )
            .fetch_one(work.conn())
            .await?;
            let event = NotificationRead { notification_id: *notification_id, recipient: row.recipient };
            work.emit(&Cause::from(&message.envelope), u64::try_from(version).unwrap_or_default(), &event);
        }
        Ok(Outcome::ids(&json!({"notification_id": notification_id})))
    }
}
