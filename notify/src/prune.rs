//! What somebody was told ends after 400 days, and what webhooks were sent 90 days after it was asked for; the policies of the tables name
//! the same times. Beyond that nobody asks, and people are not kept on file for nothing.

use std::time::Duration;

use service_kit::store::Store;

/// Rows that end in one statement; what belongs to them goes with them.
const AT_ONCE: i64 = 1_000;
/// How often is pruned.
pub const EVERY: Duration = Duration::from_secs(3_600);

/// Prunes everything that is old enough, a bounded part at a time; returns how many notifications and deliveries ended.
///
/// # Errors
/// When the database is away.
pub async fn prune(store: &Store) -> Result<u64, sqlx::Error> {
    let mut pruned = 0;
    loop {
        let mut work = store.begin().await?;
        sqlx::query!("SELECT set_config('recoup.pruning', 'on', true)").fetch_one(work.conn()).await?;
        // The policies let nothing else be seen.
        let told = sqlx::query!(
            "DELETE FROM notifications WHERE ctid = ANY (ARRAY(SELECT ctid FROM notifications WHERE created_at < now() - interval '400 days' LIMIT $1))",
            AT_ONCE,
        )
        .execute(work.conn())
        .await?
        .rows_affected();
        let sent = sqlx::query!(
            "DELETE FROM deliveries WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM deliveries WHERE state <> 'waiting' AND created_at < now() - interval '90 days' LIMIT $1))",
            AT_ONCE,
        )
        .execute(work.conn())
        .await?
        .rows_affected();
        work.commit().await?;
        pruned += told + sent;
        if told.max(sent) < AT_ONCE.unsigned_abs() {
            return Ok(pruned);
        }
    }
}
