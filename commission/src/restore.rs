//! A refund was not paid after all: what it took from partners is given back, to the cent that the ledger says it took.
//!
//! What was taken before a payout goes back to where it was taken from. What had become a claw-back may be set off already, so it is left
//! as it is, and a commission of its own stands against it.

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::commission::CommissionRestored;
use shared_events::tracking::ConversionRefundWithdrawn;
use shared_events::{CommissionId, Money, ids};
use uuid::Uuid;

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::reattribute::live;
use crate::stored::{Stored, partner_id};

/// Handles [`ConversionRefundWithdrawn`].
pub struct GiveBack;

/// What the refund took from one commission.
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    reversed: i64,
    clawed_back: Option<(Uuid, i64)>,
    was_approved: bool,
}

impl Handles<ConversionRefundWithdrawn> for GiveBack {
    async fn handle(
        &self,
        work: &mut Work,
        message: &Delivered<ConversionRefundWithdrawn>,
    ) -> Result<Outcome, Failure> {
        let (data, tenant, now) = (&message.data, work.tenant().clone(), work.now());
        // Locks the partners' money, then the commissions, as refunds do.
        let rows = live(work, data.conversion_id).await?;
        let refund = sqlx::query_scalar!(
            "UPDATE refunds SET withdrawn_at = $3 WHERE tenant = $1 AND refund_id = $2 AND withdrawn_at IS NULL RETURNING cause",
            tenant.as_str(),
            data.refund_id.0,
            now,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(refund) = refund else { return Ok(Outcome::none()) };
        let cause = Cause::from(&message.envelope);
        let why = format!("the refund of {} was not paid after all", data.amount);
        let mut entries = Vec::new();
        for mut row in rows.into_iter().filter(|row| row.reverses.is_none() && row.state != "rejected") {
            let taken = taken(work, &row, refund).await?;
            give_back(work, &mut row, taken, &why, &cause, &mut entries).await?;
        }
        accounts::post(work, &entries).await?;
        Ok(Outcome::none())
    }
}

/// What the ledger says that a refund took from a commission.
async fn taken(work: &mut Work, row: &Stored, refund: Uuid) -> Result<Taken, sqlx::Error> {
    let tenant = work.tenant().clone();
    let found = sqlx::query!(
        r#"SELECT COALESCE(sum(minor) FILTER (WHERE movement = 'reversed' AND cause = $3), 0)::bigint AS "reversed!",
                  COALESCE(bool_or(movement = 'approved'), false) AS "was_approved!"
           FROM ledger WHERE tenant = $1 AND commission_id = $2 AND movement <> 'calculated'"#,
        tenant.as_str(),
        row.id,
        refund,
    )
    .fetch_one(work.conn())
    .await?;
    let clawed_back = sqlx::query!(
        "SELECT id, -earned_minor AS \"minor!\" FROM commissions WHERE tenant = $1 AND conversion_id = $2 AND reverses = $3 AND cause = $4 AND earned_minor < 0",
        tenant.as_str(),
        row.conversion,
        row.id,
        refund,
    )
    .fetch_optional(work.conn())
    .await?;
    let clawed_back = clawed_back.map(|found| (found.id, found.minor));
    Ok(Taken { reversed: found.reversed, clawed_back, was_approved: found.was_approved })
}

async fn give_back(
    work: &mut Work,
    row: &mut Stored,
    taken: Taken,
    why: &str,
    cause: &Cause,
    entries: &mut Vec<Entry>,
) -> Result<(), Failure> {
    let clawed_back = taken.clawed_back.map_or(0, |(_, minor)| minor);
    if taken.reversed + clawed_back == 0 {
        return Ok(());
    }
    let (partner, currency) = (partner_id(&row.partner), stored_currency(&row.currency));
    let on_hold = row.state == "pending" || row.state == "reversed" && !taken.was_approved;
    row.amounts.reversed -= taken.reversed;
    row.clawed_back -= clawed_back;
    row.state = if on_hold { "pending" } else { row.amounts.state() }.to_owned();
    row.version += 1;
    update(work, row, why).await?;
    let mut enter = |commission, movement, minor| {
        let cause = cause.message.map(|id| id.0);
        entries.push(Entry { owner: row.owner(), movement, minor, commission: Some(commission), payout: None, cause });
    };
    if taken.reversed > 0 {
        let movement = if on_hold { Movement::RestoredPending } else { Movement::RestoredPayable };
        enter(row.id, movement, taken.reversed);
        let restored = CommissionRestored {
            commission_id: CommissionId(row.id),
            partner: partner.clone(),
            restored: Money::new(taken.reversed, currency),
            remaining_minor: row.left(),
            reason: why.to_owned(),
        };
        work.emit(cause, u64::from(row.version.unsigned_abs()), &restored);
    }
    if let Some((claw_back, minor)) = taken.clawed_back {
        let id = ids::derive(&["restored", &claw_back.to_string()]);
        enter(id, Movement::RestoredPayable, minor);
        insert(work, id, claw_back, minor, why, cause).await?;
        let restored = CommissionRestored {
            commission_id: CommissionId(id),
            partner,
            restored: Money::new(minor, currency),
            remaining_minor: minor,
            reason: why.to_owned(),
        };
        work.emit(cause, 1, &restored);
    }
    Ok(())
}

async fn update(work: &mut Work, row: &Stored, why: &str) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query!(
        "UPDATE commissions SET reversed_minor = $3, clawed_back_minor = $4, state = $5::text::commission_state, version = $6,
                decision = CASE WHEN state = 'reversed' THEN $7 ELSE decision END
         WHERE tenant = $1 AND id = $2",
        tenant.as_str(),
        row.id,
        row.amounts.reversed,
        row.clawed_back,
        row.state,
        row.version,
        why,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// The commission that stands against a claw-back.
async fn insert(
    work: &mut Work,
    id: Uuid,
    claw_back: Uuid,
    minor: i64,
    why: &str,
    cause: &Cause,
) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO commissions (tenant, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                base_minor, turnover_minor, earned_minor, state, hold_until, held, review, facts, reason, decision,
                order_id, visitor, occurred_at, month, calculated_at, cause, correlation, reverses)
         SELECT tenant, $2, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                base_minor, 0, $4, 'approved', $5, false, '{}', facts, reason, $6,
                order_id, visitor, $5, month, $5, $7, $8, id
         FROM commissions WHERE tenant = $1 AND id = $3",
        tenant.as_str(),
        id,
        claw_back,
        minor,
        now,
        why,
        cause.message.map_or(Uuid::nil(), |id| id.0),
        cause.correlation,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
