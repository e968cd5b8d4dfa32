//! Deletes objects that uploads left behind which ended half-way: they are in the store, and no row knows them.
//!
//! An object is first marked as swept and then deleted. A command that registers it later finds the mark and is refused, so there is no
//! moment at which a document could lose its bytes.

use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use providers::files::FOLDER;
use providers::objects::{ObjectKey, Objects};
use service_kit::clock::{Clock, SystemClock};
use service_kit::store::Store;
use tokio_util::sync::CancellationToken;

/// How often it is looked for, at the least.
const EVERY: Duration = Duration::from_secs(600);
/// Objects looked at in one go.
const PAGE: usize = 500;
/// How long marks are kept: longer than a command can be on its way.
const MARKS_KEPT: TimeDelta = TimeDelta::days(60);

/// Sweeps until `stop` what is older than `patience`; an upload and its command take minutes at most.
pub async fn run(store: Store, objects: Objects, patience: TimeDelta, stop: CancellationToken) {
    let every = patience.to_std().unwrap_or(EVERY).min(EVERY);
    loop {
        match sweep(&store, &objects, patience).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "objects of broken-off uploads deleted"),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "objects cannot be swept now, it will be tried again")
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Sweeps once; returns how many objects were deleted.
///
/// # Errors
/// When the store or the database is away.
pub async fn sweep(store: &Store, objects: &Objects, patience: TimeDelta) -> anyhow::Result<usize> {
    // The store tells ages by its own clock, which a developer's clock has nothing to do with.
    let before = SystemClock.now() - patience;
    let mut swept = objects.remove_abandoned(before).await.unwrap_or_else(|error| {
        // Not every S3 server lists them, and not every key may: what is whole can be swept all the same.
        tracing::warn!(%error, "what broken-off uploads left in parts cannot be removed; see OPERATIONS, Documents");
        0
    });
    let folder = ObjectKey::try_new(FOLDER)?;
    let mut after = None;
    loop {
        let page = objects.list_stored_before(&folder, before, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        let is_last = page.len() < PAGE;
        let next = last.key.clone();
        for object in mark_unknown(store, page.iter().map(|listed| listed.key.as_str().to_owned()).collect()).await? {
            objects.delete(&ObjectKey::try_new(&object)?).await.with_context(|| format!("deleting {object}"))?;
            swept += 1;
        }
        if is_last {
            break;
        }
        after = Some(next);
    }
    forget_old_marks(store).await?;
    Ok(swept)
}

/// Marks those that nobody knows, and returns all that bear a mark (also those whose deletion failed before).
async fn mark_unknown(store: &Store, objects: Vec<String>) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query!(
        "INSERT INTO known_objects (object, swept_at) SELECT object, now() FROM unnest($1::text[]) AS u (object) ORDER BY object
         ON CONFLICT DO NOTHING",
        &objects,
    )
    .execute(store.pool())
    .await?;
    sqlx::query_scalar!("SELECT object FROM known_objects WHERE object = ANY($1) AND swept_at IS NOT NULL", &objects)
        .fetch_all(store.pool())
        .await
}

async fn forget_old_marks(store: &Store) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM known_objects WHERE swept_at < now() - $1 * interval '1 second'",
        MARKS_KEPT.num_seconds() as f64,
    )
    .execute(store.pool())
    .await?;
    Ok(())
}
