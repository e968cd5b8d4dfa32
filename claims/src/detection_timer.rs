//! The timers of detections: at midnight of the marketplace a window opens or closes, a grace ends, a search is over. Each only has the
//! subject looked at again, so one that comes late, twice, or for nothing does no harm.

use chrono::{DateTime, Utc};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::claims::DetectionExpiring;
use shared_events::{ConnectionId, DetectionId};
use uuid::Uuid;

use crate::{detection_row, touched};

/// The kind of the job; its payload is `{"detection_id": ...}`.
pub const DETECTION_TIMER: &str = "claims.detection_timer";

/// Sets timers for those of some moments that are still to come.
///
/// # Errors
/// When the database is away.
pub async fn set(
    work: &mut Work,
    cause: &Cause,
    detection: DetectionId,
    moments: &[DateTime<Utc>],
) -> Result<(), sqlx::Error> {
    let now = work.now();
    for moment in moments.iter().filter(|moment| **moment > now) {
        let key = format!("{detection}/{}", moment.timestamp());
        let payload = serde_json::json!({ "detection_id": detection });
        let job = NewJob { kind: DETECTION_TIMER, key, due_at: *moment, payload, cause: cause.clone() };
        work.enqueue(job).await?;
    }
    Ok(())
}

/// Runs [`DETECTION_TIMER`].
pub struct LookAgain;

impl RunsJob for LookAgain {
    const KIND: &'static str = DETECTION_TIMER;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = job.payload["detection_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let id = DetectionId(id.ok_or_else(|| Failure::reject("malformed", "the job names no detection"))?);
        let mut work = store.read(&job.tenant).await?;
        let detection = detection_row::lock(&mut work, id).await?;
        let live = |status: &str| !matches!(status, "claimed" | "resolved_by_amazon" | "expired" | "dismissed");
        if let Some(detection) = detection.filter(|detection| live(&detection.status)) {
            let connection_id = ConnectionId(detection.connection_id);
            let now = work.now();
            if let (Some(safe), Some(closes_at)) = (detection.safe_file_by, detection.closes_at)
                && safe <= now
                && now <= closes_at
                && detection.status == "claimable"
                && let Some(version) = warn(&mut work, id).await?
            {
                let days = (closes_at - now).num_days();
                work.emit(&job.cause, version, &DetectionExpiring { detection_id: id, connection_id, days, closes_at });
            }
            touched::again(&mut work, &job.cause, connection_id, &[detection.about]).await?;
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}

/// Notes that it was told; `None` when it was told before.
async fn warn(work: &mut Work, id: DetectionId) -> Result<Option<u64>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE detections SET is_warned = true, version = version + 1 WHERE tenant = $1 AND id = $2 AND NOT is_warned RETURNING version",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(version.map(|version| u64::from(version.unsigned_abs())))
}
