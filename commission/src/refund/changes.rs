//! What a run of refunds changes: worked out in memory, under lock, then written at once.

use std::collections::HashMap;

use service_kit::store::Work;
use shared_events::commission::{CommissionClawedBack, CommissionReversed};
use shared_events::{CommissionId, Money, ids};
use uuid::Uuid;

use super::Due;
use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::stored_currency;
use crate::domain::reversal::{carry, reversal};
use crate::stored::{Stored, partner_id};

/// A negative commission to be made.
struct ClawBack {
    id: Uuid,
    reverses: Uuid,
    minor: i64,
    why: String,
    cause: Uuid,
    correlation: Uuid,
}

/// Changes that are not written yet.
#[derive(Default)]
pub struct Changes {
    /// Commissions that changed; with the words for those of which nothing is left.
    changed: HashMap<Uuid, Option<String>>,
    claw_backs: Vec<ClawBack>,
    entries: Vec<Entry>,
}

impl Changes {
    /// Takes a refund from a commission, and says so.
    pub fn take(&mut self, work: &mut Work, row: &mut Stored, due: &Due) {
        let minor = reversal(row.amounts.earned, row.amounts.reversed + row.clawed_back, due.refund);
        if minor == 0 {
            return;
        }
        let carried = carry(minor, row.amounts.free());
        let (partner, currency) = (partner_id(&row.partner), stored_currency(&row.currency));
        let why = format!("{} of {}", due.kind, Money::new(due.refund.amount_minor, currency));
        let on_hold = row.state == "pending";
        row.amounts.reversed += carried.reversed_minor;
        row.clawed_back += carried.clawed_back_minor;
        // On hold it stays on hold, unless nothing is left.
        row.state = if on_hold && row.amounts.free() > 0 { "pending" } else { row.amounts.state() }.to_owned();
        row.version += 1;
        let ended = (row.state == "reversed").then(|| why.clone());
        self.changed.entry(row.id).and_modify(|before| *before = before.take().or(ended.clone())).or_insert(ended);
        if carried.reversed_minor > 0 {
            let movement = if on_hold { Movement::ReversedPending } else { Movement::ReversedPayable };
            self.enter(row, row.id, movement, carried.reversed_minor, due);
            let reversed = CommissionReversed {
                commission_id: CommissionId(row.id),
                partner: partner.clone(),
                reversed: Money::new(carried.reversed_minor, currency),
                remaining_minor: row.left(),
                reason: why.clone(),
            };
            work.emit(&due.cause, u64::from(row.version.unsigned_abs()), &reversed);
        }
        if carried.clawed_back_minor > 0 {
            let id = CommissionId(ids::derive(&["clawback", &row.id.to_string(), &due.id.to_string()]));
            self.enter(row, id.0, Movement::ClawedBack, carried.clawed_back_minor, due);
            self.claw_backs.push(ClawBack {
                id: id.0,
                reverses: row.id,
                minor: carried.clawed_back_minor,
                why: why.clone(),
                cause: due.cause.message.map_or(Uuid::nil(), |id| id.0),
                correlation: due.cause.correlation,
            });
            let clawed_back = CommissionClawedBack {
                commission_id: id,
                reverses: CommissionId(row.id),
                partner,
                earnings: Money::new(-carried.clawed_back_minor, currency),
                reason: why,
            };
            work.emit(&due.cause, 1, &clawed_back);
        }
    }

    fn enter(&mut self, row: &Stored, commission: Uuid, movement: Movement, minor: i64, due: &Due) {
        let cause = due.cause.message.map(|id| id.0);
        self.entries.push(Entry {
            owner: row.owner(),
            movement,
            minor,
            commission: Some(commission),
            payout: None,
            cause,
        });
    }

    /// Writes everything; `rows` are all that were read, as they are now.
    pub async fn write(self, work: &mut Work, rows: impl Iterator<Item = &Stored>) -> Result<(), sqlx::Error> {
        let changed: Vec<&Stored> = rows.filter(|row| self.changed.contains_key(&row.id)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        shrink(work, &changed, &self.changed).await?;
        if !self.claw_backs.is_empty() {
            claw_back(work, &self.claw_backs).await?;
        }
        accounts::post(work, &self.entries).await
    }
}

/// Takes from commissions.
async fn shrink(work: &mut Work, rows: &[&Stored], ended: &HashMap<Uuid, Option<String>>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let minor = |of: fn(&Stored) -> i64| rows.iter().map(|row| of(row)).collect::<Vec<i64>>();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
    let decisions: Vec<Option<String>> = rows.iter().map(|row| ended[&row.id].clone()).collect();
    let versions: Vec<i32> = rows.iter().map(|row| row.version).collect();
    sqlx::query!(
        "UPDATE commissions c SET reversed_minor = n.reversed, clawed_back_minor = n.clawed_back, state = n.state,
                decision = COALESCE(n.decision, c.decision), version = n.version
         FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::commission_state[], $6::text[], $7::int[])
              AS n (id, reversed, clawed_back, state, decision, version)
         WHERE c.tenant = $1 AND c.id = n.id",
        tenant.as_str(),
        &ids,
        &minor(|row| row.amounts.reversed),
        &minor(|row| row.clawed_back),
        &states as _,
        &decisions as _,
        &versions,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Makes the negative commissions that are owed from now on.
async fn claw_back(work: &mut Work, made: &[ClawBack]) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let ids = |of: fn(&ClawBack) -> Uuid| made.iter().map(of).collect::<Vec<Uuid>>();
    let minor: Vec<i64> = made.iter().map(|made| -made.minor).collect();
    let why: Vec<&str> = made.iter().map(|made| made.why.as_str()).collect();
    sqlx::query!(
        "INSERT INTO commissions (tenant, id, conversion_id, revision, campaign_id, partner, rules_version, rewarded_on, weight_bps, currency,
                base_minor, turnover_minor, earned_minor, state, hold_until, held, review, facts, reason, decision,
                order_id, visitor, occurred_at, month, calculated_at, cause, correlation, reverses)
         SELECT c.tenant, n.id, c.conversion_id, c.revision, c.campaign_id, c.partner, c.rules_version, c.rewarded_on, c.weight_bps, c.currency,
                c.base_minor, 0, n.minor, 'approved', $2, false, '{}', c.facts, c.reason, n.why,
                c.order_id, c.visitor, $2, c.month, $2, n.cause, n.correlation, c.id
         FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::uuid[], $8::uuid[]) WITH ORDINALITY
              AS n (id, reverses, minor, why, cause, correlation, position)
         JOIN commissions c ON c.tenant = $1 AND c.id = n.reverses ORDER BY n.position",
        tenant.as_str(),
        now,
        &ids(|made| made.id),
        &ids(|made| made.reverses),
        &minor,
        &why as _,
        &ids(|made| made.cause),
        &ids(|made| made.correlation),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
