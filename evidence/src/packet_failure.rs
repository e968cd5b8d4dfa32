//! Packets that cannot be sealed: why, until a person has them tried again. None of them is left to be found among the jobs.

use anyhow::Context;
use providers::files::Unreadable;
use providers::objects::ObjectError;
use service_kit::handler::Failure;
use service_kit::jobs::Job;
use service_kit::store::{Store, Work};
use shared_events::evidence::ProofPacketFailed;
use shared_events::outcome::Rejection;
use shared_events::{PacketId, Subject};
use uuid::Uuid;

use crate::packet::findings::Finding;
use crate::request_row;
use crate::seal_packet::Order;

/// After so many tries a document whose bytes are not there is taken for lost: until then its store may be away.
const TRIES_FOR_BYTES: i32 = 5;
/// After so many tries (over a quarter of an hour) whatever is in the way is for a person, before the job is set aside where nobody looks.
const TRIES: i32 = 10;

/// What a document that cannot be read does to the packet that wants it.
#[must_use]
pub fn of_document(error: Unreadable, document: Uuid, attempt: i32) -> Failure {
    let absent = matches!(error, Unreadable::Store(ObjectError::NotFound));
    if error.is_damage() {
        Failure::reject(
            "document_damaged",
            format!("the stored bytes of document {document} are not those that came in"),
        )
    } else if absent && attempt >= TRIES_FOR_BYTES {
        Failure::reject("document_missing", format!("the bytes of document {document} are not in the store"))
    } else {
        Failure::Retry(anyhow::Error::from(error).context(format!("reading document {document}")))
    }
}

/// What is wrong with a packet that was put together does to it.
#[must_use]
pub fn of_finding(finding: &Finding) -> Failure {
    // A document that is not what it was when it came in must not go out under our signature.
    let code = if finding.path().is_some() { "document_damaged" } else { "packet_would_not_hold" };
    Failure::reject(code, format!("the packet would not hold: {finding}"))
}

/// Whether a failure is for a person to settle; else the job is tried again.
///
/// # Errors
/// The failure, when time may settle it.
pub fn for_a_person(failure: Failure, job: &Job) -> Result<Rejection, Failure> {
    let innocent = failure.is_infrastructure();
    match failure {
        Failure::Reject(rejection) => Ok(rejection),
        Failure::Retry(error) if job.attempt >= TRIES && !innocent => {
            // What went wrong inside is for the log.
            tracing::warn!(
                error = format!("{error:#}"),
                packet = job.key,
                "a packet could not be sealed in many tries"
            );
            let words = "it could not be put together or stored in many tries; the log of the service says why";
            Ok(Rejection::new("sealing_failed", words))
        }
        failure @ Failure::Retry(_) => Err(failure),
    }
}

/// Writes down and tells that a packet failed, and ends its job.
///
/// # Errors
/// When the database is away.
pub async fn note(store: &Store, job: &Job, order: &Order, why: &Rejection) -> Result<(), Failure> {
    let mut work = store.read(&job.tenant).await?;
    let request = request_row::lock(&mut work, order.request_id).await?.context("the request is gone")?;
    let (tenant, now) = (work.tenant().clone(), work.now());
    let claim = request.reference.unwrap_or_else(|| order.request_id.to_string());
    let failures = sqlx::query_scalar!(
        "INSERT INTO packet_failures AS f (tenant, packet_id, request_id, claim, draft, code, reason, failed_at, correlation)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant, packet_id) DO UPDATE SET code = excluded.code, reason = excluded.reason, failed_at = excluded.failed_at,
                failures = f.failures + 1, retried_at = NULL, retried_by = NULL
         RETURNING failures",
        tenant.as_str(),
        order.packet_id.0,
        order.request_id.0,
        claim,
        order.draft,
        why.code,
        why.detail,
        now,
        job.cause.correlation,
    )
    .fetch_one(work.conn())
    .await?;
    let failed = ProofPacketFailed {
        packet_id: order.packet_id,
        request_id: order.request_id,
        requested_by: Subject::try_new(request.requested_by).context("who asked for proof")?,
        draft: order.draft,
        code: why.code.clone(),
        reason: why.detail.clone(),
    };
    work.emit(&job.cause, u64::from(failures.unsigned_abs()), &failed);
    job.finish(&mut work).await?;
    work.commit().await?;
    tracing::warn!(packet.id = %order.packet_id, why.code, "a packet could not be sealed");
    Ok(())
}

/// How often a packet has failed.
///
/// # Errors
/// When the database is away.
pub async fn count(work: &mut Work, packet: PacketId) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let failures = sqlx::query_scalar!(
        "SELECT failures FROM packet_failures WHERE tenant = $1 AND packet_id = $2",
        tenant.as_str(),
        packet.0,
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(u64::from(failures.unwrap_or_default().unsigned_abs()))
}

/// Forgets that a packet failed which nobody needs any more: another tells what it would have told.
///
/// # Errors
/// When the database is away.
pub async fn forget(work: &mut Work, packet: PacketId) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("DELETE FROM packet_failures WHERE tenant = $1 AND packet_id = $2", tenant.as_str(), packet.0)
        .execute(work.conn())
        .await?;
    Ok(())
}
