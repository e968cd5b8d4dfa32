//! Partners' accounts in the database: their lock, their ledger, their balances.
//!
//! The balance row of a partner and currency is the lock of its money: whoever changes commissions that exist already locks the balances
//! first, in the order of (partner, currency), then the commissions. New commissions need no lock, but what they earn changes balances
//! too. It is gathered and written at the end of the transaction, or with the locks that the same transaction takes after all: taken
//! at once, the rows of one run would be held while those of refunds are waited for, and two partitions would wait for each other.

use std::collections::BTreeMap;
use std::pin::Pin;

use service_kit::store::{Gathered, Work};
use uuid::Uuid;

use crate::domain::ledger::{Balance, Movement};

/// A partner's account: partner and currency.
pub type Owner = (String, String);

/// One movement to write down.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose.
    pub owner: Owner,
    /// Why.
    pub movement: Movement,
    /// How much; positive.
    pub minor: i64,
    /// The commission it is about.
    pub commission: Option<Uuid>,
    /// The payout it is about.
    pub payout: Option<Uuid>,
    /// The message that caused it; absent where a hold ended by itself.
    pub cause: Option<Uuid>,
}

/// What a transaction has newly earned for partners and not written yet.
#[derive(Debug, Default)]
struct Accruals(BTreeMap<Owner, i64>);

impl Gathered for Accruals {
    fn write<'a>(&'a self, work: &'a mut Work) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>> {
        Box::pin(write_accruals(work, &self.0))
    }
}

/// Locks the balances of these owners until the transaction ends, and reads them.
///
/// # Errors
/// When the database is away or another transaction is in the way.
pub async fn lock(
    work: &mut Work,
    owners: impl IntoIterator<Item = Owner>,
) -> Result<BTreeMap<Owner, Balance>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let owners: Vec<Owner> = owners.into_iter().collect();
    let Accruals(mut touched) = work.take_gathered();
    if !touched.is_empty() {
        // Together, so that all rows of this transaction are locked in one order.
        for owner in &owners {
            touched.entry(owner.clone()).or_default();
        }
        write_accruals(work, &touched).await?;
    }
    let (partners, currencies): (Vec<String>, Vec<String>) = owners.into_iter().unzip();
    let rows = sqlx::query!(
        r#"SELECT partner, currency, accrued, payable, in_payout, paid, clawback_receivable FROM balances
         WHERE tenant = $1 AND (partner, currency) IN (SELECT * FROM unnest($2::text[], $3::text[]))
         ORDER BY partner COLLATE "C", currency COLLATE "C" FOR UPDATE"#,
        tenant.as_str(),
        &partners,
        &currencies,
    )
    .fetch_all(work.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let balance = Balance {
                accrued: row.accrued,
                payable: row.payable,
                in_payout: row.in_payout,
                paid: row.paid,
                clawback_receivable: row.clawback_receivable,
            };
            ((row.partner, row.currency), balance)
        })
        .collect())
}

/// Writes movements into the ledger and the balances, which are locked by [`lock`]. Movements of nothing are left out.
///
/// # Errors
/// When the database is away, or a balance would leave its bounds (which would be a defect).
pub async fn post(work: &mut Work, entries: &[Entry]) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    let entries: Vec<&Entry> = entries.iter().filter(|entry| entry.minor > 0).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Entry) -> &str| entries.iter().map(|entry| of(entry).to_owned()).collect::<Vec<String>>();
    let minor: Vec<i64> = entries.iter().map(|entry| entry.minor).collect();
    let commissions: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.commission).collect();
    let payouts: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.payout).collect();
    let causes: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.cause).collect();
    sqlx::query!(
        "INSERT INTO ledger (tenant, partner, at, currency, movement, from_account, to_account, minor, commission_id, payout_id, cause)
         SELECT $1, e.partner, $2, e.currency, e.movement::movement, e.from_account::account, e.to_account::account, e.minor,
                e.commission_id, e.payout_id, e.cause
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::uuid[], $10::uuid[], $11::uuid[])
              AS e (partner, currency, movement, from_account, to_account, minor, commission_id, payout_id, cause)",
        tenant.as_str(),
        now,
        &column(|entry| &entry.owner.0),
        &column(|entry| &entry.owner.1),
        &column(|entry| entry.movement.name()),
        &column(|entry| entry.movement.accounts().0.name()),
        &column(|entry| entry.movement.accounts().1.name()),
        &minor,
        &commissions as _,
        &payouts as _,
        &causes as _,
    )
    .execute(work.conn())
    .await?;
    let mut changes: BTreeMap<&Owner, Balance> = BTreeMap::new();
    for entry in entries {
        *changes.entry(&entry.owner).or_default() += Balance::of(entry.movement, entry.minor);
    }
    change_balances(work, &changes).await
}

async fn change_balances(work: &mut Work, changes: &BTreeMap<&Owner, Balance>) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    let text = |of: fn(&Owner) -> &String| changes.keys().map(|owner| of(owner).clone()).collect::<Vec<String>>();
    let minor = |of: fn(&Balance) -> i64| changes.values().map(of).collect::<Vec<i64>>();
    sqlx::query!(
        "UPDATE balances b SET accrued = b.accrued + c.accrued, payable = b.payable + c.payable, in_payout = b.in_payout + c.in_payout,
                paid = b.paid + c.paid, clawback_receivable = b.clawback_receivable + c.clawback_receivable
         FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
              AS c (partner, currency, accrued, payable, in_payout, paid, clawback_receivable)
         WHERE b.tenant = $1 AND b.partner = c.partner AND b.currency = c.currency",
        tenant.as_str(),
        &text(|owner| &owner.0),
        &text(|owner| &owner.1),
        &minor(|balance| balance.accrued),
        &minor(|balance| balance.payable),
        &minor(|balance| balance.in_payout),
        &minor(|balance| balance.paid),
        &minor(|balance| balance.clawback_receivable),
    )
    .execute(work.conn())
    .await?;
    Ok(())
}

/// Adds what was newly earned to `accrued`, before the transaction ends.
pub fn accrue<'a>(work: &mut Work, earned: impl Iterator<Item = ((&'a str, &'a str), i64)>) {
    let Accruals(gathered) = work.gathered();
    for ((partner, currency), minor) in earned {
        *gathered.entry((partner.to_owned(), currency.to_owned())).or_default() += minor;
    }
}

/// Adds to balances, making those that do not exist yet: one row per partner and transaction, in the order of (partner, currency).
async fn write_accruals(work: &mut Work, earned: &BTreeMap<Owner, i64>) -> Result<(), sqlx::Error> {
    if earned.is_empty() {
        return Ok(());
    }
    let tenant = work.tenant().clone();
    let (partners, currencies): (Vec<String>, Vec<String>) = earned.keys().cloned().unzip();
    let minor: Vec<i64> = earned.values().copied().collect();
    sqlx::query!(
        "INSERT INTO balances AS b (tenant, partner, currency, accrued, payable, in_payout, paid, clawback_receivable)
         SELECT $1, e.partner, e.currency, e.minor, 0, 0, 0, 0 FROM unnest($2::text[], $3::text[], $4::bigint[]) AS e (partner, currency, minor)
         ON CONFLICT (tenant, partner, currency) DO UPDATE SET accrued = b.accrued + EXCLUDED.accrued",
        tenant.as_str(),
        &partners,
        &currencies,
        &minor,
    )
    .execute(work.conn())
    .await?;
    Ok(())
}
