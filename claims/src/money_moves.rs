//! What rows of money do to the claim that they are for: granted, paid, taken back.

use chrono::{DateTime, NaiveDate, Utc};
use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::claims::{ClaimAnswered, PayoutConfirmed, PayoutReversed, ReplyKind};
use shared_events::money::Money;
use shared_events::{ClaimId, ConnectionId, ids};

use crate::claim_row::{self, Claim};
use crate::claiming::settle::{Match, Paid, Posted};
use crate::claiming::state::Step;
use crate::marketplace::Marketplace;
use crate::{claim_fees, claim_timers};

/// Writes a row down; one that waited for its posting has it now.
///
/// # Errors
/// When the database is away.
pub(crate) async fn store(
    work: &mut Work,
    connection: ConnectionId,
    paid: &Paid,
    found: Match,
    posting: Option<&Posted>,
    confirmed: bool,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let id = ids::derive(&["payout", tenant.as_str(), &connection.to_string(), &paid.key]);
    sqlx::query!(
        "INSERT INTO claim_payouts (tenant, id, claim_id, connection_id, row_key, reimbursement_id, original_id, amount_minor, currency,
                                    inventory_units, probability_bps, posting_key, approved_on, confirmed_at, found_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $14 THEN $15::timestamptz END, $15)
         ON CONFLICT (tenant, connection_id, row_key) DO UPDATE SET posting_key = excluded.posting_key,
             confirmed_at = excluded.confirmed_at, found_at = excluded.found_at
         WHERE claim_payouts.confirmed_at IS NULL",
        tenant.as_str(),
        id,
        found.claim,
        connection.0,
        paid.key,
        paid.reimbursement_id,
        paid.reverses,
        paid.total.minor,
        paid.total.currency.code(),
        paid.inventory_units,
        found.probability_bps,
        posting.map(|posting| posting.key.clone()),
        paid.approved_on,
        confirmed,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// A reference of the payout that is unique within its claim: one reimbursement can have several rows.
fn reference(paid: &Paid) -> String {
    format!("{} {}", paid.reimbursement_id, paid.key)
}

fn start_of(place: Marketplace, day: NaiveDate) -> DateTime<Utc> {
    place.start_of(day)
}

/// What reimbursements have granted a claim: those whose money came, and those whose money is waited for.
async fn granted_minor(work: &mut Work, claim: &Claim) -> Result<i64, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount_minor), 0)::bigint AS "granted!" FROM claim_payouts
           WHERE tenant = $1 AND claim_id = $2 AND amount_minor > 0 AND currency = $3"#,
        tenant.as_str(),
        claim.id,
        claim.currency,
    )
    .fetch_one(work.conn())
    .await
}

/// The row is there and its money is not: that is an approval, and the money is waited for.
///
/// # Errors
/// When the database is away.
pub(crate) async fn granted(
    work: &mut Work,
    cause: &Cause,
    paid: &Paid,
    found: Match,
    place: Marketplace,
) -> Result<(), Failure> {
    let mut claim = claim_row::lock(work, ClaimId(found.claim)).await?;
    let minor = granted_minor(work, &claim).await?;
    let (step, kind) = match minor >= claim.amount_minor {
        true => (Step::Grant, ReplyKind::Approved),
        false => (Step::GrantPart, ReplyKind::PartiallyApproved),
    };
    if claim.state().after(step).is_none() {
        return Ok(());
    }
    claim.step(step)?;
    claim.denial = None;
    claim.approved_minor = Some(claim.approved_minor.unwrap_or_default().max(minor));
    claim.approved_at = claim.approved_at.or(Some(start_of(place, paid.approved_on)));
    claim_timers::watch_for_money(work, cause, &claim).await?;
    let (claim_id, amount) = (claim.claim_id(), Some(paid.total));
    claim.tell(work, cause, &ClaimAnswered { claim_id, kind, category: None, amount, next: "wait".to_owned() }).await
}

/// The money is there: the claim is paid, as far as this row goes.
///
/// # Errors
/// When the database is away.
pub(crate) async fn came(
    work: &mut Work,
    cause: &Cause,
    paid: &Paid,
    found: Match,
    posting: Option<&Posted>,
    place: Marketplace,
) -> Result<(), Failure> {
    let mut claim = claim_row::lock(work, ClaimId(found.claim)).await?;
    // A later part of the money changes no state.
    if claim.state().after(Step::Confirm).is_some() {
        claim.step(Step::Confirm)?;
    }
    claim.case_id = claim.case_id.or_else(|| paid.case_id.clone());
    let minor = granted_minor(work, &claim).await?;
    claim.approved_minor = Some(claim.approved_minor.unwrap_or_default().max(minor));
    claim.approved_at = claim.approved_at.or(Some(start_of(place, paid.approved_on)));
    let told = PayoutConfirmed {
        claim_id: claim.claim_id(),
        amount: paid.total,
        units: u32::try_from(paid.inventory_units).ok().filter(|units| *units > 0),
        reference: reference(paid),
        probability_bps: found.probability_bps,
        posting: posting.map(|posting| posting.key.clone()).unwrap_or_default(),
        paid_at: start_of(place, posting.map_or(paid.approved_on, |posting| posting.day)),
    };
    claim.tell(work, cause, &told).await
}

/// Money was taken back: the claim is reversed, and its fee credited.
///
/// # Errors
/// When the database is away.
pub(crate) async fn reverse(
    work: &mut Work,
    cause: &Cause,
    paid: &Paid,
    found: Match,
    place: Marketplace,
) -> Result<(), Failure> {
    let mut claim = claim_row::lock(work, ClaimId(found.claim)).await?;
    store(work, claim.connection(), paid, found, None, true).await?;
    if claim.state().after(Step::Reverse).is_some() {
        claim.step(Step::Reverse)?;
    }
    let told = PayoutReversed {
        claim_id: claim.claim_id(),
        amount: Money::new(paid.total.minor.abs(), paid.total.currency),
        reference: reference(paid),
        original: paid.reverses.clone().unwrap_or_default(),
        paid_at: start_of(place, paid.approved_on),
    };
    claim.tell(work, cause, &told).await?;
    claim_fees::settle(work, cause, &mut claim).await
}
