//! Something of the inbox is put into somebody's hands, or taken out of them; the audit keeps who did so, and why.
//!
//! Tasks of orders have their assignee themselves. What waits in other services, payouts and claims, has it here: the inbox is one, and who
//! looks after what is its matter and not theirs.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::AssignTask;
use shared_events::outcome::Rejection;

use crate::audit::{self, Entry};
use crate::decide_task::lock_open;

/// What waits in other services and can be assigned here.
pub const ELSEWHERE: [&str; 2] = ["payout", "claim_over_limit"];

/// Handles [`AssignTask`].
pub struct Assign;

impl Handles<AssignTask> for Assign {
    async fn handle(&self, work: &mut Work, message: &Delivered<AssignTask>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let before = match data.kind.as_deref() {
            None => assign_own(work, data).await?,
            Some(kind) if ELSEWHERE.contains(&kind) => assign_elsewhere(work, data, kind).await?,
            Some(_) => {
                let detail = format!("must be one of {}, or absent for a task of orders", ELSEWHERE.join(", "));
                return Err(Rejection::new("invalid_kind", detail).at("kind").into());
            }
        };
        let entry = Entry {
            who: data.by.as_str(),
            what: "assign_task",
            subject: data.task_id.to_string(),
            before: serde_json::json!({ "assignee": before }),
            after: serde_json::json!({ "assignee": data.assignee, "kind": data.kind }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "task_id": data.task_id, "kind": data.kind, "assignee": data.assignee })))
    }
}

/// Who had it before.
async fn assign_own(work: &mut Work, data: &AssignTask) -> Result<Option<String>, Failure> {
    let task = lock_open(work, data.task_id).await?;
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE order_tasks SET state = CASE WHEN $3::text IS NULL THEN 'open' ELSE 'claimed' END::task_state, assignee = $3, version = version + 1
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        data.task_id.0,
        data.assignee.as_ref().map(|assignee| assignee.as_str()),
    )
    .execute(work.conn())
    .await?;
    Ok(task.assignee)
}

/// Who had it before.
async fn assign_elsewhere(work: &mut Work, data: &AssignTask, kind: &str) -> Result<Option<String>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let before = sqlx::query_scalar!(
        "SELECT assignee FROM inbox_assignees WHERE tenant = $1 AND kind = $2 AND task_id = $3 FOR UPDATE",
        tenant.as_str(),
        kind,
        data.task_id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO inbox_assignees (tenant, task_id, kind, assignee, assigned_by, assigned_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant, kind, task_id) DO UPDATE SET assignee = excluded.assignee, assigned_by = excluded.assigned_by,
             assigned_at = excluded.assigned_at",
        tenant.as_str(),
        data.task_id.0,
        kind,
        data.assignee.as_ref().map(|assignee| assignee.as_str()),
        data.by.as_str(),
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(before.flatten())
}
