//! What a caller is told about its events.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use service_kit::problem::Problem;
use shared_events::TrackingEventId;
use utoipa::ToSchema;
use uuid::Uuid;

use super::read::Unread;
use crate::domain::incoming::Refused;
use crate::domain::plan::Verdict;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is stored.
    Recorded,
    /// It was here before; nothing changed.
    Duplicate,
    /// It is not taken.
    Rejected,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcome {
    /// Our id of it; absent for one that is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The caller's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "order-4711-paid")]
    pub event_id: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Why it is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "amount")]
    pub field: Option<String>,
}

/// What became of each event of a batch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcomes {
    /// How many are stored.
    pub recorded: usize,
    /// How many were here before.
    pub duplicates: usize,
    /// How many are not taken.
    pub rejected: usize,
    /// Each event, in the order in which they were sent.
    pub results: Vec<Outcome>,
}

impl Outcome {
    /// Of an event that could not be read.
    pub fn unread(unread: Unread) -> Self {
        Self::rejected(unread.event_id, unread.refused)
    }

    /// Of an event that was decided about.
    pub fn decided(id: TrackingEventId, event_id: Option<String>, verdict: Verdict) -> Self {
        let status = match verdict {
            Verdict::Rejected(refused) => return Self::rejected(event_id, refused),
            Verdict::Recorded => Status::Recorded,
            Verdict::Duplicate => Status::Duplicate,
        };
        Self { id: Some(id.0), event_id, status, reason: None, field: None }
    }

    fn rejected(event_id: Option<String>, refused: Refused) -> Self {
        Self { id: None, event_id, status: Status::Rejected, reason: Some(refused.reason), field: refused.field }
    }

    /// The answer to an event that was sent alone.
    pub fn alone(self) -> Response {
        let status = match self.status {
            Status::Recorded => StatusCode::CREATED,
            Status::Duplicate => StatusCode::OK,
            Status::Rejected => {
                let reason = self.reason.unwrap_or_default();
                return match self.field {
                    Some(field) => Problem::unprocessable(format!("{field}: {reason}")).field(field, reason),
                    None => Problem::unprocessable(reason),
                }
                .code("event_rejected")
                .into_response();
            }
        };
        (status, axum::Json(self)).into_response()
    }
}

impl Outcomes {
    /// The answer to a batch.
    pub fn of(results: Vec<Outcome>) -> Self {
        let count = |status| results.iter().filter(|outcome| outcome.status == status).count();
        let (recorded, duplicates, rejected) =
            (count(Status::Recorded), count(Status::Duplicate), count(Status::Rejected));
        Self { recorded, duplicates, rejected, results }
    }
}
