//! `GET /api/v1/detections`, one of them, and how far an evaluation is.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Path, Query};
use service_kit::problem::Problem;
use shared_events::money::Money;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::detection_row::{RowView, SubjectView};
use crate::write_detections::expected;
use crate::{READERS, State as App};

const STATUSES: [&str; 9] = [
    "researching",
    "awaiting_auto",
    "not_yet_open",
    "claimable",
    "review",
    "claimed",
    "resolved_by_amazon",
    "expired",
    "dismissed",
];

/// Which detections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those that stand there: `claimable`, `researching`, ...
    status: Option<String>,
    /// Only this kind of claim
    claim_type: Option<String>,
    /// Only those of this seller
    connection_id: Option<Uuid>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Something that a marketplace seems to owe.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetectionView {
    /// The detection.
    pub detection_id: Uuid,
    /// The seller.
    pub connection_id: Uuid,
    /// The kind of claim.
    pub claim_type: String,
    /// Country code.
    pub marketplace: String,
    /// What it is about.
    #[schema(value_type = SubjectView)]
    pub subject: Jsonb<SubjectView>,
    /// Where it stands.
    pub status: String,
    /// Units owed.
    pub units: i64,
    /// Value of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_value: Option<Money>,
    /// Value of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_value: Option<Money>,
    /// What the value rests on.
    pub basis: String,
    /// The day that the clock started.
    pub clock_start: Option<NaiveDate>,
    /// From when on it may be claimed.
    pub opens_at: Option<DateTime<Utc>>,
    /// The last second.
    pub closes_at: Option<DateTime<Utc>>,
    /// By when it should be filed.
    pub safe_file_by: Option<DateTime<Utc>>,
    /// Which term of which version of the policy says so.
    pub policy_version: Option<String>,
    /// How sure that is.
    pub certainty: Option<String>,
    /// Whether the window is uncertain, and to be shown as such.
    pub uncertain: bool,
    /// How it was worked out, step by step.
    pub arithmetic: Vec<String>,
    /// Why it changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The claim made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<Uuid>,
    /// When it was found.
    pub raised_at: DateTime<Utc>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
    /// The rows it rests on; in the detail only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowView>,
}

/// A page of detections.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detections {
    /// Newest first.
    pub detections: Vec<DetectionView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

struct Row {
    seq: i64,
    id: Uuid,
    connection_id: Uuid,
    claim_type: String,
    marketplace: String,
    subject: Jsonb<SubjectView>,
    status: String,
    units: i64,
    unit_value_minor: Option<i64>,
    expected_minor: Option<i64>,
    currency: Option<String>,
    basis: String,
    clock_start: Option<NaiveDate>,
    opens_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    safe_file_by: Option<DateTime<Utc>>,
    policy_version: Option<String>,
    certainty: Option<String>,
    arithmetic: String,
    reason: Option<String>,
    claim_id: Option<Uuid>,
    raised_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    rows: Option<Jsonb<Vec<RowView>>>,
}

impl From<Row> for DetectionView {
    fn from(row: Row) -> Self {
        let currency = row.currency.as_deref();
        Self {
            detection_id: row.id,
            connection_id: row.connection_id,
            claim_type: row.claim_type,
            marketplace: row.marketplace,
            subject: row.subject,
            status: row.status,
            units: row.units,
            unit_value: expected(row.unit_value_minor, currency),
            expected_value: expected(row.expected_minor, currency),
            basis: row.basis,
            clock_start: row.clock_start,
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            safe_file_by: row.safe_file_by,
            policy_version: row.policy_version,
            uncertain: matches!(row.certainty.as_deref(), Some("needs_confirmation" | "assumed")),
            certainty: row.certainty,
            arithmetic: row.arithmetic.lines().map(str::to_owned).collect(),
            reason: row.reason,
            claim_id: row.claim_id,
            raised_at: row.raised_at,
            changed_at: row.changed_at,
            rows: row.rows.map(|rows| rows.0).unwrap_or_default(),
        }
    }
}

