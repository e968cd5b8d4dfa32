//! Questions to people. Where the matcher is unsure it [asks](ask), and goes on when the [answer](crate::answer_prompt) is there.
//!
//! A prompt is pending until it is answered, expires at its very deadline, or is cancelled because nobody wants to know any more. Whoever
//! touches a prompt together with its request locks the request first.

pub mod changes;
pub mod question;
pub mod row;
pub mod timers;

use chrono::TimeDelta;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::{PromptCancelled, PromptOption};
use shared_events::{DocumentId, PromptId, ProofRequestId, Subject, ids};
use uuid::Uuid;

pub use question::Candidate;

use crate::request_proof::MATCH_REQUEST;
use crate::request_row::Request;
use changes::NewPrompt;
use row::Prompt;

/// How long prompts stay open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the asking to the expiry, unless the asker says otherwise (`PROMPT_TTL_HOURS`).
    pub ttl: TimeDelta,
    /// From the reminder to the expiry (`PROMPT_REMINDER_HOURS`).
    pub reminder: TimeDelta,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ttl: TimeDelta::hours(72), reminder: TimeDelta::hours(12) }
    }
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A person is asked now.
    Now(PromptId),
    /// The same is asked already.
    Pending(PromptId),
    /// The same was asked and answered; it is not asked again.
    Answered(PromptId),
}

/// Asks whoever asked for the proof whether the candidate proves it, or which of the two best ones does: pass the candidates best first,
/// at least one. `request` is locked by the caller. A pending prompt about the same documents is kept; one about some of them and others
/// gives way to the new one.
///
/// # Errors
/// When the database is away.
pub async fn ask(
    work: &mut Work,
    cause: &Cause,
    timing: &Timing,
    request: &Request,
    candidates: &[Candidate],
) -> Result<Asked, sqlx::Error> {
    let request_id = ProofRequestId(request.id);
    let (question, meant) = question::compose(&request.subject, request.reference.as_deref(), candidates);
    let mut documents: Vec<Uuid> = meant.iter().map(|(candidate, _)| candidate.document_id.0).collect();
    documents.sort_unstable();
    if let Some((id, state)) = row::latest_about(work, request_id, &documents).await? {
        match state.as_str() {
            "pending" => return Ok(Asked::Pending(id)),
            "answered" => return Ok(Asked::Answered(id)),
            _ => {}
        }
    }
    let overlapping = row::lock_pending_about(work, request_id, &documents).await?;
    close_all(work, cause, overlapping, "another question takes its place").await?;
    // From what it is about, so that a replay asks under the same id: answers name it.
    let round = row::count_of_request(work, request_id).await?;
    let about: Vec<String> = documents.iter().map(Uuid::to_string).collect();
    let parts = ["prompt", work.tenant().as_str(), &request.id.to_string(), &about.join(","), &round.to_string()];
    let prompt_id = PromptId(ids::derive(&parts));
    let prompt = NewPrompt {
        prompt_id,
        request_id,
        asked: row::subject(&request.requested_by),
        asked_by: None,
        question: question.text,
        options: question.options,
        expires_at: work.now() + timing.ttl,
    };
    changes::insert(work, cause, timing, &prompt).await?;
    changes::insert_documents(work, &prompt, &meant).await?;
    Ok(Asked::Now(prompt_id))
}

/// Has the next best document asked about, after nobody could say anything about those of this prompt.
///
/// # Errors
/// When the database is away.
pub async fn ask_next(
    work: &mut Work,
    cause: &Cause,
    request_id: ProofRequestId,
    prompt_id: PromptId,
) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    work.enqueue(NewJob {
        kind: MATCH_REQUEST,
        key: format!("{request_id}/after/{prompt_id}"),
        due_at,
        payload: serde_json::json!({ "request_id": request_id }),
        cause: cause.clone(),
    })
    .await
}

/// Cancels what is still asked about a request, which is proved otherwise or withdrawn. The request is locked by the caller.
///
/// # Errors
/// When the database is away.
pub async fn cancel_for_request(
    work: &mut Work,
    cause: &Cause,
    request_id: ProofRequestId,
    reason: &str,
) -> Result<(), sqlx::Error> {
    loop {
        let pending = row::lock_pending_of(work, request_id).await?;
        if pending.is_empty() {
            return Ok(());
        }
        close_all(work, cause, pending, reason).await?;
    }
}

/// Cancels what is still asked about a document, which is gone.
///
/// # Errors
/// When the database is away.
pub async fn cancel_for_document(
    work: &mut Work,
    cause: &Cause,
    document_id: DocumentId,
    reason: &str,
) -> Result<(), sqlx::Error> {
    loop {
        let pending = row::lock_pending_with(work, document_id).await?;
        if pending.is_empty() {
            return Ok(());
        }
        close_all(work, cause, pending, reason).await?;
    }
}

/// Cancels prompts; those whose time is over without a timer having said so yet expire instead.
async fn close_all(work: &mut Work, cause: &Cause, prompts: Vec<Prompt>, reason: &str) -> Result<(), sqlx::Error> {
    for prompt in prompts {
        if prompt.expires_at <= work.now() {
            timers::expire(work, cause, &prompt).await?;
            continue;
        }
        let version = changes::cancel(work, prompt.id, reason).await?;
        let cancelled = PromptCancelled {
            prompt_id: prompt.id,
            request_id: prompt.request_id,
            asked: prompt.asked,
            reason: reason.to_owned(),
        };
        work.emit(cause, version, &cancelled);
    }
    Ok(())
}

/// The options' ids, for a sentence.
pub fn named(options: &[PromptOption]) -> String {
    options.iter().map(|option| option.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether an answer of `by` counts for a prompt of `asked`.
pub fn may_answer(asked: &Subject, by: &Subject, is_manager: bool) -> bool {
    is_manager || asked == by
}
