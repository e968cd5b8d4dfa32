//! Which subjects rows are about, beside those that they name: what is marked to be looked at again.

use std::collections::BTreeSet;

use service_kit::store::Work;

use crate::commit_rows::Origin;
use crate::detection::{Books, Fact, Subject};
use crate::parse_report::NewRow;
use crate::policy::Policy;
use crate::touched;

/// Marks what the rows are about to be looked at again. The flag says whether a row is new.
///
/// # Errors
/// When the database is away.
pub(crate) async fn touch(work: &mut Work, origin: Origin, rows: Vec<(NewRow, bool)>) -> Result<(), sqlx::Error> {
    let mut books = Books::new(Policy::embedded());
    let mut subjects: BTreeSet<Subject> = BTreeSet::new();
    let mut fees_of: BTreeSet<String> = BTreeSet::new();
    for (row, is_new) in rows {
        match row.entry.fact {
            Some(Fact::FeePreview(_, preview)) if is_new => {
                fees_of.insert(preview.sku);
            }
            Some(fact) => subjects.append(&mut books.add(row.key, origin.place, fact)),
            None => {}
        }
    }
    touched::mark(work, origin.connection, &subjects).await?;
    let orders: Vec<String> = subjects
        .iter()
        .filter_map(|subject| match subject {
            Subject::Order(order) => Some(order.clone()),
            _ => None,
        })
        .collect();
    touch_beside(work, origin, &orders).await?;
    touch_fees(work, origin, &fees_of.into_iter().collect::<Vec<_>>()).await
}

/// What was paid for a return, and which returns are still open, follows from the order as well.
async fn touch_beside(work: &mut Work, origin: Origin, orders: &[String]) -> Result<(), sqlx::Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let tenant = work.tenant().clone();
    let beside = sqlx::query!(
        "SELECT DISTINCT fnsku, sku FROM report_rows
         WHERE tenant = $1 AND connection_id = $2 AND order_id = ANY($3) AND report IN ('return', 'reimbursement')",
        tenant.as_str(),
        origin.connection.0,
        orders,
    )
    .fetch_all(work.conn())
    .await?;
    let (fnskus, skus): (Vec<_>, Vec<_>) = beside.into_iter().map(|row| (row.fnsku, row.sku)).unzip();
    let (fnskus, skus): (Vec<String>, Vec<String>) =
        (fnskus.into_iter().flatten().collect(), skus.into_iter().flatten().collect());
    touched::mark_known(work, origin.connection, &["returns"], Some(&fnskus)).await?;
    touched::mark_known(work, origin.connection, &["payments"], Some(&skus)).await?;
    Ok(())
}

/// The first fees that are known of an article concern all of its orders; later ones concern orders to come.
async fn touch_fees(work: &mut Work, origin: Origin, skus: &[String]) -> Result<(), sqlx::Error> {
    if skus.is_empty() {
        return Ok(());
    }
    let tenant = work.tenant().clone();
    let first = sqlx::query_scalar!(
        r#"SELECT sku AS "sku!" FROM report_rows
           WHERE tenant = $1 AND connection_id = $2 AND report = 'fee_preview' AND sku = ANY($3)
           GROUP BY sku HAVING count(DISTINCT day) = 1"#,
        tenant.as_str(),
        origin.connection.0,
        skus,
    )
    .fetch_all(work.conn())
    .await?;
    if !first.is_empty() {
        // Orders are not looked up by article: the first time, all of them are touched.
        touched::mark_known(work, origin.connection, &["order", "stock", "inbound", "removals"], None).await?;
    }
    Ok(())
}
