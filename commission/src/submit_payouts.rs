//! Every approved payout goes into one file. The command only marks them; a durable job writes the file.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::{NewJob, RunsJob};
use service_kit::store::{Cause, Work};
use shared_events::commission::SubmitPayouts;

use crate::payout_file::WriteFile;

/// Most payouts in one file; the rest goes into the next.
const MOST: i64 = 10_000;

/// Handles [`SubmitPayouts`].
pub struct Submit;

impl Handles<SubmitPayouts> for Submit {
    async fn handle(&self, work: &mut Work, message: &Delivered<SubmitPayouts>) -> Result<Outcome, Failure> {
        let (tenant, now, batch) = (work.tenant().clone(), work.now(), message.data.batch_id);
        let (cause, envelope) = (Cause::from(&message.envelope), &message.envelope);
        let made = sqlx::query!(
            "INSERT INTO payout_batches (tenant, id, created_at, created_by, cause, correlation) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            tenant.as_str(),
            batch.0,
            now,
            envelope.actor,
            envelope.id.0,
            envelope.correlation,
        )
        .execute(work.conn())
        .await?;
        if made.rows_affected() == 0 {
            return Err(Failure::reject("payout_state_conflict", "this batch was submitted before"));
        }
        let taken = sqlx::query!(
            "UPDATE payouts SET batch_id = $2 WHERE tenant = $1 AND id IN (
                 SELECT id FROM payouts WHERE tenant = $1 AND state = 'approved' AND batch_id IS NULL ORDER BY seq LIMIT $3 FOR UPDATE)",
            tenant.as_str(),
            batch.0,
            MOST,
        )
        .execute(work.conn())
        .await?;
        if taken.rows_affected() == 0 {
            return Err(Failure::reject("nothing_to_submit", "no approved payout waits to be submitted"));
        }
        let payload = serde_json::json!({ "batch_id": batch });
        work.enqueue(NewJob { kind: WriteFile::KIND, key: batch.to_string(), due_at: now, payload, cause }).await?;
        Ok(Outcome::ids(&serde_json::json!({ "batch_id": batch, "payouts": taken.rows_affected() })))
    }
}
