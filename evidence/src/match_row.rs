//! Decisions as they are stored. A decision about a pair that differs from the one before makes that one history.

use chrono::{DateTime, Utc};
use service_kit::store::{Cause, Work, new_id};
use shared_events::{DocumentId, PromptId, ProofRequestId, Subject};
use sqlx::types::Json;
use uuid::Uuid;

use crate::match_judge::Opinion;
use crate::match_lookup::Document;
use crate::match_verdict::Why;
use crate::matching::decision::{Decision, Gate};

/// What counts about a pair now.
#[derive(Debug, Clone)]
pub struct Latest {
    /// The decision.
    pub id: Uuid,
    /// The document.
    pub document_id: Uuid,
    /// Which of its lines, counted from 1.
    pub line: Option<i32>,
    /// Which model it was.
    pub model_version: String,
    /// What the document was read by.
    pub parser: String,
    /// Which version of that.
    pub parser_version: i32,
    /// Calibrated probability.
    pub probability: f64,
    /// `automatic`, `prompt` or `none`.
    pub decision: String,
    /// Why.
    pub why: String,
    /// `proved` or `refused`, once that is settled.
    pub ended: Option<String>,
    /// Who was asked what.
    pub prompt_id: Option<Uuid>,
    /// What became of that: `pending`, `answered`, ...
    pub prompt_state: Option<String>,
}

impl Latest {
    /// Whether somebody was asked about it, and is not any more.
    pub fn was_asked(&self) -> bool {
        self.prompt_state.as_deref().is_some_and(|state| state != "pending")
    }
}

/// A decision to be.
#[derive(Debug)]
pub struct NewMatch<'m> {
    /// The request.
    pub request_id: ProofRequestId,
    /// What kind of claim it is for.
    pub claim_type: &'m str,
    /// The document as it was judged.
    pub document: &'m Document,
    /// What was thought of it.
    pub opinion: &'m Opinion,
    /// By which model.
    pub model_version: &'m str,
    /// Whether that may act.
    pub gate: &'m Gate,
    /// Whether it only watches.
    pub shadow: bool,
    /// What is done.
    pub decision: Decision,
    /// Why.
    pub why: Why,
}

impl NewMatch<'_> {
    /// The decision in one sentence.
    pub fn explanation(&self) -> String {
        format!("{}; {}.", self.opinion.sentence, self.why.sentence(&self.gate.reason()))
    }

    /// Whether it says nothing that `before` does not say.
    pub fn is_told_by(&self, before: &Latest) -> bool {
        before.model_version == self.model_version
            && before.parser == self.document.parser
            && before.parser_version == self.document.parser_version
            && before.line == self.opinion.line.and_then(|line| i32::try_from(line).ok())
            && before.decision == name(self.decision)
            && before.why == self.why.name()
            && before.probability.to_bits() == self.opinion.probability.to_bits()
    }
}

/// Whoever a row names.
///
/// # Panics
/// When it names nobody, which the messages that made it exclude.
pub fn subject(name: &str) -> Subject {
    Subject::try_new(name).expect("rows are written from valid names")
}

/// A decision as it is stored.
pub const fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Automatic => "automatic",
        Decision::Prompt => "prompt",
        Decision::None => "none",
    }
}

/// What counts now about each document that a request was compared with: by the model that decides, or by one in shadow.
///
/// # Errors
/// When the database is away.
pub async fn latest(
    work: &mut Work,
    request: ProofRequestId,
    shadow: Option<&str>,
) -> Result<Vec<Latest>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_as!(
        Latest,
        r#"SELECT id, document_id, line, model_version, parser, parser_version, probability, decision::text AS "decision!", why,
                  ended::text, prompt_id, (SELECT p.state::text FROM prompts p WHERE p.tenant = $1 AND p.id = m.prompt_id) AS prompt_state
           FROM matches m
           WHERE tenant = $1 AND request_id = $2 AND latest AND shadow = ($3::text IS NOT NULL) AND ($3 IS NULL OR model_version = $3)"#,
        tenant.as_str(),
        request.0,
        shadow,
    )
    .fetch_all(work.conn())
    .await
}

/// Writes a decision; `before` becomes history.
///
/// # Errors
/// When the database is away.
pub async fn insert(
    work: &mut Work,
    cause: &Cause,
    new: &NewMatch<'_>,
    before: Option<&Latest>,
) -> Result<Uuid, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    if let Some(before) = before {
        sqlx::query!("UPDATE matches SET latest = false WHERE tenant = $1 AND id = $2", tenant.as_str(), before.id)
            .execute(work.conn())
            .await?;
    }
    let id = new_id(now);
    let proved = new.decision == Decision::Automatic && !new.shadow;
    sqlx::query!(
        "INSERT INTO matches (tenant, id, request_id, document_id, line, claim_type, model_version, parser, parser_version, shadow, rule, vector,
                              weights, raw_score, probability, gate_open, gate_reason, decision, why, explanation, decided_by, ended, ended_at,
                              prompt_id, decided_at, cause, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::text::match_decision, $19, $20, 'model',
                 CASE WHEN $21 THEN 'proved'::match_end END, CASE WHEN $21 THEN $22::timestamptz END, $23, $22, $24, $25)",
        tenant.as_str(),
        id,
        new.request_id.0,
        new.document.id,
        new.opinion.line.and_then(|line| i32::try_from(line).ok()),
        new.claim_type,
        new.model_version,
        new.document.parser,
        new.document.parser_version,
        new.shadow,
        rule(new.opinion),
        Json(&new.opinion.vector) as _,
        Json(&new.opinion.weights) as _,
        new.opinion.raw,
        new.opinion.probability,
        new.gate.open,
        new.gate.reason(),
        name(new.decision),
        new.why.name(),
        new.explanation(),
        proved,
        now,
        before.and_then(|before| before.prompt_id),
        cause.message.map(|message| message.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    Ok(id)
}

/// The rule's name.
fn rule(opinion: &Opinion) -> String {
    serde_json::to_value(opinion.rule).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Notes which prompt asks about a document.
///
/// # Errors
/// When the database is away.
pub async fn asked(
    work: &mut Work,
    request: ProofRequestId,
    document: DocumentId,
    prompt: PromptId,
) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE matches SET prompt_id = $4 WHERE tenant = $1 AND request_id = $2 AND document_id = $3 AND latest AND NOT shadow",
        tenant.as_str(),
        request.0,
        document.0,
        prompt.0,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// How a person settled a pair.
#[derive(Debug)]
pub struct End<'e> {
    /// Whether the document proves it.
    pub proved: bool,
    /// Who says so.
    pub who: &'e str,
    /// Why, in their words.
    pub reasoning: Option<&'e str>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Notes how a person settled a pair.
///
/// # Errors
/// When the database is away.
pub async fn end(work: &mut Work, id: Uuid, end: &End<'_>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE matches SET ended = $3::text::match_end, ended_at = $4, decided_by = $5, reasoning = $6 WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        id,
        if end.proved { "proved" } else { "refused" },
        end.at,
        end.who,
        end.reasoning,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