/// What a marketplace seems to owe, newest first.
#[utoipa::path(get, path = "/api/v1/detections", tag = "detections", operation_id = "list_detections", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of detections", body = Detections)))]
pub async fn list_detections(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Detections>, Problem> {
    caller.require(&READERS)?;
    let limit = Limit::of(parameters.limit)?;
    if let Some(status) = &parameters.status
        && !STATUSES.contains(&status.as_str())
    {
        return Err(Problem::invalid_field("status", format!("must be one of {}", STATUSES.join(", "))));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, connection_id, claim_type, marketplace, subject AS "subject: Jsonb<SubjectView>", status::text AS "status!", units,
                  unit_value_minor, expected_minor, currency, basis, clock_start, opens_at, closes_at, safe_file_by, policy_version,
                  certainty, arithmetic, reason, claim_id, raised_at, changed_at, NULL::jsonb AS "rows: Jsonb<Vec<RowView>>"
           FROM detections
           WHERE tenant = $1 AND ($2::text IS NULL OR status = $2::detection_status) AND ($3::text IS NULL OR claim_type = $3)
             AND ($4::uuid IS NULL OR connection_id = $4) AND ($5::bigint IS NULL OR seq < $5)
           ORDER BY seq DESC LIMIT $6"#,
        caller.tenant.as_str(),
        parameters.status,
        parameters.claim_type,
        parameters.connection_id,
        parameters.cursor,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Detections { detections: rows.into_iter().map(DetectionView::from).collect(), next_cursor }))
}

/// One detection, with the rows it rests on.
#[utoipa::path(get, path = "/api/v1/detections/{id}", tag = "detections", operation_id = "read_detection",
    params(("id" = Uuid, Path, description = "The detection")),
    security(("bearer" = [])), responses((status = 200, description = "The detection", body = DetectionView)))]
pub async fn read_detection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<DetectionView>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, connection_id, claim_type, marketplace, subject AS "subject: Jsonb<SubjectView>", status::text AS "status!", units,
                  unit_value_minor, expected_minor, currency, basis, clock_start, opens_at, closes_at, safe_file_by, policy_version,
                  certainty, arithmetic, reason, claim_id, raised_at, changed_at, rows AS "rows: Jsonb<Vec<RowView>>"
           FROM detections WHERE tenant = $1 AND id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(|row| Json(DetectionView::from(row))).ok_or_else(Problem::not_found)
}

/// How far an evaluation is that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunStatus {
    /// The run.
    pub run_id: Uuid,
    /// `queued`, `running` or `done`.
    pub status: String,
    /// Subjects that were to be looked at.
    pub subjects: i64,
    /// Subjects of the sellers that are still to be looked at.
    pub subjects_left: i64,
    /// Detections raised meanwhile.
    pub raised: i64,
    /// Detections that changed meanwhile.
    pub changed: i64,
    /// Detections that are owed no longer.
    pub resolved: i64,
    /// Detections that are too late.
    pub expired: i64,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// When it was through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

/// How far an evaluation is.
#[utoipa::path(get, path = "/api/detections/status/{id}", tag = "detections", operation_id = "read_detection_run",
    params(("id" = Uuid, Path, description = "The run")),
    security(("bearer" = [])), responses((status = 200, description = "How far it is", body = RunStatus)))]
pub async fn read_detection_run(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<RunStatus>, Problem> {
    caller.require(&READERS)?;
    let mut work = app.store.read(&caller.tenant).await?;
    let run = sqlx::query_as!(
        RunStatus,
        r#"SELECT id AS run_id, state AS status, subjects_total AS subjects,
                  CASE WHEN state = 'done' THEN 0 ELSE
                      (SELECT count(*) FROM subjects s WHERE s.tenant = r.tenant AND s.answered < s.touched
                         AND (r.connection_id IS NULL OR s.connection_id = r.connection_id)) END AS "subjects_left!",
                  raised, changed, resolved, expired, asked_by, asked_at, finished_at
           FROM detection_runs r WHERE tenant = $1 AND id = $2"#,
        caller.tenant.as_str(),
        id,
    )
    .fetch_optional(work.conn())
    .await?;
    run.map(Json).ok_or_else(Problem::not_found)
}
