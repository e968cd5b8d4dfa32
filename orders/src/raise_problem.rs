//! A customer, or staff for one, has a problem with an order: it waits in the inbox until a person answers, and is a manager's when nobody
//! does in time. It holds nothing up.

use chrono::{DateTime, Utc};
use serde::Serialize;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::OrderId;
use shared_events::orders::RaiseProblem;
use shared_events::outcome::Rejection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::domain::approval::Kind;
use crate::domain::problem::{MOST_OPEN, Topic};
use crate::order_row::Order;
use crate::tasks::{self, Opening};

/// Handles [`RaiseProblem`].
pub struct RaiseIt;

/// A problem with an order, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderProblem {
    /// Its task in the inbox.
    pub problem_id: Uuid,
    /// `not_arrived`, `damaged`, `wrong_item`, `payment` or `other`.
    #[schema(example = "damaged")]
    pub kind: String,
    /// In the words of whoever raised it.
    pub text: String,
    /// `open`, `answered` or `closed`: nothing can be done.
    #[schema(example = "open")]
    pub state: String,
    /// Who raised it.
    pub raised_by: String,
    /// When.
    pub raised_at: DateTime<Utc>,
    /// Until when it should be answered.
    pub due_at: DateTime<Utc>,
    /// When nobody had answered in time, and it became a manager's.
    pub escalated_at: Option<DateTime<Utc>>,
    /// What was answered, or why nothing can be done.
    pub answer: Option<String>,
    /// When.
    pub answered_at: Option<DateTime<Utc>>,
}

impl Handles<RaiseProblem> for RaiseIt {
    async fn handle(&self, work: &mut Work, message: &Delivered<RaiseProblem>) -> Result<Outcome, Failure> {
        let (data, cause) = (&message.data, Cause::from(&message.envelope));
        let order = Order::lock_of(work, data.order_id, data.only_of.as_deref()).await?;
        let topic = Topic::from_name(&data.kind)?;
        if open_problems(work, order.id).await? >= MOST_OPEN {
            let detail = format!("{MOST_OPEN} problems with this order wait for an answer already");
            return Err(Rejection::new("too_many_problems_conflict", detail).into());
        }
        let (by, id) = (data.by.as_str(), data.task_id);
        let summary = format!("{}: {}", topic.name(), data.text);
        let kind = Kind::CustomerProblem;
        let opening = Opening { id, kind, summary: &summary, requested_by: by, patience: topic.patience() };
        let Some(due_at) = tasks::insert(work, &cause, order.id, &opening).await? else {
            return Err(Rejection::new("problem_exists", "this problem was raised before").into());
        };
        let tenant = work.tenant().clone();
        sqlx::query!(
            "INSERT INTO order_problems (tenant, task_id, order_id, kind, words) VALUES ($1, $2, $3, $4, $5)",
            tenant.as_str(),
            id.0,
            order.id.0,
            topic.name(),
            data.text,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: by,
            what: "raise_problem",
            subject: id.to_string(),
            before: serde_json::Value::Null,
            after: serde_json::json!({ "order_id": order.id, "kind": topic.name(), "due_at": due_at }),
            why: &data.text,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({
            "problem_id": id, "order_id": order.id, "kind": topic.name(), "state": "open", "due_at": due_at
        })))
    }
}

async fn open_problems(work: &mut Work, order: OrderId) -> Result<i64, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM order_tasks WHERE tenant = $1 AND order_id = $2 AND kind = 'customer_problem'
           AND state IN ('open', 'claimed')"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_one(work.conn())
    .await
}

/// The problems of an order as they are shown, newest first; the newest 200.
///
/// # Errors
/// When the database is away.
pub async fn shown(work: &mut Work, order: OrderId) -> Result<Vec<OrderProblem>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        OrderProblem,
        r#"SELECT p.task_id AS problem_id, p.kind, p.words AS text,
                  CASE t.state WHEN 'approved' THEN 'answered' WHEN 'rejected' THEN 'closed' ELSE 'open' END AS "state!",
                  t.requested_by AS raised_by, t.opened_at AS raised_at, t.due_at, t.escalated_at, t.reason AS answer, t.decided_at AS answered_at
           FROM order_problems p JOIN order_tasks t ON t.tenant = p.tenant AND t.id = p.task_id
           WHERE p.tenant = $1 AND p.order_id = $2 ORDER BY t.seq DESC LIMIT 200"#,
        tenant.as_str(),
        order.0,
    )
    .fetch_all(work.conn())
    .await
}
