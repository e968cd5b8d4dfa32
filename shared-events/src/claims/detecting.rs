//! Detections: what seems to be owed, from being raised to its end.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{ConnectionId, DetectionId, DetectionRunId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Evaluates everything again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDetection {
    /// Names the run.
    pub run_id: DetectionRunId,
    /// Of this seller; of all sellers of the tenant without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// Who wants it.
    pub asked_by: Subject,
}

/// Leaves a detection alone from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DismissDetection {
    /// The detection.
    pub detection_id: DetectionId,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub asked_by: Subject,
}

/// Something seems to be owed, or is owed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRaised {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// The kind of claim.
    pub claim_type: String,
    /// Country code.
    pub marketplace: String,
    /// Where it stands: `claimable`, `researching`, ...
    pub status: String,
    /// Units.
    pub units: i64,
    /// What is expected, if it can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
    /// The last second in which it can be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime<Utc>>,
}

/// It is owed to another extent, or stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionChanged {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Where it stands now.
    pub status: String,
    /// Units now.
    pub units: i64,
    /// Units before.
    pub units_before: i64,
    /// What is expected now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
    /// What is new in its arithmetic.
    pub reason: String,
}

/// It is owed no longer: Amazon paid, or found the units, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionResolved {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Why, in words.
    pub reason: String,
}

/// Its time runs out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionExpiring {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Whole days that are left.
    pub days: i64,
    /// The last second in which it can be claimed.
    pub closes_at: DateTime<Utc>,
}

/// It is too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionExpired {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
}

/// Somebody decided to leave it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionDismissed {
    /// The detection.
    pub detection_id: DetectionId,
    /// The seller.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: String,
}

/// An evaluation that somebody asked for is through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRunFinished {
    /// The run.
    pub run_id: DetectionRunId,
    /// Detections that were raised.
    pub raised: u64,
    /// Detections that changed.
    pub changed: u64,
    /// Detections that are owed no longer.
    pub resolved: u64,
    /// Detections that are too late.
    pub expired: u64,
    /// Who asked for it.
    pub requested_by: Subject,
}

messages! { Topic::commands(Service::Claims);
    RunDetection "claims.run_detection.v1" run_id,
    DismissDetection "claims.dismiss_detection.v1" detection_id,
}

messages! { Topic::events(Service::Claims);
    DetectionRaised "claims.detection_raised.v1" detection_id,
    DetectionChanged "claims.detection_changed.v1" detection_id,
    DetectionResolved "claims.detection_resolved.v1" detection_id,
    DetectionExpiring "claims.detection_expiring.v1" detection_id,
    DetectionExpired "claims.detection_expired.v1" detection_id,
    DetectionDismissed "claims.detection_dismissed.v1" detection_id,
    DetectionRunFinished "claims.detection_run_finished.v1" run_id,
}
