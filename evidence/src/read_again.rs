//! What becomes of a document's reading when it is read once more.
//!
//! The same again changes nothing. Something else takes the place of what was read: what was decided on the old reading and is not settled
//! becomes history and is judged again. What a match or a person has settled stays, and so does every packet. When the reader fails, what was
//! read before stays too.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work, new_id};
use shared_events::{DocumentId, ProofRequestId};
use uuid::Uuid;

use crate::reading::invoice::Invoice;
use crate::reading::refusal::Refusal;
use crate::request_proof::MATCH_REQUEST;
use crate::{match_request, prompts, request_row};

/// Why a question ends.
const READ_AGAIN: &str = "the document was read again";

/// Whether there is a reading of the document, and what it says.
///
/// # Errors
/// When the database is away.
pub(crate) async fn before(work: &mut Work, id: DocumentId) -> Result<Option<(i32, serde_json::Value)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let row = sqlx::query!(
        "SELECT parser_version, invoice FROM readings WHERE tenant = $1 AND document_id = $2",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(row.map(|row| (row.parser_version, row.invoice)))
}

/// Whether this reader reads what was read before.
pub(crate) fn is_same(before: &(i32, serde_json::Value), reader: i32, invoice: &Invoice) -> bool {
    before.0 == reader && serde_json::to_value(invoice).is_ok_and(|read| read == before.1)
}

/// Takes the reading of a document away, and what rests on it alone; requests that were compared with it are judged again.
///
/// # Errors
/// When the database is away.
pub(crate) async fn take_back(work: &mut Work, cause: &Cause, id: DocumentId) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    // Nobody judges by the old reading in the meantime. Then the requests, then the document: whoever locks several does it in this order.
    match_request::one_at_a_time(work).await?;
    let requests = sqlx::query_scalar!(
        "SELECT DISTINCT request_id FROM matches WHERE tenant = $1 AND document_id = $2 AND latest AND ended IS NULL ORDER BY request_id",
        tenant.as_str(),
        id.0,
    )
    .fetch_all(work.conn())
    .await?;
    for request in &requests {
        request_row::lock(work, ProofRequestId(*request)).await?;
    }
    prompts::cancel_for_document(work, cause, id, READ_AGAIN).await?;
    sqlx::query!(
        "UPDATE matches SET latest = false WHERE tenant = $1 AND document_id = $2 AND latest AND ended IS NULL",
        tenant.as_str(),
        id.0,
    )
    .execute(work.conn())
    .await?;
    sqlx::query!("DELETE FROM reading_keys WHERE tenant = $1 AND document_id = $2", tenant.as_str(), id.0)
        .execute(work.conn())
        .await?;
    sqlx::query!("DELETE FROM readings WHERE tenant = $1 AND document_id = $2", tenant.as_str(), id.0)
        .execute(work.conn())
        .await?;
    judge_again(work, cause, id, requests).await?;
    Ok(())
}

async fn judge_again(work: &mut Work, cause: &Cause, id: DocumentId, requests: Vec<Uuid>) -> Result<(), sqlx::Error> {
    let due_at = work.now();
    let occasion = new_id(due_at);
    for request in requests {
        work.enqueue(NewJob {
            kind: MATCH_REQUEST,
            key: format!("{request}/reread/{id}/{occasion}"),
            due_at,
            payload: serde_json::json!({ "request_id": request }),
            cause: cause.clone(),
        })
        .await?;
    }
    Ok(())
}

/// Notes that a document was read again, and why nothing came of it, if so.
///
/// # Errors
/// When the database is away.
pub(crate) async fn note(work: &mut Work, id: DocumentId, refusal: Option<&Refusal>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "UPDATE documents SET reread_at = $3, reread_rule = $4, reread_reason = $5 WHERE tenant = $1 AND id = $2 AND state <> 'deleted'",
        tenant.as_str(),
        id.0,
        now,
        refusal.map(|refusal| refusal.rule.as_str()),
        refusal.map(|refusal| refusal.reason.as_str()),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
