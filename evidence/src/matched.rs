//! A person settles a pair: the document proves the request, or it does not. Either way it is a label.

use service_kit::handler::Failure;
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::{EvidenceMatched, MatchRejected, MatchedBy};
use shared_events::{DocumentId, ProofRequestId, Subject};
use uuid::Uuid;

use crate::labels::{self, NewLabel, Source};
use crate::match_row::{self, End, Latest};
use crate::prompts;
use crate::request_proof::MATCH_REQUEST;
use crate::request_row::{self, Request};

/// Settles a pair as `who` says, in the transaction of the answer. The pair was judged before; the same said twice changes nothing.
///
/// # Errors
/// When there is no such request or it is withdrawn, when the pair was never judged, or the database is away.
pub async fn settle_by_person(
    work: &mut Work,
    cause: &Cause,
    request_id: ProofRequestId,
    document_id: DocumentId,
    proved: bool,
    who: &Subject,
    reasoning: Option<&str>,
) -> Result<(), Failure> {
    let request = request_row::lock(work, request_id)
        .await?
        .ok_or_else(|| Failure::reject("request_not_found", "there is no such request"))?;
    if request.state == "withdrawn" {
        return Err(Failure::reject("request_state_conflict", "the request is withdrawn"));
    }
    let known = match_row::latest(work, request_id, None).await?;
    let latest = known
        .iter()
        .find(|latest| latest.document_id == document_id.0)
        .ok_or_else(|| Failure::reject("match_not_found", "the document was never compared with the request"))?;
    if latest.ended.as_deref() == Some(if proved { "proved" } else { "refused" }) {
        return Ok(());
    }
    let at = work.now();
    match_row::end(work, latest.id, &End { proved, who: who.as_str(), reasoning, at }).await?;
    if proved {
        confirm(work, cause, &request, latest, &told("confirmed", who, reasoning)).await?;
    } else {
        let is_proof = |other: &Latest| other.ended.as_deref() == Some("proved") && other.id != latest.id;
        let state = if known.iter().any(is_proof) { "proved" } else { "open" };
        refuse(work, cause, request_id, state, latest.document_id, &told("refused", who, reasoning)).await?;
    }
    learn(work, cause, &request, document_id, proved, who).await
}

async fn confirm(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    latest: &Latest,
    explanation: &str,
) -> Result<(), Failure> {
    let request_id = ProofRequestId(request.id);
    let version = request_row::advance(work, request_id, "proved").await?;
    let matched = EvidenceMatched {
        request_id,
        requested_by: match_row::subject(&request.requested_by),
        document_id: DocumentId(latest.document_id),
        line: latest.line.and_then(|line| u32::try_from(line).ok()),
        probability: latest.probability,
        by: MatchedBy::Person,
        model: latest.model_version.clone(),
        explanation: explanation.to_owned(),
    };
    work.emit(cause, version, &matched);
    prompts::cancel_for_request(work, cause, request_id, "a person said which document proves the request").await?;
    Ok(())
}

/// `state` is what the request is in then: open again, when only this document proved it.
async fn refuse(
    work: &mut Work,
    cause: &Cause,
    request_id: ProofRequestId,
    state: &str,
    document: Uuid,
    reason: &str,
) -> Result<(), Failure> {
    let version = request_row::advance(work, request_id, state).await?;
    let document_id = DocumentId(document);
    work.emit(cause, version, &MatchRejected { request_id, document_id, reason: reason.to_owned() });
    // The next best document may be asked about now.
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

fn told(done: &str, who: &Subject, reasoning: Option<&str>) -> String {
    let reasoning = reasoning.map(str::trim).filter(|reasoning| !reasoning.is_empty());
    reasoning.map_or_else(|| format!("{done} by {who}"), |reasoning| format!("{done} by {who}: {reasoning}"))
}

async fn learn(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    document_id: DocumentId,
    proved: bool,
    who: &Subject,
) -> Result<(), Failure> {
    // A document that is gone can no longer be learned from.
    let Some(said) = labels::said(work, document_id).await? else { return Ok(()) };
    let label = NewLabel {
        source: Source::Prompt(ProofRequestId(request.id), document_id),
        claim_type: &request.claim_type,
        subject: &request.subject,
        said: &said,
        proved,
        said_by: who.as_str(),
        said_at: work.now(),
    };
    labels::write(work, &label).await?;
    labels::weigh(work, cause, &request.claim_type, &format!("{}/{document_id}", request.id)).await?;
    Ok(())
}
