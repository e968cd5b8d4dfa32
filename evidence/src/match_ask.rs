//! The one place where matching asks a person, and stops asking.

use service_kit::store::{Cause, Work};
use shared_events::{DocumentId, PromptId, ProofRequestId, ids};

use crate::match_facts::Said;
use crate::request_row::Request;

/// A document to ask about.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "prompts show them, once they are there")]
pub struct About<'a> {
    /// The document.
    pub document_id: DocumentId,
    /// Calibrated probability that it proves the request.
    pub probability: f64,
    /// What it says.
    pub said: &'a Said,
}

/// Asks whether the only document proves the request, or which of the two does; the best first. Nothing when that is asked already.
///
/// # Errors
/// When the database is away.
pub async fn ask(
    work: &mut Work,
    _cause: &Cause,
    request: &Request,
    about: &[About<'_>],
) -> Result<Option<PromptId>, sqlx::Error> {
    let documents: Vec<String> = about.iter().map(|about| about.document_id.to_string()).collect();
    let parts = ["prompt", work.tenant().as_str(), &request.id.to_string(), &documents.join(",")];
    Ok(Some(PromptId(ids::derive(&parts))))
}

/// Cancels what is still asked about a request.
///
/// # Errors
/// When the database is away.
pub async fn cancel(
    _work: &mut Work,
    _cause: &Cause,
    _request: ProofRequestId,
    _reason: &str,
) -> Result<(), sqlx::Error> {
    Ok(())
}
