//! A run of a sync as it is stored, and how it moves on.

use chrono::{DateTime, Utc};
use service_kit::store::{Cause, Work};
use shared_events::claims::SyncProgressed;
use shared_events::{ConnectionId, SyncId, SyncRunId};
use uuid::Uuid;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: Uuid,
    /// Runs that were started together.
    pub sync_id: Uuid,
    /// The seller.
    pub connection_id: Uuid,
    /// The kind of rows.
    pub report: String,
    /// Country code.
    pub marketplace: String,
    /// From when it tells.
    pub window_from: DateTime<Utc>,
    /// Until when.
    pub window_to: DateTime<Utc>,
    /// How far it is.
    pub state: String,
    /// Amazon's number of the report.
    pub report_id: Option<String>,
    /// Amazon's number of its document.
    pub document_id: Option<String>,
    /// Attempts that failed in a way that may pass.
    pub failures: i32,
}

impl Run {
    /// Whether it stays as it is.
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "committed" | "no_data" | "failed")
    }
}

/// What a run changes about itself; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Step<'a> {
    /// Its new state.
    pub state: Option<&'a str>,
    /// Amazon's number of the report.
    pub report_id: Option<&'a str>,
    /// Amazon's number of the document.
    pub document_id: Option<&'a str>,
    /// Whether it failed in a way that may pass.
    pub failed: bool,
    /// Why.
    pub problem: Option<&'a str>,
    /// Something to look at.
    pub alarm: Option<&'a str>,
}

/// What was read so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Bytes there are.
    pub bytes_total: Option<i64>,
    /// Bytes that came.
    pub bytes_read: i64,
    /// Rows read.
    pub rows_in: i64,
    /// Rows not known before.
    pub rows_new: i64,
    /// Rows that read otherwise.
    pub rows_changed: i64,
    /// Rows nobody knows the reason of.
    pub rows_quarantined: i64,
    /// Rows that cannot be read.
    pub rows_rejected: i64,
    /// Rows read and committed in a second.
    pub rows_per_second: Option<i64>,
}

/// Locks a run.
///
/// # Errors
/// When the database is away.
pub async fn lock(work: &mut Work, id: SyncRunId) -> Result<Option<Run>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Run,
        r#"SELECT id, sync_id, connection_id, report, marketplace, window_from, window_to, state::text AS "state!", report_id, document_id,
                  failures
           FROM sync_runs WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await
}

/// Creates a run; false when one of its kind is under way, or its report is known.
///
/// # Errors
/// When the database is away.
pub async fn create(work: &mut Work, cause: &Cause, run: &Run) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let created = sqlx::query!(
        "INSERT INTO sync_runs (tenant, id, sync_id, connection_id, report, marketplace, window_from, window_to, state, report_id,
             document_id, queued_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::run_state, $10, $11, $12, $12) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        run.id,
        run.sync_id,
        run.connection_id,
        run.report,
        run.marketplace,
        run.window_from,
        run.window_to,
        run.state,
        run.report_id,
        run.document_id,
        now,
    )
    .execute(work.conn())
    .await?;
    if created.rows_affected() == 0 {
        return Ok(false);
    }
    tell(work, cause, SyncRunId(run.id)).await?;
    Ok(true)
}

/// Moves a run on, and says so.
///
/// # Errors
/// When the database is away.
pub async fn advance(work: &mut Work, cause: &Cause, id: SyncRunId, step: Step<'_>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE sync_runs SET state = coalesce(($3::text)::run_state, state), report_id = coalesce($4, report_id),
             document_id = coalesce($5, document_id), failures = failures + $6, problem = $7, alarm = coalesce($8, alarm), changed_at = $9::timestamptz,
             finished_at = CASE WHEN $3::text IN ('committed', 'no_data', 'failed') THEN $9::timestamptz END, version = version + 1
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id.0,
        step.state,
        step.report_id,
        step.document_id,
        i32::from(step.failed),
        step.problem,
        step.alarm,
        now,
    )
    .execute(work.conn())
    .await?;
    tell(work, cause, id).await
}

/// Notes what was read so far. A document that is read again counts anew. Says so when asked to.
///
/// # Errors
/// When the database is away.
pub async fn note(
    work: &mut Work,
    cause: &Cause,
    id: SyncRunId,
    (progress, bad): (Progress, &serde_json::Value),
    says: bool,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE sync_runs SET bytes_total = $3, bytes_read = $4, rows_in = $5, rows_new = $6, rows_changed = $7, rows_quarantined = $8,
             rows_rejected = $9, rows_per_second = $10, bad_rows = $11, changed_at = $12, version = version + $13::int
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id.0,
        progress.bytes_total,
        progress.bytes_read,
        progress.rows_in,
        progress.rows_new,
        progress.rows_changed,
        progress.rows_quarantined,
        progress.rows_rejected,
        progress.rows_per_second,
        bad,
        now,
        i32::from(says),
    )
    .execute(work.conn())
    .await?;
    if says { tell(work, cause, id).await } else { Ok(()) }
}

/// Percent of a file that was read.
pub fn percent(read: i64, total: Option<i64>) -> Option<u8> {
    let total = total.filter(|total| *total > 0)?;
    u8::try_from((read.clamp(0, total) * 100) / total).ok()
}

async fn tell(work: &mut Work, cause: &Cause, id: SyncRunId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        r#"SELECT sync_id, connection_id, report, marketplace, state::text AS "state!", rows_in, bytes_read, bytes_total, rows_per_second,
                  problem, version
           FROM sync_runs WHERE tenant = $1 AND id = $2"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_one(work.conn())
    .await?;
    let progressed = SyncProgressed {
        run_id: id,
        sync_id: SyncId(row.sync_id),
        connection_id: ConnectionId(row.connection_id),
        report: row.report,
        marketplace: row.marketplace,
        percent: if row.state == "committed" { Some(100) } else { percent(row.bytes_read, row.bytes_total) },
        state: row.state,
        rows_in: row.rows_in.unsigned_abs(),
        rows_per_second: row.rows_per_second.map(i64::unsigned_abs),
        problem: row.problem,
    };
    work.emit(cause, u64::from(row.version.unsigned_abs()), &progressed);
    Ok(())
}
