//! A document goes: what it proved is open again, nobody is asked about it any more, and nothing is looked up by what it said.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::MatchRejected;
use shared_events::{DocumentId, ProofRequestId};
use uuid::Uuid;

use crate::request_proof::MATCH_REQUEST;
use crate::{prompts, request_row};

/// Why a match or a question ends.
const GONE: &str = "the document was deleted";

/// Takes back what rests on a document. The decisions about it stay on record as history.
///
/// # Errors
/// When the database is away.
pub async fn forget(work: &mut Work, cause: &Cause, document_id: DocumentId) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let requests = sqlx::query_scalar!(
        "SELECT request_id FROM matches
         WHERE tenant = $1 AND document_id = $2 AND latest AND NOT shadow AND (ended = 'proved' OR (ended IS NULL AND prompt_id IS NOT NULL))
         ORDER BY request_id",
        tenant.as_str(),
        document_id.0,
    )
    .fetch_all(work.conn())
    .await?;
    for request in requests {
        let request_id = ProofRequestId(request);
        let Some(request) = request_row::lock(work, request_id).await? else { continue };
        if request.state != "withdrawn" {
            reopen(work, cause, &request, document_id).await?;
        }
    }
    prompts::cancel_for_document(work, cause, document_id, GONE).await?;
    sqlx::query!(
        "UPDATE matches SET latest = false WHERE tenant = $1 AND document_id = $2 AND latest",
        tenant.as_str(),
        document_id.0,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!("DELETE FROM reading_keys WHERE tenant = $1 AND document_id = $2", tenant.as_str(), document_id.0)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// Opens a request again that only this document proved; either way the next best document may be asked about now.
async fn reopen(
    work: &mut Work,
    cause: &Cause,
    request: &request_row::Request,
    document_id: DocumentId,
) -> Result<(), Failure> {
    let request_id = ProofRequestId(request.id);
    let proofs = proofs(work, request.id).await?;
    if proofs.as_slice() == [document_id.0] {
        let version = request_row::advance(work, request_id, "open").await?;
        work.emit(cause, version, &MatchRejected { request_id, document_id, reason: GONE.to_owned() });
    } else if !proofs.is_empty() {
        return Ok(());
    }
    let due_at = work.now();
    work.enqueue(NewJob {
        kind: MATCH_REQUEST,
        key: format!("{request_id}/without/{document_id}"),
        due_at,
        payload: serde_json::json!({ "request_id": request_id }),
        cause: cause.clone(),
    })
    .await?;
    Ok(())
}

/// The documents that prove a request.
async fn proofs(work: &mut Work, request: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        "SELECT document_id FROM matches WHERE tenant = $1 AND request_id = $2 AND latest AND NOT shadow AND ended = 'proved'",
        tenant.as_str(),
        request,
    )
    .fetch_all(work.conn())
    .await
}
