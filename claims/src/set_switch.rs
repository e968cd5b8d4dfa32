//! The kill switch: a tenant's claims are sent by people alone, or as before.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::claims::{SetSubmissionSwitch, SubmissionSwitchSet};

use crate::look_at_line;

/// Handles [`SetSubmissionSwitch`].
pub struct Set;

impl Handles<SetSubmissionSwitch> for Set {
    async fn handle(&self, work: &mut Work, message: &Delivered<SetSubmissionSwitch>) -> Result<Outcome, Failure> {
        let SetSubmissionSwitch { of_tenant, stopped, reason, set_by } = message.data.clone();
        let tenant = work.tenant().clone();
        if of_tenant != tenant {
            return Err(Failure::reject("tenant_not_found", "there is no such tenant"));
        }
        let version = sqlx::query_scalar!(
            "INSERT INTO submission_switches (tenant, stopped, reason, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant) DO UPDATE SET stopped = excluded.stopped, reason = excluded.reason, set_by = excluded.set_by,
                 set_at = excluded.set_at, version = submission_switches.version + 1
             RETURNING version",
            tenant.as_str(),
            stopped,
            reason,
            set_by.as_str(),
            work.now(),
        )
        .fetch_one(work.conn())
        .await?;
        let set = SubmissionSwitchSet { of_tenant, stopped, reason, set_by };
        let cause = Cause::from(&message.envelope);
        work.emit(&cause, u64::from(version.unsigned_abs()), &set);
        look_at_line::enqueue(work, &cause, false).await?;
        Ok(Outcome::none())
    }
}
