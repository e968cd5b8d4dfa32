//! Payouts in the database, as their commands see them.

use service_kit::handler::Failure;
use service_kit::store::Work;
use shared_events::{Money, PartnerId, PayoutBatchId, PayoutId};

use crate::accounts::{self, Entry};
use crate::domain::ledger::Movement;
use crate::domain::payout::{State, Step, stored_currency};
use crate::stored::partner_id;

/// A payout under lock.
#[derive(Debug)]
pub struct Payout {
    /// The payout.
    pub id: PayoutId,
    /// Who is to be paid.
    pub partner: PartnerId,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: State,
    /// Who asked for it.
    pub requested_by: String,
    /// The file that it stands in, or is about to.
    pub batch: Option<PayoutBatchId>,
    /// Its version.
    pub version: i32,
}

impl Payout {
    /// Locks and reads a payout.
    ///
    /// # Errors
    /// `payout_not_found`.
    pub async fn lock(work: &mut Work, id: PayoutId) -> Result<Self, Failure> {
        let tenant = work.tenant().clone();
        let row = sqlx::query!(
            r#"SELECT partner, currency, amount_minor, state::text AS "state!", requested_by, batch_id, version
               FROM payouts WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(work.conn())
        .await?
        .ok_or_else(|| Failure::reject("payout_not_found", "there is no such payout"))?;
        Ok(Self {
            id,
            partner: partner_id(&row.partner),
            amount: Money::new(row.amount_minor, stored_currency(&row.currency)),
            state: State::from_name(&row.state).expect("the database knows the same states"),
            requested_by: row.requested_by,
            batch: row.batch_id.map(PayoutBatchId),
            version: row.version,
        })
    }

    /// Takes a step and writes it with what is known of it; returns the new version.
    ///
    /// # Errors
    /// `payout_state_conflict`.
    pub async fn step(&self, work: &mut Work, step: Step, note: Note<'_>) -> Result<u64, Failure> {
        let (tenant, now, state) = (work.tenant().clone(), work.now(), self.state.after(step)?);
        let approves = step == Step::Approve;
        let version = self.version + 1;
        sqlx::query!(
            "UPDATE payouts SET state = $3::text::payout_state, version = $4, approved_by = COALESCE($5, approved_by), reference = COALESCE($6, reference),
                    reason = COALESCE($7, reason), approved_at = CASE WHEN $8 THEN $9::timestamptz ELSE approved_at END,
                    finished_at = CASE WHEN $8 THEN NULL ELSE $9::timestamptz END
             WHERE tenant = $1 AND id = $2",
            tenant.as_str(),
            self.id.0,
            state.name(),
            version,
            note.approved_by,
            note.reference,
            note.reason,
            approves,
            now,
        )
        .execute(work.conn())
        .await?;
        Ok(u64::from(version.unsigned_abs()))
    }

    /// The money arrived: what was set aside is paid.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn settle(&self, work: &mut Work, cause: uuid::Uuid) -> Result<(), Failure> {
        self.move_money(work, Movement::Completed, cause).await?;
        let tenant = work.tenant().clone();
        sqlx::query!(
            "UPDATE commissions c SET paid_minor = c.paid_minor + a.minor, version = c.version + 1,
                    state = CASE WHEN c.paid_minor + a.minor = c.earned_minor - c.reversed_minor THEN 'paid' ELSE c.state END
             FROM payout_allocations a
             WHERE a.tenant = $1 AND a.payout_id = $2 AND NOT a.netted AND c.tenant = $1 AND c.id = a.commission_id",
            tenant.as_str(),
            self.id.0,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }

    /// The money stays here: what was set aside is payable again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn give_back(&self, work: &mut Work, cause: uuid::Uuid) -> Result<(), Failure> {
        self.move_money(work, Movement::Returned, cause).await?;
        let tenant = work.tenant().clone();
        sqlx::query!(
            "UPDATE commissions c SET allocated_minor = c.allocated_minor - a.minor, version = c.version + 1, state = 'approved'
             FROM payout_allocations a
             WHERE a.tenant = $1 AND a.payout_id = $2 AND NOT a.netted AND c.tenant = $1 AND c.id = a.commission_id",
            tenant.as_str(),
            self.id.0,
        )
        .execute(work.conn())
        .await?;
        Ok(())
    }

    async fn move_money(&self, work: &mut Work, movement: Movement, cause: uuid::Uuid) -> Result<(), Failure> {
        let owner = (self.partner.to_string(), self.amount.currency.to_string());
        accounts::lock(work, [owner.clone()]).await?;
        let payout = Some(self.id.0);
        let entry = Entry { owner, movement, minor: self.amount.minor, commission: None, payout, cause: Some(cause) };
        accounts::post(work, &[entry]).await?;
        Ok(())
    }
}

/// What is written down with a step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Note<'a> {
    /// Who allowed it.
    pub approved_by: Option<&'a str>,
    /// The bank's or provider's reference.
    pub reference: Option<&'a str>,
    /// Why it was refused or failed.
    pub reason: Option<&'a str>,
}
