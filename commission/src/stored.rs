//! Commissions that exist already, read under the lock of their partners' money.

use service_kit::store::Work;
use shared_events::{CommissionId, PartnerId};
use uuid::Uuid;

use crate::accounts::{self, Owner};
use crate::domain::state::Amounts;

/// What decisions about a commission need of its row.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The commission.
    pub id: Uuid,
    /// What it was earned by.
    pub conversion: Uuid,
    /// The revision of the attribution.
    pub revision: i32,
    /// The campaign.
    pub campaign_id: Uuid,
    /// Whose it is.
    pub partner: String,
    /// `click`, `lead` or `sale`.
    pub rewarded_on: String,
    /// The month in which it counts.
    pub month: chrono::NaiveDate,
    /// What it added to the month's turnover.
    pub turnover_minor: i64,
    /// Its currency.
    pub currency: String,
    /// The state's name.
    pub state: String,
    /// Earned, reversed, allocated, paid.
    pub amounts: Amounts,
    /// What claw-backs took.
    pub clawed_back: i64,
    /// The commission that this one takes back from.
    pub reverses: Option<Uuid>,
    /// Its version.
    pub version: i32,
}

impl Stored {
    /// Whether a refund can still take something from it.
    pub fn stands(&self) -> bool {
        self.reverses.is_none() && !matches!(self.state.as_str(), "rejected" | "reversed")
    }

    /// The account that it belongs to.
    pub fn owner(&self) -> Owner {
        (self.partner.clone(), self.currency.clone())
    }

    /// What is left of it after reversals and claw-backs.
    pub fn left(&self) -> i64 {
        self.amounts.earned - self.amounts.reversed - self.clawed_back
    }
}

/// A partner's name from a row.
///
/// # Panics
/// When the row holds no valid name, which the messages that made it exclude.
pub fn partner_id(name: &str) -> PartnerId {
    PartnerId::try_new(name).expect("rows are written from valid names")
}

/// Locks the money of the partners and then the commissions of conversions, and reads them; in order of their making.
///
/// # Errors
/// When the database is away or another transaction is in the way.
pub async fn lock_by_conversions(work: &mut Work, conversions: &[Uuid]) -> Result<Vec<Stored>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let owners = sqlx::query!(
        // One probe for each conversion, whatever the planner knows of the table's size.
        "SELECT DISTINCT found.partner, found.currency FROM unnest($2::uuid[]) AS u (id) CROSS JOIN LATERAL (
             SELECT c.partner, c.currency FROM commissions c WHERE c.tenant = $1 AND c.conversion_id = u.id OFFSET 0) found",
        tenant.as_str(),
        conversions,
    )
    .fetch_all(work.conn())
    .await?;
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    accounts::lock(work, owners.into_iter().map(|row| (row.partner, row.currency))).await?;
    // Nobody changes these commissions without those locks, so that they stay where the probes find them.
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, conversion_id, revision, campaign_id, partner, rewarded_on::text AS "rewarded_on!", month, turnover_minor, currency,
                  state::text AS "state!", earned_minor, reversed_minor, clawed_back_minor, allocated_minor, paid_minor, reverses, version
           FROM commissions
           WHERE ctid = ANY (ARRAY(SELECT found.ctid FROM unnest($2::uuid[]) AS u (id) CROSS JOIN LATERAL (
               SELECT c.ctid FROM commissions c WHERE c.tenant = $1 AND c.conversion_id = u.id OFFSET 0) found))
           ORDER BY seq FOR UPDATE"#,
        tenant.as_str(),
        conversions,
    );
    Ok(rows.fetch_all(work.conn()).await?.into_iter().map(Stored::from).collect())
}

/// Locks the money of the partner and then one commission, and reads it.
///
/// # Errors
/// When the database is away or another transaction is in the way.
pub async fn lock_by_id(work: &mut Work, id: CommissionId) -> Result<Option<Stored>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let owner =
        sqlx::query!("SELECT partner, currency FROM commissions WHERE tenant = $1 AND id = $2", tenant.as_str(), id.0)
            .fetch_optional(work.conn())
            .await?;
    let Some(owner) = owner else { return Ok(None) };
    accounts::lock(work, [(owner.partner, owner.currency)]).await?;
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, conversion_id, revision, campaign_id, partner, rewarded_on::text AS "rewarded_on!", month, turnover_minor, currency,
                  state::text AS "state!", earned_minor, reversed_minor, clawed_back_minor, allocated_minor, paid_minor, reverses, version
           FROM commissions WHERE tenant = $1 AND id = $2 FOR UPDATE"#,
        tenant.as_str(),
        id.0,
    );
    Ok(row.fetch_optional(work.conn()).await?.map(Stored::from))
}

/// The columns of [`Stored`].
struct Row {
    id: Uuid,
    conversion_id: Uuid,
    revision: i32,
    campaign_id: Uuid,
    partner: String,
    rewarded_on: String,
    month: chrono::NaiveDate,
    turnover_minor: i64,
    currency: String,
    state: String,
    earned_minor: i64,
    reversed_minor: i64,
    clawed_back_minor: i64,
    allocated_minor: i64,
    paid_minor: i64,
    reverses: Option<Uuid>,
    version: i32,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            conversion: row.conversion_id,
            revision: row.revision,
            campaign_id: row.campaign_id,
            partner: row.partner,
            rewarded_on: row.rewarded_on,
            month: row.month,
            turnover_minor: row.turnover_minor,
            currency: row.currency,
            state: row.state,
            amounts: Amounts {
                earned: row.earned_minor,
                reversed: row.reversed_minor,
                allocated: row.allocated_minor,
                paid: row.paid_minor,
            },
            clawed_back: row.clawed_back_minor,
            reverses: row.reverses,
            version: row.version,
        }
    }
}

/// Ends a commission that no payout holds: nothing of it is left. Returns its new version.
///
/// # Errors
/// When the database is away.
pub async fn close(work: &mut Work, id: Uuid, state: &str, decision: &str) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE commissions SET state = $3::text::commission_state, decision = $4, reversed_minor = earned_minor, version = version + 1
         WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id,
        state,
        decision,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}

/// Makes a pending commission payable. Returns its new version.
///
/// # Errors
/// When the database is away.
pub async fn approve(work: &mut Work, id: Uuid, decision: &str) -> Result<u64, sqlx::Error> {
    let tenant = work.tenant().clone();
    let version = sqlx::query_scalar!(
        "UPDATE commissions SET state = 'approved', decision = $3, version = version + 1 WHERE tenant = $1 AND id = $2 RETURNING version",
        tenant.as_str(),
        id,
        decision,
    )
    .fetch_one(work.conn())
    .await?;
    Ok(u64::from(version.unsigned_abs()))
}
