//! Prompts as they are stored.

use chrono::{DateTime, Utc};
use service_kit::store::Work;
use shared_events::evidence::PromptOption;
use shared_events::{DocumentId, PromptId, ProofRequestId, Subject};
use sqlx::types::Json;
use uuid::Uuid;

/// Prompts of one request or document that are closed in one go.
const MOST: i64 = 200;

/// What decisions about a prompt need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The prompt.
    pub id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who is asked.
    pub asked: Subject,
    /// What can be chosen.
    pub options: Vec<PromptOption>,
    /// `pending`, `answered`, `expired` or `cancelled`.
    pub state: String,
    /// Until when an answer counts; at this moment it does not any more.
    pub expires_at: DateTime<Utc>,
    /// Whether its reminder was said.
    pub is_reminded: bool,
    /// The answer, when there is one.
    pub answer: Option<Answer>,
}

/// An answer that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which option.
    pub selected_option: String,
    /// Why, in the answerer's words.
    pub reasoning: Option<String>,
    /// Who answered.
    pub answered_by: Subject,
    /// When the answer came in.
    pub answered_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    request_id: Uuid,
    asked: String,
    options: Json<Vec<PromptOption>>,
    state: String,
    expires_at: DateTime<Utc>,
    reminded_at: Option<DateTime<Utc>>,
    selected_option: Option<String>,
    reasoning: Option<String>,
    answered_by: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl From<Row> for Prompt {
    fn from(row: Row) -> Self {
        let answer = match (row.selected_option, row.answered_by, row.answered_at) {
            (Some(selected_option), Some(by), Some(answered_at)) => {
                Some(Answer { selected_option, reasoning: row.reasoning, answered_by: subject(&by), answered_at })
            }
            _ => None,
        };
        Self {
            id: PromptId(row.id),
            request_id: ProofRequestId(row.request_id),
            asked: subject(&row.asked),
            options: row.options.0,
            state: row.state,
            expires_at: row.expires_at,
            is_reminded: row.reminded_at.is_some(),
            answer,
        }
    }
}

/// A subject of a row.
///
/// # Panics
/// Never: rows are written from subjects.
pub fn subject(text: &str) -> Subject {
    Subject::try_new(text).expect("the database holds what was a subject")
}

/// The request that a prompt is about, without locking anything.
///
/// # Errors
/// When the database is away.
pub async fn request_of(work: &mut Work, id: PromptId) -> Result<Option<ProofRequestId>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found =
        sqlx::query_scalar!("SELECT request_id FROM prompts WHERE tenant = $1 AND id = $2", tenant.as_str(), id.0)
            .fetch_optional(work.conn())
            .await?;
    Ok(found.map(ProofRequestId))
}

/// Locks a prompt.
///
/// # Errors
/// When the database is away.
pub async fn lock(work: &mut Work, id: PromptId) -> Result<Option<Prompt>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, request_id, asked, options AS "options: Json<Vec<PromptOption>>", state::text AS "state!", expires_at, reminded_at,
                  selected_option, reasoning, answered_by, answered_at
           FROM prompts WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(Prompt::from))
}

/// Locks the pending prompts among `ids`, in the order of their ids as everybody does.
async fn lock_pending(work: &mut Work, ids: &[Uuid]) -> Result<Vec<Prompt>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, request_id, asked, options AS "options: Json<Vec<PromptOption>>", state::text AS "state!", expires_at, reminded_at,
                  selected_option, reasoning, answered_by, answered_at
           FROM prompts WHERE tenant = $1 AND id = ANY($2) AND state = 'pending' ORDER BY id FOR UPDATE"#,
        tenant.as_str(),
        ids,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(Prompt::from).collect())
}

/// Locks the pending prompts about a request.
///
/// # Errors
/// When the database is away.
pub async fn lock_pending_of(work: &mut Work, request_id: ProofRequestId) -> Result<Vec<Prompt>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let ids = sqlx::query_scalar!(
        "SELECT id FROM prompts WHERE tenant = $1 AND request_id = $2 AND state = 'pending' ORDER BY id LIMIT $3",
        tenant.as_str(),
        request_id.0,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    lock_pending(work, &ids).await
}

/// Locks the pending prompts about a document.
///
/// # Errors
/// When the database is away.
pub async fn lock_pending_with(work: &mut Work, document_id: DocumentId) -> Result<Vec<Prompt>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let ids = sqlx::query_scalar!(
        "SELECT prompt_id FROM prompt_documents WHERE tenant = $1 AND document_id = $2 AND open ORDER BY prompt_id LIMIT $3",
        tenant.as_str(),
        document_id.0,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    lock_pending(work, &ids).await
}

/// Locks the pending prompts about a request and any of these documents.
///
/// # Errors
/// When the database is away.
pub async fn lock_pending_about(
    work: &mut Work,
    request_id: ProofRequestId,
    documents: &[Uuid],
) -> Result<Vec<Prompt>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let ids = sqlx::query_scalar!(
        "SELECT DISTINCT prompt_id FROM prompt_documents WHERE tenant = $1 AND request_id = $2 AND document_id = ANY($3) AND open",
        tenant.as_str(),
        request_id.0,
        documents,
    )
    .fetch_all(work.conn())
    .await?;
    lock_pending(work, &ids).await
}

/// The last prompt about a request and exactly these documents (in order), and its state by the present time.
///
/// # Errors
/// When the database is away.
pub async fn latest_about(
    work: &mut Work,
    request_id: ProofRequestId,
    documents: &[Uuid],
) -> Result<Option<(PromptId, String)>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let found = sqlx::query!(
        r#"SELECT p.id, CASE WHEN p.state = 'pending' AND p.expires_at <= $4 THEN 'expired' ELSE p.state::text END AS "state!"
           FROM prompts p WHERE p.tenant = $1 AND p.request_id = $2
             AND ARRAY(SELECT d.document_id FROM prompt_documents d WHERE d.tenant = $1 AND d.prompt_id = p.id ORDER BY d.document_id) = $3
           ORDER BY p.seq DESC LIMIT 1"#,
        tenant.as_str(),
        request_id.0,
        documents,
        now,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(found.map(|row| (PromptId(row.id), row.state)))
}

/// How many prompts there were about a request.
///
/// # Errors
/// When the database is away.
pub async fn count_of_request(work: &mut Work, request_id: ProofRequestId) -> Result<i64, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM prompts WHERE tenant = $1 AND request_id = $2"#,
        tenant.as_str(),
        request_id.0,
    )
    .fetch_one(work.conn())
    .await
}

/// The documents of a prompt, and the option that means each.
///
/// # Errors
/// When the database is away.
pub async fn documents(work: &mut Work, id: PromptId) -> Result<Vec<(DocumentId, String)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT document_id, option FROM prompt_documents WHERE tenant = $1 AND prompt_id = $2 ORDER BY option LIMIT 3",
        tenant.as_str(),
        id.0,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (DocumentId(row.document_id), row.option)).collect())
}
