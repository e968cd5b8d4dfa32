//! What becomes of prompts, row by row. Every change counts one version; the caller says the event.

use chrono::{DateTime, Utc};
use service_kit::store::{Cause, Work};
use shared_events::evidence::{PromptCreated, PromptOption};
use shared_events::{PromptId, ProofRequestId, Subject};
use sqlx::types::Json;
use uuid::Uuid;

use super::row::Answer;
use super::{Candidate, Timing, timers};

/// A prompt to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrompt {
    /// The prompt.
    pub prompt_id: PromptId,
    /// What it is about.
    pub request_id: ProofRequestId,
    /// Who is asked.
    pub asked: Subject,
    /// Who asks; nobody when the matcher does.
    pub asked_by: Option<Subject>,
    /// One sentence.
    pub question: String,
    /// Two or three.
    pub options: Vec<PromptOption>,
    /// Until when an answer counts.
    pub expires_at: DateTime<Utc>,
}

/// Writes a prompt down with its timers and says so.
///
/// # Errors
/// When the database is away.
pub async fn insert(work: &mut Work, cause: &Cause, timing: &Timing, prompt: &NewPrompt) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO prompts (tenant, id, request_id, asked, asked_by, question, options, state, asked_at, expires_at, cause, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $11)",
        tenant.as_str(),
        prompt.prompt_id.0,
        prompt.request_id.0,
        prompt.asked.as_str(),
        prompt.asked_by.as_ref().map(Subject::as_str),
        prompt.question,
        Json(&prompt.options) as _,
        now,
        prompt.expires_at,
        cause.message.map(|id| id.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    let created = PromptCreated {
        prompt_id: prompt.prompt_id,
        request_id: prompt.request_id,
        asked: prompt.asked.clone(),
        question: prompt.question.clone(),
        options: prompt.options.clone(),
        expires_at: prompt.expires_at,
    };
    work.emit(cause, 1, &created);
    timers::set(work, cause, timing, prompt).await
}

/// Writes down what a prompt is about, and which option means which document.
///
/// # Errors
/// When the database is away.
pub async fn insert_documents(
    work: &mut Work,
    prompt: &NewPrompt,
    meant: &[(&Candidate, &str)],
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let documents: Vec<Uuid> = meant.iter().map(|(candidate, _)| candidate.document_id.0).collect();
    let options: Vec<String> = meant.iter().map(|(_, option)| (*option).to_owned()).collect();
    let probabilities: Vec<f64> = meant.iter().map(|(candidate, _)| candidate.probability).collect();
    sqlx::query!(
        "INSERT INTO prompt_documents (tenant, prompt_id, request_id, document_id, option, probability, open)
         SELECT $1, $2, $3, document_id, option, probability, true
         FROM unnest($4::uuid[], $5::text[], $6::float8[]) AS about (document_id, option, probability)",
        tenant.as_str(),
        prompt.prompt_id.0,
        prompt.request_id.0,
        &documents,
        &options,
        &probabilities,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Notes the answer; returns the new version.
///
/// # Errors
/// When the database is away.
pub async fn answer(work: &mut Work, id: PromptId, answer: &Answer) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE prompts SET state = 'answered', selected_option = $3, reasoning = $4, answered_by = $5, answered_at = $6, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
        answer.selected_option,
        answer.reasoning,
        answer.answered_by.as_str(),
        answer.answered_at,
    )
    .fetch_one(work.conn())
    .await?;
    close_documents(work, id).await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Cancels a prompt; returns the new version.
///
/// # Errors
/// When the database is away.
pub async fn cancel(work: &mut Work, id: PromptId, reason: &str) -> Result<u64, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE prompts SET state = 'cancelled', cancelled_at = $3, reason = $4, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
        now,
        reason,
    )
    .fetch_one(work.conn())
    .await?;
    close_documents(work, id).await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Notes that the time is over; returns the new version.
///
/// # Errors
/// When the database is away.
pub async fn expire(work: &mut Work, id: PromptId) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE prompts SET state = 'expired', version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
    )
    .fetch_one(work.conn())
    .await?;
    close_documents(work, id).await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Notes that the reminder was said; returns the new version.
///
/// # Errors
/// When the database is away.
pub async fn remind(work: &mut Work, id: PromptId) -> Result<u64, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let version = sqlx::query_scalar!(
        "UPDATE prompts SET reminded_at = $3, version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id.0,
        now,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}

async fn close_documents(work: &mut Work, id: PromptId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE prompt_documents SET open = false WHERE tenant = $1 AND prompt_id = $2 AND open",
        tenant.as_str(),
        id.0,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
