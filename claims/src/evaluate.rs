//! The job that evaluates what was touched, some subjects at a time, each time in a transaction of its own: killed, it goes on where it
//! was. What it costs follows from what was touched: only the rows of these subjects are read.

use std::collections::BTreeMap;

use service_kit::handler::Failure;
use service_kit::jobs::{Job, RunsJob};
use service_kit::store::{Cause, Store, Work};
use shared_events::claims::DetectionRunFinished;
use shared_events::{ConnectionId, DetectionRunId, Subject as Person};
use uuid::Uuid;

use crate::books_of;
use crate::detection::Subject;
use crate::write_detections::{self, Place, Tally};

/// The kind of the job; its payload is `{"connection_id": ...}`.
pub const EVALUATE: &str = "claims.evaluate";
/// Subjects in one transaction.
const BATCH: i64 = 200;

/// Runs [`EVALUATE`].
pub struct Evaluate;

impl RunsJob for Evaluate {
    const KIND: &'static str = EVALUATE;

    async fn run(&self, store: &Store, job: &Job) -> Result<(), Failure> {
        let id = job.payload["connection_id"].as_str().and_then(|text| Uuid::try_parse(text).ok());
        let connection = ConnectionId(id.ok_or_else(|| Failure::reject("malformed", "the job names no connection"))?);
        loop {
            let mut work = store.read(&job.tenant).await?;
            let place = Place { connection, cause: &job.cause };
            let Some(tally) = evaluate_some(&mut work, place).await? else {
                finish_runs(&mut work, &job.cause, connection).await?;
                job.finish(&mut work).await?;
                return Ok(work.commit().await?);
            };
            count(&mut work, connection, tally).await?;
            work.commit().await?;
        }
    }
}

struct Touched {
    subject: String,
    touched: i64,
}

/// Evaluates some of what was touched; `None` when nothing was.
async fn evaluate_some(work: &mut Work, place: Place<'_>) -> Result<Option<Tally>, Failure> {
    let Place { connection, .. } = place;
    let tenant = work.tenant().clone();
    // Two evaluations of one seller at a time would raise the same detection twice.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", format!("claims.evaluate/{connection}"))
        .fetch_one(work.conn())
        .await?;
    let touched = sqlx::query_as!(
        Touched,
        "SELECT subject, touched FROM subjects WHERE tenant = $1 AND connection_id = $2 AND answered < touched
         ORDER BY subject LIMIT $3",
        tenant.as_str(),
        connection.0,
        BATCH,
    )
    .fetch_all(work.conn())
    .await?;
    if touched.is_empty() {
        return Ok(None);
    }
    let (texts, touches): (Vec<String>, Vec<i64>) = touched.into_iter().map(|row| (row.subject, row.touched)).unzip();
    let mut subjects: Vec<Subject> = Vec::with_capacity(texts.len());
    for text in &texts {
        match serde_json::from_str(text) {
            Ok(subject) => subjects.push(subject),
            // Another release wrote it: it counts as answered, so that it does not stop the others, and is seen here.
            Err(problem) => {
                metrics::counter!("recoup_claims_subjects_unreadable_total").increment(1);
                tracing::error!(subject = text, %problem, connection.id = %connection, "a touched subject cannot be read");
            }
        }
    }
    let mut known: BTreeMap<_, _> = write_detections::known(work, connection, &texts).await?;
    let loaded = books_of::load(work, connection, &subjects).await?;
    let now = work.now();
    let mut tally = Tally::default();
    for subject in &subjects {
        let findings = loaded.books.evaluate(subject, now);
        let before = known.remove(&crate::touched::text_of(subject)).unwrap_or_default();
        tally += write_detections::write(work, place, subject, findings, (before, &loaded)).await?;
    }
    // What was touched again meanwhile stays open.
    sqlx::query!(
        "UPDATE subjects SET answered = u.touched FROM unnest($3::text[], $4::bigint[]) AS u (subject, touched)
         WHERE subjects.tenant = $1 AND subjects.connection_id = $2 AND subjects.subject = u.subject",
        tenant.as_str(),
        connection.0,
        &texts,
        &touches,
    )
    .execute(work.conn())
    .await?;
    metrics::counter!("recoup_claims_subjects_evaluated_total").increment(texts.len() as u64);
    Ok(Some(tally))
}

/// Adds to the runs that somebody asked for.
async fn count(work: &mut Work, connection: ConnectionId, tally: Tally) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE detection_runs SET state = 'running', raised = raised + $3, changed = changed + $4, resolved = resolved + $5,
             expired = expired + $6
         WHERE tenant = $1 AND state <> 'done' AND (connection_id IS NULL OR connection_id = $2)",
        tenant.as_str(),
        connection.0,
        tally.raised,
        tally.changed,
        tally.resolved,
        tally.expired,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Ends the runs for which nothing is left to be looked at.
async fn finish_runs(work: &mut Work, cause: &Cause, connection: ConnectionId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let finished = sqlx::query!(
        "UPDATE detection_runs r SET state = 'done', finished_at = $3, subjects_done = subjects_total, version = version + 1
         WHERE tenant = $1 AND state <> 'done' AND (connection_id IS NULL OR connection_id = $2)
           AND NOT EXISTS (SELECT FROM subjects s WHERE s.tenant = $1 AND s.answered < s.touched
                             AND (r.connection_id IS NULL OR s.connection_id = r.connection_id))
         RETURNING id, raised, changed, resolved, expired, asked_by, version",
        tenant.as_str(),
        connection.0,
        work.now(),
    )
    .fetch_all(work.conn())
    .await?;
    for run in finished {
        let Ok(requested_by) = Person::try_new(run.asked_by) else { continue };
        let told = DetectionRunFinished {
            run_id: DetectionRunId(run.id),
            raised: run.raised.unsigned_abs(),
            changed: run.changed.unsigned_abs(),
            resolved: run.resolved.unsigned_abs(),
            expired: run.expired.unsigned_abs(),
            requested_by,
        };
        work.emit(cause, u64::from(run.version.unsigned_abs()), &told);
    }
    Ok(())
}
