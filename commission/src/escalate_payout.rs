//! Somebody is told of a payout that nobody decided about in time, once. It waits on as before: the inbox shows how long it is overdue.

use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::PayoutId;
use shared_events::commission::PayoutEscalated;
use uuid::Uuid;

use crate::domain::payout::{PATIENCE, State};
use crate::payout_row::Payout;

/// Looks after a payout whose time to be decided is over.
pub struct Escalate;

/// Has somebody told when nobody has decided in time about a payout that is asked for now.
///
/// # Errors
/// When the database is away.
pub(crate) async fn plan(work: &mut Work, cause: &Cause, id: PayoutId) -> Result<(), sqlx::Error> {
    let (due_at, payload) = (work.now() + PATIENCE, serde_json::json!({ "payout_id": id }));
    work.enqueue(NewJob { kind: Escalate::KIND, key: id.to_string(), due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for Escalate {
    const KIND: &'static str = "commission.escalate_payout";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = job.payload["payout_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let id = id.map(PayoutId).ok_or_else(|| Failure::reject("malformed", "the job names no payout"))?;
        let mut work = store.read(&job.tenant).await?;
        let payout = Payout::lock(&mut work, id).await?;
        if payout.state == State::Requested {
            let late = PayoutEscalated { payout_id: id, partner: payout.partner, amount: payout.amount };
            work.emit(&job.cause, u64::from(payout.version.unsigned_abs()), &late);
        }
        // Together with the event: the job is gone when it was told.
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
