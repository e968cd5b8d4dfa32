//! A claim was paid or refused: what its documents were thought to prove becomes a label, without anybody saying so by hand.

use service_kit::store::{Cause, Work};
use shared_events::{DocumentId, ProofRequestId};

use crate::labels::{self, NewLabel, Source};
use crate::request_row::Request;

/// Documents of one request that are learned from at most.
const MOST: i64 = 100;

/// Writes a label for each document that counts as proof of the request. Told twice it is one label; what became of the claim last is what
/// counts. `by` names what brought it.
///
/// # Errors
/// When the database is away.
pub(crate) async fn learn(
    work: &mut Work,
    cause: &Cause,
    request: &Request,
    proved: bool,
    by: &str,
) -> Result<(), sqlx::Error> {
    let (tenant, said_at) = (work.tenant().clone(), work.now());
    let documents = sqlx::query_scalar!(
        "SELECT document_id FROM matches WHERE tenant = $1 AND request_id = $2 AND latest AND NOT shadow AND ended = 'proved'
         ORDER BY seq LIMIT $3",
        tenant.as_str(),
        request.id,
        MOST,
    )
    .fetch_all(work.conn())
    .await?;
    let mut learned = false;
    for document in documents.into_iter().map(DocumentId) {
        // What was never read, such as a photo, has nothing to learn from.
        let Some(said) = labels::said(work, document).await? else { continue };
        let label = NewLabel {
            source: Source::Outcome(ProofRequestId(request.id), document),
            claim_type: &request.claim_type,
            subject: &request.subject,
            said: &said,
            proved,
            said_by: cause.actor.as_deref().unwrap_or("an outcome"),
            said_at,
        };
        labels::write(work, &label).await?;
        learned = true;
    }
    if learned {
        labels::weigh(work, cause, &request.claim_type, by).await?;
    }
    Ok(())
}
