//! The money of a claim: what came, what was taken back, and the fees.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use service_kit::store::Work;
use shared_events::money::Money;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claim_row::currency;

/// An amount as answers write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AmountView {
    /// In decimals.
    #[schema(example = "276.68")]
    pub amount: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    pub currency: String,
}

impl AmountView {
    /// So many minor units of a currency as it is stored.
    pub fn of(minor: i64, code: &str) -> Self {
        Self { amount: Money::new(minor, currency(code)).decimal(), currency: code.to_owned() }
    }
}

/// Money that came for a claim, or was taken back (negative).
#[derive(Debug, Serialize, ToSchema)]
pub struct Payout {
    /// The marketplace's number of the reimbursement.
    pub reimbursement_id: String,
    /// The reimbursement that this takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<String>,
    /// How much.
    pub amount: AmountView,
    /// Units that were given instead of money.
    pub inventory_units: i64,
    /// How probable it is that it pays this claim, in ten thousandths; absent: it names the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_bps: Option<i32>,
    /// The row of the posting that shows the money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posting: Option<String>,
    /// When the marketplace approved it.
    pub approved_on: NaiveDate,
    /// When it was confirmed; absent: reimbursed, and not posted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// A fee, or a credit (negative).
#[derive(Debug, Serialize, ToSchema)]
pub struct Fee {
    /// The fee.
    pub id: Uuid,
    /// `accrued`: owed and not charged yet; `charged`; `credited`.
    pub status: String,
    /// What it is a share of.
    pub basis: AmountView,
    /// The share, in ten thousandths.
    pub rate_bps: i32,
    /// How much.
    pub amount: AmountView,
    /// When.
    pub at: DateTime<Utc>,
    /// How it is settled: `planned`, `asked` (it may have happened), `processing` (with the bank) or `done`; absent: not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<String>,
    /// The payment provider's number of the payment or refund that settles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The payouts of a claim, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn payouts(work: &mut Work, claim: Uuid) -> Result<Vec<Payout>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT reimbursement_id, original_id, amount_minor, currency, inventory_units, probability_bps, posting_key, approved_on, confirmed_at
         FROM claim_payouts WHERE tenant = $1 AND claim_id = $2 ORDER BY approved_on, found_at, id LIMIT 1000",
        tenant.as_str(),
        claim,
    )
    .fetch_all(work.conn())
    .await?;
    let payouts = rows.into_iter().map(|row| Payout {
        reimbursement_id: row.reimbursement_id,
        reverses: row.original_id,
        amount: AmountView::of(row.amount_minor, &row.currency),
        inventory_units: row.inventory_units,
        probability_bps: row.probability_bps,
        posting: row.posting_key,
        approved_on: row.approved_on,
        confirmed_at: row.confirmed_at,
    });
    Ok(payouts.collect())
}

/// The fees of a claim, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn fees(work: &mut Work, claim: Uuid) -> Result<Vec<Fee>, sqlx::Error> {
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        r#"SELECT f.id, f.state, f.basis_minor, f.rate_bps, f.amount_minor, f.currency, f.accrued_at, m.state AS "settlement?",
                  coalesce(f.provider_ref, m.provider_ref) AS reference
           FROM claim_fees f LEFT JOIN fee_moves m ON m.tenant = f.tenant AND m.id = f.move_id
           WHERE f.tenant = $1 AND f.claim_id = $2 ORDER BY f.seq LIMIT 1000"#,
        tenant.as_str(),
        claim,
    )
    .fetch_all(work.conn())
    .await?;
    let fees = rows.into_iter().map(|row| Fee {
        id: row.id,
        status: row.state,
        basis: AmountView::of(row.basis_minor, &row.currency),
        rate_bps: row.rate_bps,
        amount: AmountView::of(row.amount_minor, &row.currency),
        at: row.accrued_at,
        settlement: row.settlement,
        reference: row.reference,
    });
    Ok(fees.collect())
}
