//! The job that looks at a detection after it was raised or changed, and prepares, shrinks or withdraws a claim.

use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::DetectionId;

/// The kind of the job; its payload is `{"detection_id": ...}`.
pub const KIND: &str = "claims.consider_detection";

/// Lets a detection be looked at, once the transaction commits.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, detection: DetectionId) -> Result<(), sqlx::Error> {
    // A job that runs already may have read the detection before this change, so each change has a job of its own.
    let key = format!("{detection}/{}", service_kit::store::new_id(work.now()));
    let payload = serde_json::json!({ "detection_id": detection });
    work.enqueue(NewJob { kind: KIND, key, due_at: work.now(), payload, cause: cause.clone() }).await
}
