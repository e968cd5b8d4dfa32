//! `GET /api/v1/evidence/prompts`: what a person is asked, and was asked while away.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::{Limit, Query};
use service_kit::problem::Problem;
use shared_events::evidence::PromptOption;
use sqlx::types::Json as Jsonb;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::State as App;
use crate::read_prompt::{About, PromptView, Row, visible_to};

const STATES: [&str; 4] = ["pending", "answered", "expired", "cancelled"];

/// Which prompts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only those in this state: `pending`, `answered`, `expired` or `cancelled`
    state: Option<String>,
    /// Only those about this request
    request_id: Option<Uuid>,
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// How many at most; 50 unless said
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A page of prompts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Prompts {
    /// Newest first.
    pub prompts: Vec<PromptView>,
    /// Cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The caller's own prompts, newest first; a manager sees everybody's.
#[utoipa::path(get, path = "/api/v1/evidence/prompts", tag = "prompts", operation_id = "list_prompts", params(Parameters),
    security(("bearer" = [])), responses((status = 200, description = "A page of prompts", body = Prompts)))]
pub async fn list_prompts(
    State(app): State<App>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Prompts>, Problem> {
    let limit = Limit::of(parameters.limit)?;
    if let Some(state) = &parameters.state
        && !STATES.contains(&state.as_str())
    {
        return Err(Problem::invalid_field("state", "must be pending, answered, expired or cancelled"));
    }
    let mut work = app.store.read(&caller.tenant).await?;
    let now = work.now();
    // Between the deadline and the timer's turn a prompt is expired already.
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, request_id, question, options AS "options: Jsonb<Vec<PromptOption>>",
                  COALESCE((SELECT jsonb_agg(jsonb_build_object('document_id', d.document_id, 'option', d.option, 'probability', d.probability)
                                             ORDER BY d.option)
                            FROM prompt_documents d WHERE d.tenant = $1 AND d.prompt_id = p.id), '[]') AS "documents!: Jsonb<Vec<About>>",
                  CASE WHEN state = 'pending' AND expires_at <= $3 THEN 'expired' ELSE state::text END AS "state!",
                  asked, asked_by, asked_at, expires_at, selected_option, reasoning, answered_by, answered_at, reason
           FROM prompts p
           WHERE tenant = $1 AND ($2::text IS NULL OR asked = $2) AND ($4::bigint IS NULL OR seq < $4)
             AND ($5::text IS NULL OR CASE WHEN state = 'pending' AND expires_at <= $3 THEN 'expired' ELSE state::text END = $5)
             AND ($6::uuid IS NULL OR request_id = $6)
           ORDER BY seq DESC LIMIT $7"#,
        caller.tenant.as_str(),
        visible_to(&caller),
        now,
        parameters.cursor,
        parameters.state,
        parameters.request_id,
        limit.rows(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = limit.cut(&mut rows, |row| row.seq);
    Ok(Json(Prompts { prompts: rows.into_iter().map(PromptView::from).collect(), next_cursor }))
}
