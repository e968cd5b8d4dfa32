//! The fee of a claim: it accrues once the packet is sealed, and is credited when the marketplace takes money back.
//!
//! What is owed is worked out anew each time from the payouts, so that however often and in whatever order things are told there is
//! one fee for what is left.

use service_kit::handler::Failure;
use service_kit::store::{Cause, Work};
use shared_events::claims::{FeeAccrued, FeeCredited};
use shared_events::money::Money;
use shared_events::{FeeId, ids};

use crate::claim_row::Claim;
use crate::claiming::fee;
use crate::{claim_settings, collect_fees};

/// Makes the fees of a locked claim what they have to be.
///
/// # Errors
/// When the database is away.
pub async fn settle(work: &mut Work, cause: &Cause, claim: &mut Claim) -> Result<(), Failure> {
    // Without a sealed packet there is nothing to charge for; what was never accrued need not be credited.
    if claim.packet_id.is_none() {
        return Ok(());
    }
    let tenant = work.tenant().clone();
    // Only rows that name our case count, and what took such a row back; never another currency's.
    let paid = sqlx::query!(
        r#"SELECT coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS "confirmed!",
                  coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS "taken_back!"
           FROM claim_payouts WHERE tenant = $1 AND claim_id = $2 AND confirmed_at IS NOT NULL AND probability_bps IS NULL
                 AND currency = $3"#,
        tenant.as_str(),
        claim.id,
        claim.currency,
    )
    .fetch_one(work.conn())
    .await?;
    let fees = sqlx::query!(
        r#"SELECT coalesce(sum(amount_minor), 0)::bigint AS "accrued!", min(rate_bps) AS rate, count(*) AS "count!" FROM claim_fees WHERE tenant = $1 AND claim_id = $2"#,
        tenant.as_str(),
        claim.id,
    )
    .fetch_one(work.conn())
    .await?;
    // The rate of a claim is that of its first fee, whatever the plan says later.
    let rate = match fees.rate {
        Some(rate) => rate,
        None => claim_settings::settings(work).await?.fee_bps,
    };
    let currency = claim.amount().currency;
    let (confirmed, taken_back) = (Money::new(paid.confirmed, currency), Money::new(paid.taken_back, currency));
    let owed = fee::owed(confirmed, taken_back, i64::from(rate), true);
    let accrued = Money::new(fees.accrued, currency);
    let basis = Money::new(confirmed.minor - taken_back.minor, currency);
    // The claim is locked, so nobody else counts at the same time.
    let nth = i32::try_from(fees.count + 1).unwrap_or(i32::MAX);
    let fee_id = FeeId(ids::derive(&["fee", &claim.id.to_string(), &fees.count.to_string()]));
    if let Some(credit) = fee::credit(accrued, owed) {
        if insert(work, claim, &Row { fee_id, nth, basis, rate, amount: credit, state: "credited" }).await? {
            let amount = Money::new(-credit.minor, currency);
            claim.tell(work, cause, &FeeCredited { fee_id, claim_id: claim.claim_id(), amount }).await?;
            collect_fees::enqueue(work, cause).await?;
        }
    } else if owed.minor > accrued.minor {
        let amount = Money::new(owed.minor - accrued.minor, currency);
        if insert(work, claim, &Row { fee_id, nth, basis, rate, amount, state: "accrued" }).await? {
            let accrued = FeeAccrued { fee_id, claim_id: claim.claim_id(), basis, rate_bps: rate, amount };
            claim.tell(work, cause, &accrued).await?;
            collect_fees::enqueue(work, cause).await?;
        }
    }
    Ok(())
}

struct Row {
    fee_id: FeeId,
    nth: i32,
    basis: Money,
    rate: i32,
    amount: Money,
    state: &'static str,
}

/// Writes a fee or credit down; `false` when it is there already.
async fn insert(work: &mut Work, claim: &Claim, row: &Row) -> Result<bool, sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let inserted = sqlx::query!(
        "INSERT INTO claim_fees (tenant, id, claim_id, nth, basis_minor, rate_bps, amount_minor, currency, state, accrued_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        row.fee_id.0,
        claim.id,
        row.nth,
        row.basis.minor,
        row.rate,
        row.amount.minor,
        row.amount.currency.code(),
        row.state,
        now,
    )
    .execute(work.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}
