//! The customer's money went back, so the partner's does too, in proportion: first what no payout holds, the rest as a claw-back.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::{CommissionClawedBack, CommissionReversed};
use shared_events::tracking::{ConversionRefunded, RefundKind};
use shared_events::{CommissionId, ConversionId, MessageId, Money, ids};
use uuid::Uuid;

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::domain::reversal::{Refund, carry, reversal};
use crate::domain::state::Amounts;
use crate::stored::{self, Stored, partner_id};

/// Handles [`ConversionRefunded`].
pub struct TakeRefund;

impl Handles<ConversionRefunded> for TakeRefund {
    async fn handle(&self, work: &mut Work, message: &Delivered<ConversionRefunded>) -> Result<Outcome, Failure> {
        if !record(work, message).await? {
            return Ok(Outcome::none());
        }
        let data = &message.data;
        let refund = Refund {
            amount_minor: data.amount.minor,
            total_minor: data.refunded_total_minor,
            purchase_minor: data.purchase_minor,
        };
        apply(
            work,
            data.conversion_id,
            data.refund_id.0,
            refund,
            kind_name(data.kind),
            &Cause::from(&message.envelope),
        )
        .await?;
        Ok(Outcome::none())
    }
}

const fn kind_name(kind: RefundKind) -> &'static str {
    match kind {
        RefundKind::Refund => "refund",
        RefundKind::Chargeback => "chargeback",
    }
}

/// Writes the refund down, whether or not anything was earned; false when it was known.
async fn record(work: &mut Work, message: &Delivered<ConversionRefunded>) -> Result<bool, sqlx::Error> {
    let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
    let written = sqlx::query!(
        "INSERT INTO refunds (tenant, refund_id, conversion_id, kind, currency, amount_minor, total_minor, purchase_minor, occurred_at, recorded_at, cause)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        tenant.as_str(),
        data.refund_id.0,
        data.conversion_id.0,
        kind_name(data.kind),
        data.amount.currency.code(),
        data.amount.minor,
        data.refunded_total_minor,
        data.purchase_minor,
        data.occurred_at,
        now,
        message.envelope.id.0,
    )
    .execute(work.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Applies every refund so far to commissions that were worked out after them.
///
/// # Errors
/// When the database is away.
pub async fn apply_all(work: &mut Work, conversion: ConversionId) -> Result<(), Failure> {
    let tenant = work.tenant().clone();
    let refunds = sqlx::query!(
        "SELECT refund_id, kind, amount_minor, total_minor, purchase_minor, cause FROM refunds WHERE tenant = $1 AND conversion_id = $2 ORDER BY seq",
        tenant.as_str(),
        conversion.0,
    )
    .fetch_all(work.conn())
    .await?;
    for row in refunds {
        let refund =
            Refund { amount_minor: row.amount_minor, total_minor: row.total_minor, purchase_minor: row.purchase_minor };
        let cause = Cause { message: Some(MessageId(row.cause)), ..Cause::root(row.cause, None) };
        apply(work, conversion, row.refund_id, refund, &row.kind, &cause).await?;
    }
    Ok(())
}

async fn apply(
    work: &mut Work,
    conversion: ConversionId,
    refund_id: Uuid,
    refund: Refund,
    kind: &str,
    cause: &Cause,
) -> Result<(), Failure> {
    let commissions = stored::lock_by_conversion(work, conversion).await?;
    let mut entries = Vec::new();
    for row in commissions
        .iter()
        .filter(|row| row.reverses.is_none() && !matches!(row.state.as_str(), "rejected" | "reversed"))
    {
        let minor = reversal(row.amounts.earned, row.amounts.reversed + row.clawed_back, refund);
        if minor == 0 {
            continue;
        }
        let carried = carry(minor, row.amounts.free());
        let why = format!("{kind} of {}", Money::new(refund.amount_minor, stored_currency(&row.currency)));
        let mut entry = |movement, minor, commission| {
            entries.push(Entry { owner: row.owner(), movement, minor, commission: Some(commission), payout: None })
        };
        let movement = if row.state == "pending" { Movement::ReversedPending } else { Movement::ReversedPayable };
        entry(movement, carried.reversed_minor, row.id);
        let version = shrink(work, row, carried.reversed_minor, carried.clawed_back_minor, &why).await?;
        let (partner, currency) = (partner_id(&row.partner), stored_currency(&row.currency));
        if carried.reversed_minor > 0 {
            let reversed = CommissionReversed {
                commission_id: CommissionId(row.id),
                partner: partner.clone(),
                reversed: Money::new(carried.reversed_minor, currency),
                remaining_minor: row.left() - minor,
                reason: why.clone(),
            };
            work.emit(cause, version, &reversed);
        }
        if carried.clawed_back_minor > 0 {
            let id = CommissionId(ids::derive(&["clawback", &row.id.to_string(), &refund_id.to_string()]));
            entry(Movement::ClawedBack, carried.clawed_back_minor, id.0);
            claw_back(work, row, id, carried.clawed_back_minor, &why, cause).await?;
            let clawed_back = CommissionClawedBack {
                commission_id: id,
                reverses: CommissionId(row.id),
                partner,
                earnings: Money::new(-carried.clawed_back_minor, currency),
                reason: why,
            };
            work.emit(cause, 1, &clawed_back);
        }
    }
    accounts::post(work, &entries, cause.message.map(|id| id.0)).await?;
    Ok(())
}

/// Takes from a commission; returns its new version.
async fn shrink(work: &mut Work, row: &Stored, reversed: i64, clawed_back: i64, why: &str) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let amounts = Amounts { reversed: row.amounts.reversed + reversed, ..row.amounts };
    // On hold it stays on hold, unless nothing is left.
    let state = if row.state == "pending" && amounts.free() > 0 { "pending" } else { amounts.state() };
    let version = sqlx::query_scalar!(
        "UPDATE commissions SET reversed_minor = $3, clawed_back_minor = clawed_back_minor + $4, state = $5::text::commission_state,
                decision = CASE WHEN $5 = 'reversed' THEN $6 ELSE decision END, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        row.id,
        amounts.reversed,
        clawed_back,
        state,
        why,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Makes the negative commission that is owed from now on.
async fn claw_back(
    work: &mut Work,
    row: &Stored,
    id: CommissionId,
    minor: i64,
    why: &str,
    cause: &Cause,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO commissions (tenant, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                base_minor, turnover_minor, earned_minor, state, hold_until, held, review, facts, reason, decision,
                order_id, visitor, occurred_at, month, calculated_at, cause, correlation, reverses)
         SELECT tenant, $3, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                base_minor, 0, $4, 'approved', $5, false, '{}', facts, reason, $6, order_id, visitor, $5, month, $5, $7, $8, id
         FROM commissions WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        row.id,
        id.0,
        -minor,
        now,
        why,
        cause.message.map_or(Uuid::nil(), |id| id.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
