//! Pairs whose truth is known: from answered prompts, from outcomes of claims, and from the past.

use chrono::{DateTime, Utc};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::ProofSubject;
use shared_events::{DocumentId, ModelId, ProofRequestId, ids};
use sqlx::types::Json;
use uuid::Uuid;

use crate::match_facts::{Said, held_out};
use crate::match_training::Example;
use crate::reading::invoice::Invoice;
use crate::weigh_labels::WEIGH_LABELS;

/// The newest labels that are learned from and judged by; older ones no longer count.
pub const MOST: i64 = 5_000;

/// Where a label comes from. What became of a claim counts more than what somebody thought before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Somebody answered a prompt.
    Prompt(ProofRequestId, DocumentId),
    /// The claim was decided.
    Outcome(ProofRequestId, DocumentId),
    /// One of the past matches of an import.
    Import(ModelId, usize),
}

/// A label to be.
#[derive(Debug)]
pub struct NewLabel<'l> {
    /// Where it comes from.
    pub source: Source,
    /// What kind of claim it is of.
    pub claim_type: &'l str,
    /// What had to be proved.
    pub subject: &'l ProofSubject,
    /// What the document said.
    pub said: &'l Said,
    /// Whether it proved it.
    pub proved: bool,
    /// Who says so.
    pub said_by: &'l str,
    /// When.
    pub said_at: DateTime<Utc>,
}

/// Writes a label. An outcome takes the place of what was thought about the same pair before; an import is taken once.
///
/// # Errors
/// When the database is away.
pub async fn write(work: &mut Work, label: &NewLabel<'_>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let (source, request, document, import) = match label.source {
        Source::Prompt(request, document) => ("prompt", Some(request), Some(document), None),
        Source::Outcome(request, document) => ("outcome", Some(request), Some(document), None),
        Source::Import(import, _) => ("import", None, None, Some(import)),
    };
    sqlx::query!(
        "INSERT INTO labels (tenant, id, claim_type, source, request_id, document_id, import_id, subject, facts, proved, held_out, said_by, said_at)
         VALUES ($1, $2, $3, $4::text::label_source, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (tenant, id) DO UPDATE SET source = excluded.source, proved = excluded.proved, said_by = excluded.said_by,
             said_at = excluded.said_at
         WHERE labels.source <> 'import' AND (excluded.source = 'outcome' OR labels.source = 'prompt')",
        tenant.as_str(),
        id_of(tenant.as_str(), label.source),
        label.claim_type,
        source,
        request.map(|id| id.0),
        document.map(|id| id.0),
        import.map(|id| id.0),
        Json(label.subject) as _,
        Json(label.said) as _,
        label.proved,
        held_out(label.subject, label.said),
        label.said_by,
        label.said_at,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// One label for each pair, and one for each entry of an import.
fn id_of(tenant: &str, source: Source) -> Uuid {
    match source {
        Source::Prompt(request, document) | Source::Outcome(request, document) => {
            ids::derive(&["label", tenant, &request.to_string(), &document.to_string()])
        }
        Source::Import(import, number) => ids::derive(&["label", tenant, &import.to_string(), &number.to_string()]),
    }
}

/// Has the gates judged again, and a model trained if it is time. `by` names the message that brought labels.
///
/// # Errors
/// When the database is away.
pub async fn weigh(work: &mut Work, cause: &Cause, claim_type: &str, by: &str) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    work.enqueue(NewJob {
        kind: WEIGH_LABELS,
        key: format!("{}/{claim_type}/{by}", work.tenant()),
        due_at,
        payload: serde_json::json!({ "claim_type": claim_type }),
        cause: cause.clone(),
    })
    .await
}

/// A label as it is learned from or judged by.
#[derive(Debug)]
pub struct Label {
    /// The pair and its truth.
    pub example: Example,
    /// Whether it is held out from training.
    pub held_out: bool,
}

/// The newest labels of a kind of claim, the oldest of them first.
///
/// # Errors
/// When the database is away.
pub async fn all(work: &mut Work, claim_type: &str) -> Result<Vec<Label>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT subject AS "subject: Json<ProofSubject>", facts AS "facts: Json<Said>", proved, held_out FROM labels
           WHERE tenant = $1 AND claim_type = $2 ORDER BY seq DESC LIMIT $3"#,
        tenant.as_str(),
        claim_type,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    let label = |(subject, facts, proved, held_out): (Json<ProofSubject>, Json<Said>, _, _)| Label {
        example: Example { subject: subject.0, said: facts.0, proved },
        held_out,
    };
    Ok(rows.into_iter().rev().map(|row| label((row.subject, row.facts, row.proved, row.held_out))).collect())
}

/// What a document says, if it was read.
///
/// # Errors
/// When the database is away.
pub async fn said(work: &mut Work, document: DocumentId) -> Result<Option<Said>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let invoice = sqlx::query_scalar!(
        r#"SELECT invoice AS "invoice: Json<Invoice>" FROM readings WHERE tenant = $1 AND document_id = $2"#,
        tenant.as_str(),
        document.0,
    );
    Ok(invoice.fetch_optional(work.conn()).await?.map(|invoice| Said::from(&invoice.0)))
}
