//! How commands end, and how a caller learns of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use shared_events::outcome::{COMMAND_REJECTED, CommandRejected, Rejection};
use shared_events::{MessageId, TenantId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::auth::Caller;
use crate::handler::{AnyHandler, Failure, Outcome, Raw};
use crate::http::{Path, Query};
use crate::problem::Problem;
use crate::store::{Cause, Store, Work};

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandOutcome {
    /// The command.
    pub command_id: Uuid,
    /// `done` or `rejected`.
    pub status: String,
    /// The wire name of the command.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// The resulting ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// Digest of the body that it was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_digest: Option<String>,
    /// Who asked.
    #[serde(skip)]
    pub actor: Option<String>,
}

/// Runs one command under a savepoint: a refusal leaves nothing behind but its outcome.
pub(crate) async fn handle(handler: &dyn AnyHandler, work: &mut Work, raw: Raw<'_>) -> Result<(), Failure> {
    sqlx::query!("SAVEPOINT command").execute(work.conn()).await?;
    let mark = work.said();
    match handler.handle_run(work, &[raw]).await {
        Ok(outcomes) => {
            let outcome = outcomes.into_iter().next().unwrap_or_default();
            record(work, raw, "done", None, outcome).await?;
        }
        Err(Failure::Reject(rejection)) => {
            sqlx::query!("ROLLBACK TO SAVEPOINT command").execute(work.conn()).await?;
            work.forget_since(mark);
            let refused = CommandRejected {
                command_id: raw.envelope.id,
                command_type: raw.envelope.kind.clone(),
                rejection: rejection.clone(),
            };
            work.emit_raw(&Cause::from(raw.envelope), COMMAND_REJECTED, raw.envelope.subject.clone(), &refused);
            record(work, raw, "rejected", Some(rejection), Outcome::none()).await?;
        }
        Err(retry) => return Err(retry),
    }
    sqlx::query!("RELEASE SAVEPOINT command").execute(work.conn()).await?;
    Ok(())
}

async fn record(
    work: &mut Work,
    raw: Raw<'_>,
    status: &str,
    rejection: Option<Rejection>,
    outcome: Outcome,
) -> Result<(), sqlx::Error> {
    let envelope = raw.envelope;
    let (now, rejection) = (work.now(), rejection.and_then(|rejection| serde_json::to_value(rejection).ok()));
    sqlx::query!(
        "INSERT INTO command_outcomes (command_id, tenant, actor, type, status, rejection, result, body_digest, correlation, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (command_id) DO NOTHING",
        envelope.id.0,
        envelope.tenant.as_str(),
        envelope.actor,
        envelope.kind,
        status,
        rejection,
        outcome.0,
        envelope.body_digest,
        envelope.correlation,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The outcome of a command, if it ended.
///
/// # Errors
/// When the database is away.
pub async fn outcome(
    store: &Store,
    tenant: &TenantId,
    command: MessageId,
) -> Result<Option<CommandOutcome>, sqlx::Error> {
    let mut work = store.read(tenant).await?;
    let row = sqlx::query!(
        "SELECT type AS kind, status, rejection, result, body_digest, actor FROM command_outcomes WHERE command_id = $1",
        command.0
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| CommandOutcome {
        command_id: command.0,
        status: row.status,
        kind: row.kind,
        rejection: row.rejection.and_then(|value| serde_json::from_value(value).ok()),
        result: row.result,
        body_digest: row.body_digest,
        actor: row.actor,
    }))
}

/// The outcome of a command, waiting up to `patience` for it to end.
///
/// # Errors
/// When the database is away.
pub async fn await_outcome(
    store: &Store,
    tenant: &TenantId,
    command: MessageId,
    patience: Duration,
) -> Result<Option<CommandOutcome>, sqlx::Error> {
    let deadline = Instant::now() + patience;
    // Interest is registered before the look, or the news could fall between the two.
    let mut news = store.signals().handled.subscribe();
    // It may be handled by another process, whose news are not heard here.
    let mut pause = Duration::from_millis(100);
    loop {
        let found = outcome(store, tenant, command).await?;
        if found.is_some() || Instant::now() >= deadline {
            return Ok(found);
        }
        let _in_vain = timeout_at((Instant::now() + pause).min(deadline), heard(&mut news, command)).await;
        pause = (pause * 2).min(Duration::from_millis(400));
    }
}

/// Waits until a consumer of this process has handled a message, or may have.
async fn heard(news: &mut Receiver<Arc<[Uuid]>>, message: MessageId) {
    loop {
        match news.recv().await {
            Ok(handled) if !handled.contains(&message.0) => {}
            // Behind, or the end: a look tells.
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// Seconds, at most 10.
    #[serde(default)]
    wait: u64,
}

/// `GET /api/v1/commands/{id}?wait=N`, on every service: 404 while the command has not ended here.
pub fn routes(store: Store) -> Router {
    Router::new().route("/api/v1/commands/{id}", get(show)).with_state(store)
}

async fn show(
    State(store): State<Store>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<Wait>,
) -> Result<axum::Json<CommandOutcome>, Problem> {
    let patience = Duration::from_secs(query.wait.min(10));
    let found = await_outcome(&store, &caller.tenant, MessageId(id), patience).await.map_err(Problem::internal)?;
    // Whoever asked may know, and those who work for the tenant; for others there is no such command.
    let may_see =
        |outcome: &CommandOutcome| caller.is_staff() || outcome.actor.as_deref() == Some(caller.subject.as_str());
    found.filter(may_see).map(axum::Json).ok_or_else(Problem::not_found)
}
