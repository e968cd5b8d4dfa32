//! `GET /api/v1/evidence/prompts/{id}`: one question, to whoever is asked it.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::Path;
use service_kit::problem::Problem;
use shared_events::evidence::PromptOption;
use sqlx::types::Json as Jsonb;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State as App;

/// A question to a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromptView {
    /// The prompt.
    pub prompt_id: Uuid,
    /// What it is about.
    pub request_id: Uuid,
    /// One sentence.
    #[schema(
        example = "Does invoice INV-1001 of Acme Supplies Ltd (245.80 USD, 2025-01-03) prove order 112-1234567-1234567?"
    )]
    pub question: String,
    /// Two or three choices.
    pub options: Vec<PromptOption>,
    /// The documents that it is about; none when somebody asks in words of their own.
    pub documents: Vec<About>,
    /// `pending`, `answered`, `expired` or `cancelled`.
    #[schema(example = "pending")]
    pub state: String,
    /// Who is asked.
    pub asked: String,
    /// Who asks; absent when the matcher does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// Since when.
    pub asked_at: DateTime<Utc>,
    /// Until when an answer counts; at this moment it does not any more.
    pub expires_at: DateTime<Utc>,
    /// The answer, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A document that a prompt is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The document.
    pub document_id: Uuid,
    /// The option that says that this document is the proof.
    #[schema(example = "yes")]
    pub option: String,
    /// Calibrated probability that it is, 0 to 1.
    #[schema(example = 0.7)]
    pub probability: f64,
}

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerView {
    /// Which option.
    #[schema(example = "yes")]
    pub selected_option: String,
    /// Why, in the answerer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Who answered.
    pub answered_by: String,
    /// When the answer came in.
    pub answered_at: DateTime<Utc>,
}

/// A prompt as it is read.
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) request_id: Uuid,
    pub(crate) question: String,
    pub(crate) options: Jsonb<Vec<PromptOption>>,
    pub(crate) documents: Jsonb<Vec<About>>,
    pub(crate) state: String,
    pub(crate) asked: String,
    pub(crate) asked_by: Option<String>,
    pub(crate) asked_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) selected_option: Option<String>,
    pub(crate) reasoning: Option<String>,
    pub(crate) answered_by: Option<String>,
    pub(crate) answered_at: Option<DateTime<Utc>>,
    pub(crate) reason: Option<String>,
}

impl From<Row> for PromptView {
    fn from(row: Row) -> Self {
        let answer = match (row.selected_option, row.answered_by, row.answered_at) {
            (Some(selected_option), Some(answered_by), Some(answered_at)) => {
                Some(AnswerView { selected_option, reasoning: row.reasoning, answered_by, answered_at })
            }
            _ => None,
        };
        Self {
            prompt_id: row.id,
            request_id: row.request_id,
            question: row.question,
            options: row.options.0,
            documents: row.documents.0,
            state: row.state,
            asked: row.asked,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            answer,
            reason: row.reason,
        }
    }
}

/// Whose prompts a caller sees: its own, or, for those who may answer for others, everybody's (`None`).
pub(crate) fn visible_to(caller: &Caller) -> Option<&str> {
    (!caller.has_any(&[Role::Admin, Role::Manager])).then(|| caller.subject.as_str())
}

/// One prompt: the caller's own, or any for a manager.
#[utoipa::path(get, path = "/api/v1/evidence/prompts/{id}", tag = "prompts", operation_id = "read_prompt",
    params(("id" = Uuid, Path, description = "The prompt")), security(("bearer" = [])),
    responses((status = 200, description = "The prompt", body = PromptView)))]
pub async fn read_prompt(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<PromptView>, Problem> {
    let mut work = app.store.read(&caller.tenant).await?;
    let now = work.now();
    // Between the deadline and the timer's turn it is expired already.
    let row = sqlx::query_as!(
        Row,
        r#"SELECT seq, id, request_id, question, options AS "options: Jsonb<Vec<PromptOption>>",
                  COALESCE((SELECT jsonb_agg(jsonb_build_object('document_id', d.document_id, 'option', d.option, 'probability', d.probability)
                                             ORDER BY d.option)
                            FROM prompt_documents d WHERE d.tenant = $1 AND d.prompt_id = p.id), '[]') AS "documents!: Jsonb<Vec<About>>",
                  CASE WHEN state = 'pending' AND expires_at <= $4 THEN 'expired' ELSE state::text END AS "state!",
                  asked, asked_by, asked_at, expires_at, selected_option, reasoning, answered_by, answered_at, reason
           FROM prompts p WHERE tenant = $1 AND id = $2 AND ($3::text IS NULL OR asked = $3)"#,
        caller.tenant.as_str(),
        id,
        visible_to(&caller),
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    row.map(|row| Json(PromptView::from(row))).ok_or_else(Problem::not_found)
}
