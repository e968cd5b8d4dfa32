//! A person takes a task on, or decides about it; never whoever asked for it.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::orders::{ClaimOrderTask, DecideOrderTask, OrderTaskDecided};
use shared_events::outcome::Rejection;
use shared_events::{OrderId, OrderTaskId};

use crate::audit::{self, Entry};
use crate::cancel_order::cancel;
use crate::domain::approval::{Kind, check_decider};
use crate::domain::status::Status;
use crate::order_row::Order;
use crate::tasks::{self, Verdict};
use crate::{override_stock, steer_order};

/// Handles [`DecideOrderTask`].
pub struct Decide;

/// Handles [`ClaimOrderTask`].
pub struct Claim;

impl Handles<DecideOrderTask> for Decide {
    async fn handle(&self, work: &mut Work, message: &Delivered<DecideOrderTask>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let by = data.by.as_str();
        // The order is locked first, as everywhere.
        let order_id = order_of(work, data.task_id).await?;
        let mut order = Order::lock(work, order_id).await?;
        let task = lock_open(work, data.task_id).await?;
        let tenant = work.tenant().clone();
        let kind = Kind::from_name(&task.kind);
        // The token's subject counts as well as the name in the command.
        let deciders: Vec<&str> = [Some(by), message.envelope.actor.as_deref()].into_iter().flatten().collect();
        let requested_by = kind.is_none_or(Kind::needs_four_eyes).then_some(task.requested_by.as_str());
        let requesters: Vec<&str> = requested_by.into_iter().chain([order.customer_id.as_str()]).collect();
        check_decider(&deciders, &requesters)?;
        let state = if data.approve { "approved" } else { "rejected" };
        let now = work.now();
        let version = sqlx::query_scalar!(
            "UPDATE order_tasks SET state = $3::text::task_state, decided_by = $4, decided_at = $5, reason = $6, version = version + 1
             WHERE tenant = $1 AND id = $2 RETURNING version",
            tenant.as_str(),
            data.task_id.0,
            state,
            by,
            now,
            data.reason,
        )
        .fetch_one(work.conn())
        .await?;
        let decided =
            OrderTaskDecided { task_id: data.task_id, order_id: order.id, approved: data.approve, by: by.to_owned() };
        work.emit(&cause, u64::from(version.unsigned_abs()), &decided);
        let entry = Entry {
            who: by,
            what: "decide_task",
            subject: data.task_id.to_string(),
            before: serde_json::json!({ "state": task.state, "kind": task.kind }),
            after: serde_json::json!({ "state": state }),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        if data.approve && kind == Some(Kind::StockOverride) {
            override_stock::allow(work, &cause, &mut order, by).await?;
        }
        if order.standing.status == Status::OnHold && kind.is_none_or(Kind::holds_order) {
            match tasks::verdict(work, order.id).await? {
                Verdict::Refused => cancel(work, &cause, &mut order, by, &data.reason).await?,
                Verdict::Clear => steer_order::go_on(work, &cause, &mut order, by).await?,
                Verdict::Open => {}
            }
        }
        // The customer has mended it, or the gateway: the money is asked for at once and not in an hour.
        let is_paid = data.approve && kind == Some(Kind::PaymentException);
        if is_paid
            && order.standing.status == Status::PartiallyShipped
            && let Some(step) = order.progress.next()
        {
            steer_order::hurry(work, &mut order, step).await?;
        }
        let status = order.standing.status.name();
        Ok(Outcome::ids(
            &serde_json::json!({ "task_id": data.task_id, "state": state, "order_id": order.id, "order_status": status }),
        ))
    }
}

impl Handles<ClaimOrderTask> for Claim {
    async fn handle(&self, work: &mut Work, message: &Delivered<ClaimOrderTask>) -> Result<Outcome, Failure> {
        let data = &message.data;
        let task = lock_open(work, data.task_id).await?;
        let tenant = work.tenant().clone();
        if task.assignee.as_deref().is_some_and(|assignee| assignee != data.by.as_str()) {
            return Err(Rejection::new("task_taken", "somebody else has taken the task on").into());
        }
        sqlx::query!(
            "UPDATE order_tasks SET state = 'claimed', assignee = $3, version = version + 1 WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            data.task_id.0,
            data.by.as_str(),
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "claim_task",
            subject: data.task_id.to_string(),
            before: serde_json::json!({ "state": task.state, "assignee": task.assignee }),
            after: serde_json::json!({ "state": "claimed", "assignee": data.by }),
            why: "it was free to be taken on",
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "task_id": data.task_id, "state": "claimed" })))
    }
}

/// A task that nobody has decided yet.
pub(crate) struct OpenTask {
    /// `open` or `claimed`.
    pub state: String,
    /// Why a person is needed.
    pub kind: String,
    /// Whose wish it is.
    pub requested_by: String,
    /// Who has taken it on.
    pub assignee: Option<String>,
}

/// Locks a task to change it; refused where there is none, or where it is decided or withdrawn already.
pub(crate) async fn lock_open(work: &mut Work, id: OrderTaskId) -> Result<OpenTask, Failure> {
    let tenant = work.tenant().clone();
    let task = sqlx::query_as!(
        OpenTask,
        r#"SELECT state::text AS "state!", kind, requested_by, assignee FROM order_tasks WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await?
    .ok_or_else(unknown)?;
    if !matches!(task.state.as_str(), "open" | "claimed") {
        return Err(Rejection::new("task_state_conflict", format!("the task is {} already", task.state)).into());
    }
    Ok(task)
}

fn unknown() -> Rejection {
    Rejection::new("task_not_found", "there is no such task")
}

async fn order_of(work: &mut Work, task: OrderTaskId) -> Result<OrderId, Failure> {
    let tenant = work.tenant().clone();
    let found =
        sqlx::query_scalar!("SELECT order_id FROM order_tasks WHERE tenant = $1 AND id = $2", tenant.as_str(), task.0)
            .fetch_optional(work.conn())
            .await?;
    Ok(OrderId(found.ok_or_else(unknown)?))
}
