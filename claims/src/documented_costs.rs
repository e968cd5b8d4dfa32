//! What invoices say that articles cost, as evidence tells it: kept by the numbers on the invoice, used by whoever values an article.

use std::collections::BTreeSet;

use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::{Cause, Work};
use shared_events::ConnectionId;
use shared_events::evidence::{DocumentDeleted, UnitCostsDocumented};
use shared_events::money::{Currency, Money};

use crate::detection::{Fact, SourcingCost};
use crate::record_cost;

/// Handles [`UnitCostsDocumented`]: each number of an article has a cost from the date of the invoice on. What an earlier reading of it said of
/// others no longer counts.
pub struct Documented;

impl Handles<UnitCostsDocumented> for Documented {
    async fn handle(&self, work: &mut Work, message: &Delivered<UnitCostsDocumented>) -> Result<Outcome, Failure> {
        let UnitCostsDocumented { document_id, issued_on, costs } = &message.data;
        let (tenant, now) = (work.tenant().clone(), work.now());
        let (mut codes, mut units, mut currencies) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for cost in costs.iter().filter(|cost| cost.unit.minor > 0) {
            for code in &cost.codes {
                // What stands there twice at two prices has the first; the same row cannot be written twice.
                if seen.insert((code, cost.unit.currency.code())) {
                    codes.push(code.clone());
                    units.push(cost.unit.minor);
                    currencies.push(cost.unit.currency.code().to_owned());
                }
            }
        }
        let gone = sqlx::query_scalar!(
            "DELETE FROM documented_costs WHERE tenant = $1 AND document_id = $2
               AND (code, currency) NOT IN (SELECT * FROM unnest($3::text[], $4::text[])) RETURNING code",
            tenant.as_str(),
            document_id.0,
            &codes,
            &currencies,
        )
        .fetch_all(work.conn())
        .await?;
        sqlx::query!(
            "INSERT INTO documented_costs (tenant, code, document_id, currency, valid_from, unit_minor, recorded_at)
             SELECT $1, u.code, $2, u.currency, $3, u.minor, $4 FROM unnest($5::text[], $6::bigint[], $7::text[]) AS u (code, minor, currency)
             ON CONFLICT (tenant, code, document_id, currency) DO UPDATE SET valid_from = excluded.valid_from,
                 unit_minor = excluded.unit_minor, recorded_at = excluded.recorded_at",
            tenant.as_str(),
            document_id.0,
            issued_on,
            now,
            &codes,
            &units,
            &currencies,
        )
        .execute(work.conn())
        .await?;
        codes.extend(gone);
        record_cost::look_again(work, &Cause::from(&message.envelope), &codes).await?;
        Ok(Outcome::none())
    }
}

/// Handles [`DocumentDeleted`]: what it said no longer counts.
pub struct Deleted;

impl Handles<DocumentDeleted> for Deleted {
    async fn handle(&self, work: &mut Work, message: &Delivered<DocumentDeleted>) -> Result<Outcome, Failure> {
        let tenant = work.tenant().clone();
        let codes = sqlx::query_scalar!(
            "DELETE FROM documented_costs WHERE tenant = $1 AND document_id = $2 RETURNING code",
            tenant.as_str(),
            message.data.document_id.0,
        )
        .fetch_all(work.conn())
        .await?;
        if !codes.is_empty() {
            record_cost::look_again(work, &Cause::from(&message.envelope), &codes).await?;
        }
        Ok(Outcome::none())
    }
}

/// Amazon's and the seller's number of the article that a fact is about, where it names both.
pub(crate) fn article_of(fact: &Fact) -> Option<(String, String)> {
    let (fnsku, sku) = match fact {
        Fact::Ledger(row) => (&row.fnsku, &row.msku),
        Fact::Reimbursement(row) => (&row.fnsku, &row.sku),
        Fact::Return(row) => (&row.fnsku, &row.sku),
        Fact::Removal(row) => (&row.fnsku, &row.sku),
        Fact::RemovalShipment(row) => (&row.fnsku, &row.sku),
        Fact::Inbound(row) => (&row.fnsku, &row.sku),
        Fact::FeePreview(_, row) => (&row.fnsku, &row.sku),
        _ => return None,
    };
    (!fnsku.is_empty() && !sku.is_empty()).then(|| (fnsku.clone(), sku.clone()))
}

/// What invoices say about articles, given by both numbers; with the document that says so.
///
/// # Errors
/// When the database is away.
pub(crate) async fn of_articles(
    work: &mut Work,
    articles: &BTreeSet<(String, String)>,
) -> Result<Vec<(SourcingCost, String)>, sqlx::Error> {
    let codes: BTreeSet<&str> = articles.iter().flat_map(|(fnsku, sku)| [fnsku.as_str(), sku.as_str()]).collect();
    let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
    let tenant = work.tenant().clone();
    let rows = sqlx::query!(
        "SELECT code, document_id, currency, valid_from, unit_minor FROM documented_costs WHERE tenant = $1 AND code = ANY($2)",
        tenant.as_str(),
        &codes,
    )
    .fetch_all(work.conn())
    .await?;
    let mut costs = Vec::new();
    for row in rows {
        let Ok(currency) = Currency::try_new(&row.currency) else { continue };
        let named = articles.iter().filter(|(fnsku, sku)| *fnsku == row.code || *sku == row.code);
        // An article of two of the seller's numbers has the cost once.
        let fnskus: BTreeSet<&String> = named.map(|(fnsku, _)| fnsku).collect();
        for fnsku in fnskus {
            let (unit, source) = (Money::new(row.unit_minor, currency), "invoice".to_owned());
            let cost = SourcingCost { fnsku: fnsku.clone(), unit, valid_from: row.valid_from, source };
            costs.push((cost, row.document_id.to_string()));
        }
    }
    Ok(costs)
}

/// Amazon's numbers of the articles that have one of these numbers, as the account's reports have them.
///
/// # Errors
/// When the database is away.
pub(crate) async fn fnskus_of(
    work: &mut Work,
    connection: ConnectionId,
    codes: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT DISTINCT fnsku AS "fnsku!" FROM report_rows
           WHERE tenant = $1 AND connection_id = $2 AND fnsku IS NOT NULL AND (sku = ANY($3) OR fnsku = ANY($3))"#,
        tenant.as_str(),
        connection.0,
        codes,
    )
    .fetch_all(work.conn())
    .await
}

/// What rules looked at to find what is still open for articles that have one of these numbers.
///
/// # Errors
/// When the database is away.
pub(crate) async fn found_of(
    work: &mut Work,
    connection: ConnectionId,
    codes: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        "SELECT DISTINCT about FROM detections
         WHERE tenant = $1 AND connection_id = $2 AND (sku = ANY($3) OR fnsku = ANY($3))
           AND status IN ('researching', 'awaiting_auto', 'not_yet_open', 'claimable', 'review')",
        tenant.as_str(),
        connection.0,
        codes,
    )
    .fetch_all(work.conn())
    .await
}
