//! What an article costs to buy, told by a person. What invoices say is kept beside it: see [`documented_costs`](crate::documented_costs).

use chrono::NaiveDate;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::claims::RecordSourcingCost;
use shared_events::money::Money;

use crate::{connection_row, documented_costs, touched};

/// Handles [`RecordSourcingCost`].
pub struct Record;

/// A cost to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Cost<'a> {
    /// Amazon's number of the article.
    pub fnsku: &'a str,
    /// For one unit, without freight, duty and labelling.
    pub unit: Money,
    /// From this day on.
    pub valid_from: NaiveDate,
    /// `manual` or `amazon_estimate`.
    pub source: &'a str,
    /// Who says so.
    pub told_by: &'a str,
}

impl Handles<RecordSourcingCost> for Record {
    async fn handle(&self, work: &mut Work, message: &Delivered<RecordSourcingCost>) -> Result<Outcome, Failure> {
        let RecordSourcingCost { fnsku, unit, valid_from, told_by } = &message.data;
        let cost = Cost { fnsku, unit: *unit, valid_from: *valid_from, source: "manual", told_by: told_by.as_str() };
        keep(work, &Cause::from(&message.envelope), cost).await?;
        Ok(Outcome::none())
    }
}

/// Keeps a cost, and has what it values looked at again.
///
/// # Errors
/// When the database is away.
pub async fn keep(work: &mut Work, cause: &Cause, cost: Cost<'_>) -> Result<(), sqlx::Error> {
    let (tenant, now) = (work.tenant().clone(), work.now());
    sqlx::query!(
        "INSERT INTO sourcing_costs (tenant, fnsku, currency, valid_from, unit_minor, source, told_by, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant, fnsku, currency, valid_from, source) DO UPDATE SET unit_minor = excluded.unit_minor,
             told_by = excluded.told_by, recorded_at = excluded.recorded_at",
        tenant.as_str(),
        cost.fnsku,
        cost.unit.currency.code(),
        cost.valid_from,
        cost.unit.minor,
        cost.source,
        cost.told_by,
        now,
    )
    .execute(work.conn())
    .await?;
    look_again(work, cause, &[cost.fnsku.to_owned()]).await
}

/// Has what a cost values looked at again, for articles with one of these numbers (Amazon's, or the seller's).
///
/// # Errors
/// When the database is away.
pub(crate) async fn look_again(work: &mut Work, cause: &Cause, codes: &[String]) -> Result<(), sqlx::Error> {
    let tenant = work.tenant().clone();
    for seller in connection_row::sellers(work, None).await? {
        let id = ConnectionId(seller.id);
        let fnskus = documented_costs::fnskus_of(work, id, codes).await?;
        let skus = sqlx::query_scalar!(
            r#"SELECT DISTINCT sku AS "sku!" FROM report_rows
               WHERE tenant = $1 AND connection_id = $2 AND fnsku = ANY($3) AND report = 'reimbursement' AND sku IS NOT NULL"#,
            tenant.as_str(),
            seller.id,
            &fnskus,
        )
        .fetch_all(work.conn())
        .await?;
        let mut touched =
            touched::mark_known(work, id, &["stock", "inbound", "removals", "returns"], Some(&fnskus)).await?;
        touched += touched::mark_known(work, id, &["payments"], Some(&skus)).await?;
        if touched > 0 {
            touched::evaluate_soon(work, cause, id).await?;
        }
        // The ledger's rows are not found by the seller's number, but what was found in them is.
        let found = documented_costs::found_of(work, id, codes).await?;
        if !found.is_empty() {
            touched::again(work, cause, id, &found).await?;
        }
    }
    Ok(())
}
