//! A document is downloaded, read and committed in batches; memory holds a few of them, however long the file is.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use providers::amazon::DocumentRead;
use service_kit::faults;
use shared_events::claims::{ReportEmptied, RowsCommitted};
use shared_events::{ConnectionId, SyncRunId};
use tokio::runtime::Handle;

use crate::commit_rows::{self, Origin};
use crate::confirm_payouts;
use crate::kind::Kind;
use crate::parse_report::{self, Reading};
use crate::reports::{BadRow, Charset, ReadError};
use crate::run_report::{Next, Running, Trouble};
use crate::run_row::{self, Progress, Step};
use crate::touched;

/// How often progress is told at most.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// Bad rows that are remembered with the run.
const REMEMBERED: usize = 20;

/// Counts what came, for whoever looks from another task.
struct Counted(DocumentRead, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(into)?;
        self.1.store(self.0.download().received(), Ordering::Relaxed);
        Ok(count)
    }
}

/// Downloads, reads and commits a document.
///
/// # Errors
/// What went wrong with Amazon, with the file, or with us.
pub async fn fetch(running: &Running<'_>, document: &str) -> Result<Next, Trouble> {
    let download = running.session.download(document).await?;
    let charset = download.content_type().map_or(Charset::Unknown, Charset::of_content_type);
    let length = download.length().and_then(|length| i64::try_from(length).ok());
    let came = Arc::new(AtomicU64::new(0));
    let input = Counted(download.into_read(Handle::current()), Arc::clone(&came));
    let now = running.store.now();
    let reading = Reading { kind: running.kind, place: running.place, today: running.place.date_of(&now), charset };
    running.advance(Step { state: Some("parsing"), ..Step::default() }).await?;
    let mut reader = Committing::new(running, reading, length);
    let mut batches = parse_report::begin(input, reading);
    while let Some(batch) = batches.recv().await {
        let bytes = i64::try_from(came.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        match batch {
            Ok(batch) => reader.commit(batch, bytes).await?,
            Err(ReadError::Io(error)) => return Err(of_stream(error)),
            Err(error) => return Err(Trouble::Report(error.to_string())),
        }
    }
    reader.finish().await
}

/// What broke the stream: Amazon's side, which tells what to do about it, or something else that may pass.
fn of_stream(error: io::Error) -> Trouble {
    match error.downcast::<providers::amazon::Error>() {
        Ok(error) => Trouble::Amazon(error),
        Err(error) => Trouble::Amazon(providers::amazon::Error::Document(error.to_string())),
    }
}

/// Commits batches and keeps count.
pub struct Committing<'a> {
    running: &'a Running<'a>,
    origin: Origin,
    progress: Progress,
    bad: Vec<serde_json::Value>,
    watermark: Option<(String, chrono::NaiveDate)>,
    started: Instant,
    told: Instant,
}

impl<'a> Committing<'a> {
    /// Nothing is committed yet.
    pub fn new(running: &'a Running<'a>, reading: Reading, bytes_total: Option<i64>) -> Self {
        let origin = Origin {
            connection: ConnectionId(running.connection.id),
            run: running.id(),
            kind: reading.kind,
            place: reading.place,
            today: reading.today,
        };
        let progress = Progress { bytes_total, ..Progress::default() };
        let started = Instant::now();
        Self { running, origin, progress, bad: Vec::new(), watermark: None, started, told: started }
    }

