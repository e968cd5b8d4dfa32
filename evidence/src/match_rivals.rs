//! Who else wants a document: requests of the same kind that the same line may prove just as well.

use service_kit::store::Work;
use shared_events::evidence::ProofSubject;
use sqlx::types::Json;
use uuid::Uuid;

use crate::match_judge::Opinion;
use crate::match_lookup::Document;
use crate::match_wanted;
use crate::models::Decider;
use crate::request_row::Request;

/// The probability of the best other request for the same line of the document: one that is open, or that this document proves already.
/// Requests for which a person refused the document do not count.
///
/// # Errors
/// When the database is away.
pub async fn elsewhere(
    work: &mut Work,
    request: &Request,
    active: &Decider,
    document: &Document,
    own: &Opinion,
) -> Result<Option<f64>, sqlx::Error> {
    let (tenant, open) = (work.tenant().clone(), match_wanted::requests(work, document.id).await?);
    let others: Vec<Uuid> = open.into_iter().filter(|id| *id != request.id).collect();
    let subjects = sqlx::query_scalar!(
        r#"SELECT p.subject AS "subject: Json<ProofSubject>" FROM proof_requests p
           LEFT JOIN matches m ON m.tenant = $1 AND m.request_id = p.id AND m.document_id = $2 AND m.latest AND NOT m.shadow
           WHERE p.tenant = $1 AND p.claim_type = $3 AND p.id <> $4
             AND ((p.id = ANY ($5) AND m.ended IS DISTINCT FROM 'refused')
                  OR p.id IN (SELECT d.request_id FROM matches d WHERE d.tenant = $1 AND d.document_id = $2 AND d.ended = 'proved' AND d.latest))
             AND p.state <> 'withdrawn'
           ORDER BY p.id LIMIT 200"#,
        tenant.as_str(),
        document.id,
        request.claim_type,
        request.id,
        &others,
    )
    .fetch_all(work.conn())
    .await?;
    let rival = |subject: Json<ProofSubject>| {
        let theirs = active.judge.opinion(&subject, &document.said);
        let same_line = theirs.line.is_none() || own.line.is_none() || theirs.line == own.line;
        same_line.then_some(theirs.probability)
    };
    Ok(subjects.into_iter().filter_map(rival).max_by(f64::total_cmp))
}
