//! The object store, looked at from outside.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::ensure;
use e2e::wait::until;
use shared_events::Service;

use super::Desk;
use crate::scene::SOON;

/// Longer than a file that an upload left behind may stay (`OBJECT_SWEEP_AFTER_MINUTES`).
const LONG_AGO: Duration = Duration::from_secs(2 * 3_600);
/// Where objects are while they are written.
pub const UNFINISHED: &str = ".unfinished/";

/// The objects in the store, finished or not, by their names there.
pub fn stored(store: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(store)?.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

impl Desk<'_> {
    /// Every object belongs to a row, but for what uploads left behind that were broken off: and that goes when it is old. Nothing else does.
    /// Says how many those were.
    pub async fn no_object_is_left(&mut self) -> anyhow::Result<usize> {
        let store = self.system.objects()?;
        let rows = "SELECT object FROM documents WHERE state <> 'deleted' UNION ALL SELECT object FROM packets
                    UNION ALL SELECT object FROM cost_documents WHERE object IS NOT NULL";
        let pool = self.system.world.database(Service::Evidence);
        let known: BTreeSet<String> =
            sqlx::query_scalar::<_, String>(rows).fetch_all(pool).await?.into_iter().collect();
        let there = stored(&store)?;
        let lost: Vec<&String> = known.difference(&there).collect();
        ensure!(lost.is_empty(), "objects are not there: {lost:?}");
        let left: Vec<&String> = there.difference(&known).collect();
        // The BFF died in the middle of a body and behind a stored one, in each round.
        let halves = left.iter().filter(|object| object.starts_with(UNFINISHED)).count();
        ensure!(halves > 0 && left.len() > halves, "the strikes left nothing to sweep: {left:?}");
        let strangers: Vec<&&String> =
            left.iter().filter(|object| !object.starts_with(UNFINISHED) && !object.starts_with("documents/")).collect();
        ensure!(strangers.is_empty(), "nobody knows {strangers:?}");
        // As if hours had gone by, for all objects alike.
        for object in &there {
            let file = std::fs::OpenOptions::new().append(true).open(store.join(object))?;
            file.set_modified(SystemTime::now() - LONG_AGO)?;
        }
        self.kill("evidence").await?;
        until("what was left behind is swept", SOON, async || {
            let now = stored(&store)?;
            ensure!(known.is_subset(&now), "objects that are known were swept");
            Ok((now == known).then_some(()))
        })
        .await?;
        Ok(left.len())
    }
}
