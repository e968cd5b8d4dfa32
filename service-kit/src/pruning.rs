//! Old rows end: ids in the inbox and outcomes of commands.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How long ids and outcomes are kept. Never shorter than the topics' retention, or a replayed cursor would apply messages twice; an outcome
/// answers repeats of its command as long as the id of the command drops them. The policy on `command_outcomes` names the same time.
const KEEP_DAYS: f64 = 35.0;
/// Rows pruned in one statement.
pub const PRUNE_ROWS: i64 = 10_000;
/// How often is pruned.
const EVERY: Duration = Duration::from_secs(600);

/// Prunes old ids and outcomes again and again until `stop`.
pub async fn run(store: Store, stop: CancellationToken) {
    again_and_again(EVERY, stop, || prune(&store)).await;
}

/// Lets something be pruned again and again until `stop`. `prune` returns how many rows ended.
pub async fn again_and_again<F: Future<Output = Result<u64, sqlx::Error>> + Send>(
    every: Duration,
    stop: CancellationToken,
    prune: impl Fn() -> F + Send,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        match prune().await {
            Ok(rows) => tracing::debug!(rows, "old rows pruned"),
            Err(error) => tracing::warn!(%error, "pruning failed, it will be tried again"),
        }
    }
}

/// Prunes everything that is old enough, a bounded part at a time; returns how many rows ended.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store) -> Result<u64, sqlx::Error> {
    let mut pruned = 0;
    loop {
        let (ids, outcomes) = (prune_inbox(store).await?, prune_outcomes(store).await?);
        pruned += ids + outcomes;
        if ids.max(outcomes) < PRUNE_ROWS.unsigned_abs() {
            return Ok(pruned);
        }
    }
}

async fn prune_inbox(store: &Store) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query!(
        "DELETE FROM inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM inbox WHERE received_at < now() - $1 * interval '1 day' LIMIT $2))",
        KEEP_DAYS,
        PRUNE_ROWS,
    )
    .execute(store.pool())
    .await?;
    Ok(ended.rows_affected())
}

/// Of every tenant: row-level security lets a transaction that says that it prunes see what is old enough.
async fn prune_outcomes(store: &Store) -> Result<u64, sqlx::Error> {
    let mut work = store.begin().await?;
    sqlx::query!("SELECT set_config('recoup.pruning', 'on', true)").fetch_one(work.conn()).await?;
    let ended = sqlx::query!(
        "DELETE FROM command_outcomes WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM command_outcomes WHERE finished_at < now() - $1 * interval '1 day' LIMIT $2))",
        KEEP_DAYS,
        PRUNE_ROWS,
    )
    .execute(work.conn())
    .await?;
    work.commit().await?;
    Ok(ended.rows_affected())
}
