//! Somebody wants everything looked at again.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::claims::RunDetection;

use crate::{connection_row, touched};

/// Every kind of subject.
const EVERYTHING: [&str; 8] = ["stock", "order", "returns", "removals", "inbound", "payments", "storage", "parcel"];

/// Handles [`RunDetection`].
pub struct Run;

impl Handles<RunDetection> for Run {
    async fn handle(&self, work: &mut Work, message: &Delivered<RunDetection>) -> Result<Outcome, Failure> {
        let RunDetection { run_id, connection_id, asked_by } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let sellers = connection_row::sellers(work, *connection_id).await?;
        if sellers.is_empty() {
            return Err(Failure::reject("not_connected", "no seller is connected: connect one first"));
        }
        let cause = Cause::from(&message.envelope);
        let mut subjects = 0;
        for seller in &sellers {
            let id = ConnectionId(seller.id);
            subjects += touched::mark_known(work, id, &EVERYTHING, None).await?;
            touched::evaluate_soon(work, &cause, id).await?;
        }
        sqlx::query!(
            "INSERT INTO detection_runs (tenant, id, connection_id, state, subjects_total, asked_by, asked_at)
             VALUES ($1, $2, $3, 'queued', $4, $5, $6)",
            tenant.as_str(),
            run_id.0,
            connection_id.map(|id| id.0),
            i64::try_from(subjects).unwrap_or(i64::MAX),
            asked_by.as_str(),
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(Outcome::ids(&serde_json::json!({ "run_id": run_id, "subjects": subjects })))
    }
}
