//! A late click that concerns more conversions than one group looks at: the rest is judged anew by a durable job, batch by batch.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::handler::Failure;
use service_kit::jobs::{Job, NewJob, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::TrackingEventId;
use uuid::Uuid;

use crate::catalog::Catalogs;
use crate::domain::catalog::Catalog;
use crate::domain::event::{Standing, Tracked};
use crate::domain::plan::{Again, plan};
use crate::ingest::group::{enter, say};
use crate::ingest::neighbourhood::{MOST_CONVERSIONS, Wanted};
use crate::ingest::{locks, write};

/// Judges conversions anew after a late click.
#[derive(Debug, Default)]
pub struct JudgeAgain {
    catalogs: Catalogs,
}

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    /// The click.
    click: Uuid,
    /// The last conversion that was looked at; absent = none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(DateTime<Utc>, Uuid)>,
}

/// Has all conversions that `click` may have led to judged anew, once the transaction of `work` has committed.
///
/// # Errors
/// When the database is away.
pub async fn enqueue(work: &mut Work, cause: &Cause, click: TrackingEventId) -> Result<(), sqlx::Error> {
    next(work, cause, &Payload { click: click.0, after: None }).await
}

async fn next(work: &mut Work, cause: &Cause, payload: &Payload) -> Result<(), sqlx::Error> {
    let key = format!("{}/{}", payload.click, payload.after.map(|(_, id)| id).unwrap_or_default());
    let due_at = work.now();
    let payload = serde_json::to_value(payload).map_err(|error| sqlx::Error::Encode(error.into()))?;
    work.enqueue(NewJob { kind: JudgeAgain::KIND, key, due_at, payload, cause: cause.clone() }).await
}

impl RunsJob for JudgeAgain {
    const KIND: &'static str = "tracking.judge_again";

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let payload: Payload = serde_json::from_value(job.payload.clone()).map_err(anyhow::Error::from)?;
        let mut work = store.read(&job.tenant).await?;
        let last = self.batch(&mut work, &job.cause, &payload).await?;
        // Before the next is enqueued: a job that goes on follows at once.
        job.finish(&mut work).await?;
        if let Some(after) = last {
            next(&mut work, &job.cause, &Payload { click: payload.click, after: Some(after) }).await?;
        }
        Ok(work.commit().await?)
    }
}

impl JudgeAgain {
    /// Judges one batch anew; the last conversion of it, if there may be more.
    async fn batch(
        &self,
        work: &mut Work,
        cause: &Cause,
        payload: &Payload,
    ) -> Result<Option<(DateTime<Utc>, Uuid)>, Failure> {
        let Some(click) = by_ids(work, [payload.click]).await?.pop().map(|standing| standing.facts) else {
            return Ok(None);
        };
        let shards = locks::shards_of(&click);
        let catalog = enter(work, &self.catalogs, &shards).await?;
        let found = conversions(work, &click, &catalog, payload.after).await?;
        let mut known = by_ids(work, found.iter().map(|(_, id)| *id)).await?;
        let again: Vec<Again> =
            known.iter().map(|standing| Again { conversion: standing.facts.clone(), cause: 0 }).collect();
        let mut wanted = Wanted::default();
        for Again { conversion, .. } in &again {
            wanted.around_conversion(conversion, &catalog);
        }
        known.extend(wanted.load(work).await?);
        let plan = plan(&[], &known, &again, &catalog);
        // Overtaken: the job comes again.
        write::update(work, &plan.updates).await?;
        for (_, fact) in plan.facts {
            say(work, cause, fact);
        }
        Ok(found.last().copied().filter(|_| found.len() as i64 == MOST_CONVERSIONS))
    }
}

async fn by_ids(work: &mut Work, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<Standing>, sqlx::Error> {
    let mut wanted = Wanted::default();
    for id in ids {
        wanted.id(TrackingEventId(id));
    }
    wanted.load(work).await
}

/// The next conversions that `click` may have led to: those of its visitor, and those that name its click id. A named partner wins over any
/// click, so conversions with one are left out.
async fn conversions(
    work: &mut Work,
    click: &Tracked,
    catalog: &Catalog,
    after: Option<(DateTime<Utc>, Uuid)>,
) -> Result<Vec<(DateTime<Utc>, Uuid)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let (since, seen) = after.unwrap_or((click.occurred_at, Uuid::nil()));
    let rows = sqlx::query!(
        r#"SELECT near.occurred_at AS "occurred_at!", near.id AS "id!" FROM (
               (SELECT occurred_at, id FROM events
                WHERE visitor = $2 AND type IN ('lead', 'purchase') AND partner IS NULL
                  AND occurred_at BETWEEN $4 AND $5 AND (occurred_at, id) > ($4, $6)
                ORDER BY occurred_at, id LIMIT $7)
               UNION
               (SELECT occurred_at, id FROM events
                WHERE tenant = $1 AND click_id = $3 AND type IN ('lead', 'purchase') AND partner IS NULL
                  AND occurred_at BETWEEN $4 AND $5 AND (occurred_at, id) > ($4, $6)
                ORDER BY occurred_at, id LIMIT $7)) AS near
           ORDER BY near.occurred_at, near.id LIMIT $7"#,
        tenant.as_str(),
        click.visitor.map(|visitor| visitor.0),
        click.click_id.as_deref(),
        since,
        click.occurred_at + catalog.longest_window,
        seen,
        MOST_CONVERSIONS,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.occurred_at, row.id)).collect())
}
