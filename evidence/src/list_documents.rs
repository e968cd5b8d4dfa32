//! `GET /api/documents`: documents, newest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use shared_events::PartnerId;
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use crate::State as App;
use crate::document_view::{DocumentView, seen_by};

const STATES: [&str; 6] = ["received", "parsed", "kept", "parse_failed", "quarantined", "deleted"];

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those in this state; deleted ones are left out unless asked for
    state: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of documents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Documents {
    /// Newest first.
    pub documents: Vec<DocumentView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    #[sqlx(flatten)]
    document: DocumentView,
}

/// Documents, newest first.
#[utoipa::path(get, path = "/api/documents", tag = "documents", operation_id = "list_documents", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of documents", body = Documents)))]
pub async fn list_documents(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Documents>, Problem> {
    let partner = seen_by(&caller)?;
    let limit = Limit::of(parameters.limit)?;
    if parameters.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::invalid_field("state", format!("must be one of {}", STATES.join(", "))));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let mut rows: Vec<Row> = sqlx::query_as(
        "SELECT d.seq, d.id AS document_id, d.file_name, d.media_type, d.bytes, d.sha256, d.state::text AS state, d.rule, d.reason, d.received_at,
                d.read_at
         FROM documents d
         WHERE d.tenant = $1 AND ($2::bigint IS NULL OR d.seq < $2)
           AND CASE WHEN $3::text IS NULL THEN d.state <> 'deleted' ELSE d.state = $3::document_state END
           AND ($4::text IS NULL OR EXISTS (SELECT FROM submissions s WHERE s.tenant = d.tenant AND s.document_id = d.id AND s.partner = $4))
         ORDER BY d.seq DESC LIMIT $5",
    )
    .bind(caller.tenant.as_str())
    .bind(parameters.cursor)
    .bind(parameters.state)
    .bind(partner.as_ref().map(PartnerId::as_str))
    .bind(limit.rows())
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Documents { documents: rows.into_iter().map(|row| row.document).collect(), next_cursor }))
}
