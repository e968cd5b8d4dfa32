//! `GET /api/integrations/sync/status` and `/activity`: how far syncs are, and what they did.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::run_row::percent;
use crate::{READERS, State as App};

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those of this seller
    connection_id: Option<Uuid>,
    /// Only those that were started together
    sync_id: Option<Uuid>,
    /// Only this kind of report: `ledger`, `reimbursement`, ...
    report: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// One report that is or was fetched.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunView {
    /// The run.
    pub run_id: Uuid,
    /// Runs that were started together.
    pub sync_id: Uuid,
    /// The seller.
    pub connection_id: Uuid,
    /// The kind of report.
    pub report: String,
    /// Country code.
    pub marketplace: String,
    /// `queued`, `requested`, `processing`, `downloading`, `parsing`, `committed`, `no_data` or `failed`.
    pub state: String,
    /// From when it tells.
    pub window_from: DateTime<Utc>,
    /// Until when.
    pub window_to: DateTime<Utc>,
    /// How much of the file was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Rows read.
    pub rows: i64,
    /// Rows that were not known.
    pub rows_new: i64,
    /// Rows that read otherwise than before.
    pub rows_changed: i64,
    /// Rows with a reason that nobody knows.
    pub rows_quarantined: i64,
    /// Rows that cannot be read.
    pub rows_rejected: i64,
    /// The first of these: line, column, problem.
    pub bad_rows: serde_json::Value,
    /// Rows read and committed in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<i64>,
    /// Why it failed, or what went wrong on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Something to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// When it was wanted.
    pub queued_at: DateTime<Utc>,
    /// When it was through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Activity {
    /// Newest first.
    pub runs: Vec<RunView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// How far the syncs are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// `never_synced`, `running`, `failed` (the last run of something failed) or `idle`.
    pub status: &'static str,
    /// Runs that are under way.
    pub running: i64,
    /// The last time that a report was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_committed_at: Option<DateTime<Utc>>,
    /// The last run of each report and marketplace, at most 500.
    pub reports: Vec<RunView>,
}

struct Row {
    seq: i64,
    id: Uuid,
    sync_id: Uuid,
    connection_id: Uuid,
    report: String,
    marketplace: String,
    state: String,
    window_from: DateTime<Utc>,
    window_to: DateTime<Utc>,
    bytes_read: i64,
    bytes_total: Option<i64>,
    rows_in: i64,
    rows_new: i64,
    rows_changed: i64,
    rows_quarantined: i64,
    rows_rejected: i64,
    bad_rows: serde_json::Value,
    rows_per_second: Option<i64>,
    problem: Option<String>,
    alarm: Option<String>,
    queued_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Row> for RunView {
    fn from(row: Row) -> Self {
        let done = row.state == "committed";
        Self {
            run_id: row.id,
            sync_id: row.sync_id,
            connection_id: row.connection_id,
            report: row.report,
            marketplace: row.marketplace,
            percent: if done { Some(100) } else { percent(row.bytes_read, row.bytes_total) },
            state: row.state,
            window_from: row.window_from,
            window_to: row.window_to,
            rows: row.rows_in,
            rows_new: row.rows_new,
            rows_changed: row.rows_changed,
            rows_quarantined: row.rows_quarantined,
            rows_rejected: row.rows_rejected,
            bad_rows: row.bad_rows,
            rows_per_second: row.rows_per_second,
            problem: row.problem,
            alarm: row.alarm,
            queued_at: row.queued_at,
            finished_at: row.finished_at,
        }
    }
}

/// How far the syncs are, by report.
#[utoipa::path(get, path = "/api/integrations/sync/status", tag = "integrations", operation_id = "sync_status", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "How far the syncs are", body = Status)))]
pub async fn sync_status(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Status>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT DISTINCT ON (connection_id, report, marketplace)
                  seq, id, sync_id, connection_id, report, marketplace, state::text AS "state!", window_from, window_to, bytes_read,
                  bytes_total, rows_in, rows_new, rows_changed, rows_quarantined, rows_rejected, bad_rows, rows_per_second, problem, alarm,
                  queued_at, finished_at
           FROM sync_runs
           WHERE tenant = $1 AND ($2::uuid IS NULL OR connection_id = $2) AND ($3::uuid IS NULL OR sync_id = $3)
             AND ($4::text IS NULL OR report = $4)
           ORDER BY connection_id, report, marketplace, seq DESC LIMIT 500"#,
        caller.tenant.as_str(),
        parameters.connection_id,
        parameters.sync_id,
        parameters.report,
    )
    .fetch_all(work.conn())
    .await?;
    let is_final = |row: &&Row| matches!(row.state.as_str(), "committed" | "no_data" | "failed");
    let running = rows.iter().filter(|row| !is_final(row)).count();
    let last_committed_at = rows.iter().filter(|row| row.state == "committed").filter_map(|row| row.finished_at).max();
    let status = match () {
        () if rows.is_empty() => "never_synced",
        () if running > 0 => "running",
        () if rows.iter().any(|row| row.state == "failed") => "failed",
        () => "idle",
    };
    let running = i64::try_from(running).unwrap_or(i64::MAX);
    Ok(Json(Status { status, running, last_committed_at, reports: rows.into_iter().map(RunView::from).collect() }))
}

/// What syncs did, newest first.
#[utoipa::path(get, path = "/api/integrations/sync/activity", tag = "integrations", operation_id = "sync_activity", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of runs", body = Activity)))]
pub async fn sync_activity(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Activity>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, sync_id, connection_id, report, marketplace, state::text AS "state!", window_from, window_to, bytes_read,
                  bytes_total, rows_in, rows_new, rows_changed, rows_quarantined, rows_rejected, bad_rows, rows_per_second, problem, alarm,
                  queued_at, finished_at
           FROM sync_runs
           WHERE tenant = $1 AND ($2::uuid IS NULL OR connection_id = $2) AND ($3::uuid IS NULL OR sync_id = $3)
             AND ($4::text IS NULL OR report = $4) AND ($5::bigint IS NULL OR seq < $5)
           ORDER BY seq DESC LIMIT $6"#,
        caller.tenant.as_str(),
        parameters.connection_id,
        parameters.sync_id,
        parameters.report,
        parameters.cursor,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Activity { runs: rows.into_iter().map(RunView::from).collect(), next_cursor }))
}