    /// Commits one batch.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn commit(&mut self, mut batch: parse_report::Batch, bytes_read: i64) -> Result<(), Trouble> {
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.progress.rows_in += count(batch.rows.len() + batch.bad.len());
        self.progress.rows_rejected += count(batch.bad.len());
        let room = REMEMBERED.saturating_sub(self.bad.len());
        self.bad.extend(batch.bad.drain(..).take(room).map(|bad| bad_row(&bad)));
        self.watermark = batch.watermark.take().or(self.watermark.take());
        let running = self.running;
        let mut work = running.store.read(&running.job.tenant).await?;
        let committed = commit_rows::commit(&mut work, self.origin, batch).await?;
        self.progress.rows_new += committed.new;
        self.progress.rows_changed += committed.changed;
        self.progress.rows_quarantined += committed.quarantined;
        self.progress.bytes_read = bytes_read;
        let millis = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX).max(1);
        self.progress.rows_per_second = Some(self.progress.rows_in.saturating_mul(1_000) / millis);
        let says = self.told.elapsed() >= TELL_EVERY;
        if says {
            self.told = Instant::now();
        }
        let bad = serde_json::Value::Array(self.bad.clone());
        run_row::note(&mut work, &running.job.cause, running.id(), (self.progress, &bad), says).await?;
        faults::point("claims.before_rows");
        work.commit().await?;
        faults::point("claims.after_rows");
        Ok(())
    }

    /// Ends the run: what the whole file means, and who has to look at it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn finish(self) -> Result<Next, Trouble> {
        let Self { running, origin, progress, watermark, .. } = self;
        let (job, cause, connection) = (running.job, &running.job.cause, origin.connection);
        let is_empty = progress.rows_in == 0;
        let alarm = if is_empty { emptied(running).await? } else { None };
        let mut work = running.store.read(&job.tenant).await?;
        if origin.kind.is_snapshot() && !is_empty {
            commit_rows::forget_unlisted(&mut work, origin).await?;
        }
        if let Some((name, day)) = watermark {
            commit_rows::raise_watermark(&mut work, connection, &name, day).await?;
        }
        let step = Step { state: Some("committed"), alarm: alarm.as_deref(), ..Step::default() };
        run_row::advance(&mut work, cause, running.id(), step).await?;
        let count = |rows: i64| rows.unsigned_abs();
        let told = RowsCommitted {
            run_id: running.id(),
            connection_id: connection,
            report: origin.kind.name().to_owned(),
            marketplace: origin.place.code().to_owned(),
            rows_new: count(progress.rows_new),
            rows_changed: count(progress.rows_changed),
            rows_quarantined: count(progress.rows_quarantined),
            rows_rejected: count(progress.rows_rejected),
        };
        let version = version_of(&mut work, running.id()).await?;
        work.emit(cause, version, &told);
        touched::evaluate_soon(&mut work, cause, connection).await?;
        let moved = progress.rows_new + progress.rows_changed > 0;
        if moved && matches!(origin.kind, Kind::Reimbursement | Kind::Settlement | Kind::Finance) {
            confirm_payouts::enqueue(&mut work, cause, connection).await?;
        }
        let rows = progress.rows_new.unsigned_abs();
        metrics::counter!("recoup_claims_rows_committed_total", "report" => origin.kind.name()).increment(rows);
        work.commit().await?;
        faults::point("claims.after_sync");
        Ok(Next::Done)
    }
}

fn bad_row(bad: &BadRow) -> serde_json::Value {
    serde_json::json!({ "line": bad.line, "column": bad.column, "problem": bad.problem })
}

/// Counts one event of the run.
async fn version_of(work: &mut service_kit::store::Work, id: SyncRunId) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE sync_runs SET version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Whether rows are here of the time that a report without rows tells of. Nothing is deleted then; it is told, and noted with the run.
///
/// # Errors
/// When the database is away.
pub async fn emptied(running: &Running<'_>) -> Result<Option<String>, Trouble> {
    let run = running.run;
    let mut work = running.store.read(&running.job.tenant).await?;
    let tenant = work.tenant().clone();
    let had_rows = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM report_rows WHERE tenant = $1 AND connection_id = $2 AND report = $3 AND marketplace = $4
             AND day BETWEEN $5 AND $6) AS "had!""#,
        tenant.as_str(),
        run.connection_id,
        run.report,
        run.marketplace,
        run.window_from.date_naive(),
        run.window_to.date_naive(),
    )
    .fetch_one(work.conn())
    .await?;
    if !had_rows {
        return Ok(None);
    }
    let told = ReportEmptied {
        run_id: running.id(),
        connection_id: ConnectionId(run.connection_id),
        report: run.report.clone(),
        marketplace: run.marketplace.clone(),
    };
    let version = version_of(&mut work, running.id()).await?;
    work.emit(&running.job.cause, version, &told);
    work.commit().await?;
    metrics::counter!("recoup_claims_reports_emptied_total", "report" => running.kind.name()).increment(1);
    Ok(Some("the report is empty, and rows of the same time were here before; nothing was deleted".to_owned()))
}
