//! What waits for a person: opened with a deadline, escalated when nobody decides in time.

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::ids::derive;
use shared_events::orders::{OrderTaskEscalated, OrderTaskOpened};
use shared_events::{OrderId, OrderTaskId};
use uuid::Uuid;

use crate::domain::approval::Kind;
use crate::order_row::Order;

/// How long there is to decide before the task is escalated.
pub const DEADLINE: TimeDelta = TimeDelta::hours(4);

/// A task that is opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The task.
    pub id: OrderTaskId,
    /// Why a person is needed.
    pub kind: Kind,
    /// What it is about, in words.
    pub summary: &'a str,
    /// Whose wish it is.
    pub requested_by: &'a str,
    /// How long there is to decide.
    pub patience: TimeDelta,
}

/// What the tasks of an order have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is open, nothing was refused.
    Clear,
    /// Something is open.
    Open,
    /// Something was refused.
    Refused,
}

/// Opens a task about an order, once: the same kind about the same thing is the same task, until it is withdrawn.
/// `about` tells apart what happens to an order more than once; empty where the kind is enough.
///
/// # Errors
/// When the database is away.
pub async fn open(
    work: &mut Work,
    cause: &Cause,
    order: &Order,
    kind: Kind,
    about: &str,
    summary: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let withdrawn = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM order_tasks WHERE tenant = $1 AND order_id = $2 AND kind = $3 AND state = 'withdrawn'"#,
        tenant.as_str(),
        order.id.0,
        kind.name(),
    )
    .fetch_one(work.conn())
    .await?;
    let (of, round) = (order.id.to_string(), withdrawn.to_string());
    let mut names = vec!["order-task", tenant.as_str(), &of, kind.name()];
    if !about.is_empty() {
        names.push(about);
    }
    if withdrawn > 0 {
        names.push(&round);
    }
    let requested_by = order.placed_by.as_str();
    let opening = Opening { id: OrderTaskId(derive(&names)), kind, summary, requested_by, patience: DEADLINE };
    insert(work, cause, order.id, &opening).await.map(drop)
}

/// Opens this task about an order; until when it should be decided, or nothing when it was there before.
///
/// # Errors
/// When the database is away.
pub async fn insert(
    work: &mut Work,
    cause: &Cause,
    order: OrderId,
    opening: &Opening<'_>,
) -> Result<Option<DateTime<Utc>>, Failure> {
    let (tenant, now, id) = (work.tenant().clone(), work.now(), opening.id);
    let due_at = now + opening.patience;
    let written = sqlx::query!(
        "INSERT INTO order_tasks (tenant, id, kind, order_id, summary, requested_by, opened_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        id.0,
        opening.kind.name(),
        order.0,
        opening.summary,
        opening.requested_by,
        now,
        due_at,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        return Ok(None);
    }
    let opened = OrderTaskOpened { task_id: id, kind: opening.kind.name().to_owned(), order_id: order, due_at };
    work.emit(cause, 1, &opened);
    let payload = serde_json::json!({ "task_id": id });
    work.enqueue(NewJob { kind: Escalate::KIND, key: id.to_string(), due_at, payload, cause: cause.clone() }).await?;
    Ok(Some(due_at))
}

/// What the tasks that an order waits for have come to; others hold nothing up.
///
/// # Errors
/// When the database is away.
pub async fn verdict(work: &mut Work, order: OrderId) -> Result<Verdict, sqlx::Error> {
    let tenant = work.tenant().clone();
    let holding = Kind::ALL.into_iter().filter(|kind| kind.holds_order()).map(|kind| kind.name().to_owned());
    let holding: Vec<String> = holding.collect();
    let row = sqlx::query!(
        r#"SELECT bool_or(state = 'rejected') AS refused, bool_or(state IN ('open', 'claimed')) AS open
           FROM order_tasks WHERE tenant = $1 AND order_id = $2 AND kind = ANY($3)"#,
        tenant.as_str(),
        order.0,
        &holding,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(match (row.refused, row.open) {
        (Some(true), _) => Verdict::Refused,
        (_, Some(true)) => Verdict::Open,
        _ => Verdict::Clear,
    })
}

/// Nothing has to be decided about an order any more. A customer's problem is answered all the same.
///
/// # Errors
/// When the database is away.
pub async fn withdraw(work: &mut Work, order: OrderId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE order_tasks SET state = 'withdrawn', version = version + 1 WHERE tenant = $1 AND order_id = $2 AND state IN ('open', 'claimed') AND kind <> 'customer_problem'",
        tenant.as_str(),
        order.0,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The gateway pays after all: nobody has to look after it any more.
///
/// # Errors
/// When the database is away.
pub async fn paid(work: &mut Work, order: OrderId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE order_tasks SET state = 'withdrawn', version = version + 1
         WHERE tenant = $1 AND order_id = $2 AND kind = 'payment_exception' AND state IN ('open', 'claimed')",
        tenant.as_str(),
        order.0,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// What was asked and allowed about an order counts no more: it is another order now, and has to be allowed as it is.
///
/// # Errors
/// When the database is away.
pub async fn start_over(work: &mut Work, order: OrderId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE order_tasks SET state = 'withdrawn', version = version + 1
         WHERE tenant = $1 AND order_id = $2 AND state IN ('open', 'claimed', 'approved') AND kind <> 'customer_problem'",
        tenant.as_str(),
        order.0,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Escalates a task that nobody decided in time: it stays open and is marked, for managers to see first.
pub struct Escalate;

impl RunsJob for Escalate {
    const KIND: &'static str = "orders.escalate_task";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = job.payload["task_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let id = id.ok_or_else(|| Failure::reject("malformed", "the job names no task"))?;
        let mut work = store.read(&job.tenant).await?;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let late = sqlx::query!(
            "UPDATE order_tasks SET escalated_at = $3, assignee = NULL, state = 'open', version = version + 1
             WHERE tenant = $1 AND id = $2 AND state IN ('open', 'claimed') AND escalated_at IS NULL AND due_at <= $3 RETURNING order_id, version",
            tenant.as_str(),
            id,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        if let Some(late) = late {
            let escalated = OrderTaskEscalated { task_id: OrderTaskId(id), order_id: OrderId(late.order_id) };
            work.emit(&job.cause, u64::from(late.version.unsigned_abs()), &escalated);
        }
        job.finish(&mut work).await?;
        Ok(work.commit().await?)
    }
}
