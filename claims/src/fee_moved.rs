//! How the moving of fees ended, and what that means for the claims.

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::claims::{ConnectionKind, FeeCharged, FeeDeclined, FeeRefundDeclined, FeeRefunded};
use shared_events::money::Money;
use shared_events::{ClaimId, ConnectionId, FeeMoveId};
use uuid::Uuid;

use crate::claim_row;
use crate::claiming::fee;
use crate::claiming::state::Step;
use crate::move_fee::{Move, UNANSWERED};
use crate::{collect_fees, connection_row};

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It moved, under this number of Stripe's.
    Done(String),
    /// It did not move, for sure; why.
    Declined(String),
}

/// Writes down how a move ended, once.
///
/// # Errors
/// When the database is away.
pub(crate) async fn ended(work: &mut Work, cause: &Cause, it: &Move, moved: Moved) -> Result<(), Failure> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let (state, reference, problem) = match &moved {
        Moved::Done(reference) => ("done", Some(reference), None),
        Moved::Declined(problem) => ("declined", None, Some(problem)),
    };
    let written = sqlx::query!(
        "UPDATE fee_moves SET state = $3, provider_ref = coalesce($4, provider_ref), problem = $5, secret = NULL, ended_at = $6
         WHERE tenant = $1 AND id = $2 AND state IN ('asked', 'processing')",
        tenant.as_str(),
        it.id,
        state,
        reference,
        problem,
        now,
    )
    .execute(work.conn())
    .await?;
    if written.rows_affected() == 0 {
        tracing::info!(fee_move.id = %it.id, "the end of a fee's move was known already");
        return Ok(());
    }
    metrics::counter!("claims_fee_moves_total", "kind" => it.kind.clone(), "outcome" => state).increment(1);
    let parts = parts(work, it).await?;
    match (moved, it.claim) {
        (Moved::Done(reference), None) => charged(work, cause, it, parts, &reference).await?,
        (Moved::Done(reference), Some(claim)) => refunded(work, cause, it, claim, reference).await?,
        (Moved::Declined(reason), None) => declined(work, cause, it, parts, reason).await?,
        (Moved::Declined(reason), Some(claim)) => not_refunded(work, cause, it, claim, reason).await?,
    }
    // What accrued meanwhile was left alone.
    Ok(collect_fees::enqueue(work, cause).await?)
}

/// What of a move is for which claim; in one order for everybody, since the claims are locked by it.
async fn parts(work: &mut Work, it: &Move) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT claim_id, sum(amount_minor)::bigint AS "sum!" FROM claim_fees WHERE tenant = $1 AND move_id = $2
           GROUP BY claim_id ORDER BY claim_id"#,
        tenant.as_str(),
        it.id,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.claim_id, row.sum)).collect())
}

async fn charged(
    work: &mut Work,
    cause: &Cause,
    it: &Move,
    parts: Vec<(Uuid, i64)>,
    reference: &str,
) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    for (claim, sum) in parts {
        let mut claim = claim_row::lock(work, ClaimId(claim)).await?;
        if claim.state().after(Step::Charge).is_some() {
            claim.step(Step::Charge)?;
        }
        let told = FeeCharged {
            move_id: FeeMoveId(it.id),
            claim_id: claim.claim_id(),
            amount: Money::new(sum, it.amount.currency),
            charged: it.amount,
            reference: reference.to_owned(),
        };
        claim.tell(work, cause, &told).await?;
    }
    sqlx::query!(
        "UPDATE claim_fees SET provider_ref = $3, state = CASE state WHEN 'accrued' THEN 'charged' ELSE state END
         WHERE tenant = $1 AND move_id = $2",
        tenant.as_str(),
        it.id,
        reference,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

async fn refunded(work: &mut Work, cause: &Cause, it: &Move, claim: Uuid, reference: String) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    // Fees among them were set against the credit: what was charged before pays them.
    sqlx::query!(
        "UPDATE claim_fees SET provider_ref = $3, state = CASE state WHEN 'accrued' THEN 'charged' ELSE state END
         WHERE tenant = $1 AND move_id = $2",
        tenant.as_str(),
        it.id,
        reference,
    )
    .execute(work.conn())
    .await?;
    let mut claim = claim_row::lock(work, ClaimId(claim)).await?;
    let told = FeeRefunded { move_id: FeeMoveId(it.id), claim_id: claim.claim_id(), amount: it.amount, reference };
    claim.tell(work, cause, &told).await
}

async fn release(work: &mut Work, it: &Move) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!("UPDATE claim_fees SET move_id = NULL WHERE tenant = $1 AND move_id = $2", tenant.as_str(), it.id)
        .execute(work.conn())
        .await?;
    Ok(())
}

/// What was to be charged is owed as before. It is tried again after a pause; after the last pause another card is needed, and the
/// connection says so.
async fn declined(
    work: &mut Work,
    cause: &Cause,
    it: &Move,
    parts: Vec<(Uuid, i64)>,
    reason: String,
) -> Result<(), Failure> {
    release(work, it).await?;
    // That Stripe did not answer is not the card's fault.
    let retry_at = if reason == UNANSWERED { Some(work.now()) } else { next_try(work, it).await? };
    for (claim, _) in parts {
        let mut claim = claim_row::lock(work, ClaimId(claim)).await?;
        let told = FeeDeclined {
            move_id: FeeMoveId(it.id),
            claim_id: claim.claim_id(),
            amount: it.amount,
            reason: reason.clone(),
            retry_at,
        };
        claim.tell(work, cause, &told).await?;
    }
    match retry_at {
        Some(due_at) => Ok(collect_fees::enqueue_at(work, cause, due_at).await?),
        None => {
            let problem = format!("the card was declined ({reason}): save another one");
            let (id, kind) = (ConnectionId(it.connection), ConnectionKind::Stripe);
            Ok(connection_row::token_failed(work, cause, id, kind, &problem).await?)
        }
    }
}

/// When the card is tried again; none when it was declined too often.
async fn next_try(work: &mut Work, it: &Move) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let before = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM fee_moves m JOIN connections c ON c.tenant = m.tenant AND c.id = m.connection_id
           WHERE m.tenant = $1 AND m.currency = $2 AND m.kind = 'charge' AND m.state = 'declined' AND m.retry_at IS NOT NULL AND m.id <> $3
             AND m.connection_id = $4 AND m.ended_at >= c.changed_at
             AND m.seq > coalesce((SELECT max(p.seq) FROM fee_moves p WHERE p.tenant = $1 AND p.currency = $2 AND p.kind = 'charge'
                                   AND p.state = 'done'), 0)"#,
        tenant.as_str(),
        it.amount.currency.code(),
        it.id,
        it.connection,
    )
    .fetch_one(work.conn())
    .await?;
    let retry_at = fee::pause(before).map(|days| now + TimeDelta::days(days));
    sqlx::query!("UPDATE fee_moves SET retry_at = $3 WHERE tenant = $1 AND id = $2", tenant.as_str(), it.id, retry_at,)
        .execute(work.conn())
        .await?;
    Ok(retry_at)
}

/// The money could not be given back: it stays a credit, which the next charge is less by.
async fn not_refunded(work: &mut Work, cause: &Cause, it: &Move, claim: Uuid, reason: String) -> Result<(), Failure> {
    release(work, it).await?;
    let mut claim = claim_row::lock(work, ClaimId(claim)).await?;
    let told = FeeRefundDeclined { move_id: FeeMoveId(it.id), claim_id: claim.claim_id(), amount: it.amount, reason };
    claim.tell(work, cause, &told).await
}
