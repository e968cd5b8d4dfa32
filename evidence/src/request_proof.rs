//! Something has to be proved: the request is written down, and matching begins.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::jobs::NewJob;
use service_kit::store::{Cause, Work};
use shared_events::evidence::{ProofRequested, RequestProof};
use shared_events::outcome::Rejection;

use crate::{lookup, match_keys};

/// Job: compares one request with the documents that are here.
pub const MATCH_REQUEST: &str = "evidence.match_request";

/// Handles [`RequestProof`].
pub struct Request;

impl Handles<RequestProof> for Request {
    async fn handle(&self, work: &mut Work, message: &Delivered<RequestProof>) -> Result<Outcome, Failure> {
        let command = &message.data;
        if !begin(work, command, Cause::from(&message.envelope)).await? {
            return Err(Rejection::new("request_exists", "there is already a request with this id").into());
        }
        Ok(Outcome::ids(&serde_json::json!({ "request_id": command.request_id })))
    }
}

/// Writes a request down and begins to match; `false` when it is there already.
///
/// # Errors
/// When the database is away.
pub async fn begin(work: &mut Work, command: &RequestProof, cause: Cause) -> Result<bool, sqlx::Error> {
    if !insert(work, command, &cause).await? {
        return Ok(false);
    }
    match_keys::write_request(work, command.request_id, &command.subject).await?;
    let requested = ProofRequested {
        request_id: command.request_id,
        claim_type: command.claim_type.clone(),
        reference: command.reference.clone(),
    };
    work.emit(&cause, 1, &requested);
    let due_at = work.now();
    work.enqueue(NewJob {
        kind: MATCH_REQUEST,
        key: command.request_id.to_string(),
        due_at,
        payload: serde_json::json!({ "request_id": command.request_id }),
        cause,
    })
    .await?;
    Ok(true)
}

async fn insert(work: &mut Work, command: &RequestProof, cause: &Cause) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!("INSERT INTO known_tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant.as_str())
        .execute(work.conn())
        .await?;
    let subject = sqlx::types::Json(&command.subject);
    let inserted = sqlx::query!(
        "INSERT INTO proof_requests (tenant, id, claim_type, reference, subject, source_rows, policy, requested_by, state, codes,
                                     supplier_words, requested_at, cause, correlation, currency, amount_minor, dated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT DO NOTHING",
        tenant.as_str(),
        command.request_id.0,
        command.claim_type,
        command.reference,
        subject as _,
        sqlx::types::Json(&command.source_rows) as _,
        command.policy,
        command.requested_by.as_str(),
        &lookup::codes_of_subject(&command.subject),
        &lookup::supplier_words(command.subject.supplier.as_deref()),
        now,
        cause.message.map(|id| id.0).unwrap_or_default(),
        cause.correlation,
        command.subject.amount.map(|amount| amount.currency.code().to_owned()),
        command.subject.amount.map(|amount| amount.minor),
        match_keys::dated(&command.subject),
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}
