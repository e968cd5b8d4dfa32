//! Somebody decides to leave a detection alone.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::claims::{DetectionDismissed, DismissDetection};

use crate::consider_detection;

/// Handles [`DismissDetection`].
pub struct Dismiss;

impl Handles<DismissDetection> for Dismiss {
    async fn handle(&self, work: &mut Work, message: &Delivered<DismissDetection>) -> Result<Outcome, Failure> {
        let DismissDetection { detection_id, reason, .. } = message.data.clone();
        let (tenant, now) = (work.tenant().clone(), work.now());
        let row = sqlx::query!(
            r#"UPDATE detections SET status = 'dismissed', reason = $3, changed_at = $4, version = version + 1
               WHERE tenant = $1 AND id = $2 AND status NOT IN ('claimed', 'dismissed') RETURNING connection_id, version"#,
            tenant.as_str(),
            detection_id.0,
            reason,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else {
            return Err(Failure::reject("detection_not_found", "there is no such detection that could be dismissed"));
        };
        let cause = Cause::from(&message.envelope);
        let connection_id = ConnectionId(row.connection_id);
        let told = DetectionDismissed { detection_id, connection_id, reason };
        work.emit(&cause, u64::from(row.version.unsigned_abs()), &told);
        consider_detection::enqueue(work, &cause, detection_id).await?;
        Ok(Outcome::none())
    }
}
