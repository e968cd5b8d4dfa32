//! Rows of reports that tell of money, with their types.

use chrono::NaiveDate;
use service_kit::store::Work;
use shared_events::ConnectionId;

use crate::detection::{Fact, Posting};
use crate::fetch_finances::FinancePosting;
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::report_rows::{By, Kept, reimbursements_since, rows};
use crate::reports::{Reimbursement, RowKey};

/// A row with its type, and its text for those who have to prove something by it.
#[derive(Debug, Clone)]
pub struct Told<T> {
    /// Its identity.
    pub key: RowKey,
    /// The marketplace that its report was asked for.
    pub place: Marketplace,
    /// Its fields, parted by tabs.
    pub raw: String,
    /// What it says.
    pub row: T,
}

fn told<T>(kept: &Kept, row: T) -> Told<T> {
    Told { key: kept.key, place: kept.place, raw: kept.tabbed(), row }
}

fn reimbursed(rows: &[Kept]) -> Vec<Told<Reimbursement>> {
    rows.iter().filter_map(|kept| Some(told(kept, kept.typed().ok()?))).collect()
}

/// Reimbursements since a day, reversals too; at most twenty thousand, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn reimbursements(
    work: &mut Work,
    connection: ConnectionId,
    since: NaiveDate,
) -> Result<Vec<Told<Reimbursement>>, sqlx::Error> {
    Ok(reimbursed(&reimbursements_since(work, connection, since).await?))
}

/// Reimbursements that came by these cases, reversals too.
///
/// # Errors
/// When the database is away.
pub async fn reimbursements_of_cases(
    work: &mut Work,
    connection: ConnectionId,
    cases: &[String],
) -> Result<Vec<Told<Reimbursement>>, sqlx::Error> {
    Ok(reimbursed(&rows(work, connection, By::Case(cases), &[Kind::Reimbursement]).await?))
}

/// Reimbursements that the Finances API told of for articles, by the seller's numbers of them.
///
/// # Errors
/// When the database is away.
pub async fn finance_postings(
    work: &mut Work,
    connection: ConnectionId,
    skus: &[String],
) -> Result<Vec<Told<FinancePosting>>, sqlx::Error> {
    let rows = rows(work, connection, By::Sku(skus), &[Kind::Finance]).await?;
    Ok(rows.iter().filter_map(|kept| Some(told(kept, serde_json::from_str(&kept.raw).ok()?))).collect())
}

/// Postings of reimbursements for articles, by the seller's numbers of them.
///
/// # Errors
/// When the database is away.
pub async fn postings(
    work: &mut Work,
    connection: ConnectionId,
    skus: &[String],
) -> Result<Vec<Told<Posting>>, sqlx::Error> {
    let rows = rows(work, connection, By::Sku(skus), &[Kind::Settlement]).await?;
    let posting = |kept: &Kept| match kept.fact() {
        Ok(Some(Fact::Posting(posting))) => Some(told(kept, posting)),
        _ => None,
    };
    Ok(rows.iter().filter_map(posting).collect())
}
