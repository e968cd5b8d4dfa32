//! The books of some subjects: their rows and what the rules look at beside them, and nothing else. So what an evaluation costs
//! follows from what was touched, however much a seller has.

use std::collections::{BTreeSet, HashMap};

use service_kit::store::Work;
use shared_events::money::{Currency, Money};
use shared_events::{ConnectionId, TenantId};
use sqlx::types::Json;
use uuid::Uuid;

use crate::detection::{Books, Fact, SourcingCost, Subject, Taken};
use crate::detection_row::RowView;
use crate::documented_costs;
use crate::kind::Kind;
use crate::marketplace::Marketplace;
use crate::policy::{ClaimType, Policy};
use crate::report_rows::{By, Kept, rows, sales_before};
use crate::reports::RowKey;

/// Books, and the rows in them as they are kept.
#[derive(Debug)]
pub struct Loaded {
    /// The books.
    pub books: Books,
    /// Their rows.
    pub rows: HashMap<RowKey, Kept>,
}

/// What is looked up for subjects.
#[derive(Default)]
struct Names {
    fnskus: BTreeSet<String>,
    skus: BTreeSet<String>,
    orders: BTreeSet<String>,
    parcels: BTreeSet<String>,
}

const OF_ARTICLE: [Kind; 9] = [
    Kind::Ledger,
    Kind::Reimbursement,
    Kind::Return,
    Kind::Removal,
    Kind::RemovalShipment,
    Kind::Delivery,
    Kind::Inbound,
    Kind::Stock,
    Kind::LongTermStorage,
];
const OF_ORDER: [Kind; 5] = [Kind::Sale, Kind::Return, Kind::Replacement, Kind::Settlement, Kind::Reimbursement];

fn list(names: &BTreeSet<String>) -> Vec<String> {
    names.iter().cloned().collect()
}

impl Names {
    fn of(subjects: &[Subject]) -> Self {
        let mut names = Self::default();
        for subject in subjects {
            match subject {
                Subject::Stock(name, _)
                | Subject::Returns(name)
                | Subject::Removals(name)
                | Subject::Inbound(name)
                | Subject::Storage(name) => names.fnskus.insert(name.clone()),
                Subject::Payments(name, _) => names.skus.insert(name.clone()),
                Subject::Order(name) => names.orders.insert(name.clone()),
                Subject::Parcel(name) => names.parcels.insert(name.clone()),
            };
        }
        names
    }
}

/// Loads the books of subjects.
///
/// # Errors
/// When the database is away.
pub async fn load(work: &mut Work, connection: ConnectionId, subjects: &[Subject]) -> Result<Loaded, sqlx::Error> {
    let names = Names::of(subjects);
    let mut kept: HashMap<RowKey, Kept> = HashMap::new();
    let mut keep = |found: Vec<Kept>| kept.extend(found.into_iter().map(|row| (row.key, row)));
    let mut kinds = OF_ARTICLE.to_vec();
    kinds.push(Kind::Storage);
    let of_articles = rows(work, connection, By::Fnsku(&list(&names.fnskus)), &kinds).await?;
    let paid = [Kind::Reimbursement, Kind::Settlement];
    let of_skus = rows(work, connection, By::Sku(&list(&names.skus)), &paid).await?;
    // What was paid for a return is valued by its order, and returns are told apart by theirs.
    let mut orders = names.orders.clone();
    let mut fnskus = names.fnskus.clone();
    let mut skus = names.skus.clone();
    for row in of_articles.iter().chain(&of_skus) {
        let order = match row.fact() {
            Ok(Some(Fact::Return(row))) => Some(row.order_id),
            Ok(Some(Fact::Reimbursement(row))) => {
                fnskus.insert(row.fnsku);
                skus.insert(row.sku);
                row.order_id
            }
            _ => None,
        };
        orders.extend(order);
    }
    keep(of_articles);
    keep(of_skus);
    let of_orders = rows(work, connection, By::Order(&list(&orders)), &OF_ORDER).await?;
    for row in &of_orders {
        if let Ok(Some(Fact::Sale(row))) = row.fact() {
            skus.insert(row.sku);
        }
    }
    keep(of_orders);
    keep(rows(work, connection, By::Order(&list(&names.parcels)), &[Kind::Parcel]).await?);
    skus.extend(skus_of(work, connection, &list(&names.fnskus)).await?);
    keep(rows(work, connection, By::Sku(&list(&skus)), &[Kind::FeePreview]).await?);
    let policy = Policy::embedded();
    keep(sales_before(work, connection, &list(&names.fnskus), policy.valuation.sourcing_cost_from).await?);

    let mut books = Books::new(policy);
    let mut articles = BTreeSet::new();
    for row in kept.values() {
        match row.fact() {
            Ok(Some(fact)) => {
                articles.extend(documented_costs::article_of(&fact));
                drop(books.add(row.key, row.place, fact));
            }
            Ok(None) => {}
            Err(problem) => {
                metrics::counter!("recoup_claims_rows_unreadable_total", "report" => row.kind.name()).increment(1);
                tracing::warn!(report = row.kind.name(), row.key = %row.key, ?problem, "a kept row cannot be read")
            }
        }
    }
    let tenant = work.tenant().clone();
    costs(work, &tenant, &list(&fnskus), &mut books).await?;
    articles.retain(|(fnsku, _)| fnskus.contains(fnsku));
    for (cost, document) in documented_costs::of_articles(work, &articles).await? {
        let Some(place) = place_of(cost.unit.currency) else { continue };
        let key = RowKey::of(&["cost", &cost.fnsku, cost.unit.currency.code(), &document]);
        books.add(key, place, Fact::Cost(cost));
    }
    watermarks(work, &tenant, connection, &mut books).await?;
    taken(work, &tenant, connection, (subjects, &fnskus), &mut books).await?;
    Ok(Loaded { books, rows: kept })
}

/// The seller's numbers of articles, as the ledger has them.
async fn skus_of(work: &mut Work, connection: ConnectionId, fnskus: &[String]) -> Result<Vec<String>, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(
        r#"SELECT DISTINCT sku AS "sku!" FROM report_rows
           WHERE tenant = $1 AND connection_id = $2 AND fnsku = ANY($3) AND report = 'fee_preview' AND sku IS NOT NULL"#,
        tenant.as_str(),
        connection.0,
        fnskus,
    )
    .fetch_all(work.conn())
    .await
}

/// A place that a cost in this currency can be told of: it counts wherever that is the currency.
fn place_of(currency: Currency) -> Option<Marketplace> {
    Marketplace::all().find(|place| place.currency() == currency)
}

async fn costs(work: &mut Work, tenant: &TenantId, fnskus: &[String], books: &mut Books) -> Result<(), sqlx::Error> {
    let costs = sqlx::query!(
        "SELECT fnsku, currency, valid_from, unit_minor, source FROM sourcing_costs WHERE tenant = $1 AND fnsku = ANY($2)",
        tenant.as_str(),
        fnskus,
    )
    .fetch_all(work.conn())
    .await?;
    for row in costs {
        let Ok(currency) = Currency::try_new(&row.currency) else { continue };
        let Some(place) = place_of(currency) else { continue };
        let key = RowKey::of(&["cost", &row.fnsku, &row.currency, &row.valid_from.to_string(), &row.source]);
        let unit = Money::new(row.unit_minor, currency);
        let cost = SourcingCost { fnsku: row.fnsku, unit, valid_from: row.valid_from, source: row.source };
        books.add(key, place, Fact::Cost(cost));
    }
    Ok(())
}

async fn watermarks(
    work: &mut Work,
    tenant: &TenantId,
    connection: ConnectionId,
    books: &mut Books,
) -> Result<(), sqlx::Error> {
    let marks = sqlx::query!(
        "SELECT name, day FROM watermarks WHERE tenant = $1 AND connection_id = $2",
        tenant.as_str(),
        connection.0,
    )
    .fetch_all(work.conn())
    .await?;
    for mark in marks {
        match mark.name.split_once('/') {
            Some(("settled", code)) => {
                if let Ok(currency) = Currency::try_new(code) {
                    books.settled_until(currency, mark.day);
                }
            }
            _ => books.ledger_until(mark.day),
        }
    }
    Ok(())
}

/// What our claims hold: they keep it, whatever becomes of the rows.
async fn taken(
    work: &mut Work,
    tenant: &TenantId,
    connection: ConnectionId,
    (subjects, fnskus): (&[Subject], &BTreeSet<String>),
    books: &mut Books,
) -> Result<(), sqlx::Error> {
    let abouts: Vec<String> = subjects.iter().map(crate::touched::text_of).collect();
    let claimed = sqlx::query!(
        r#"SELECT id, claim_type, marketplace, claim_id, case_id, rows AS "rows: Json<Vec<RowView>>" FROM detections
           WHERE tenant = $1 AND connection_id = $2 AND status = 'claimed' AND (about = ANY($3) OR fnsku = ANY($4))"#,
        tenant.as_str(),
        connection.0,
        &abouts,
        &list(fnskus),
    )
    .fetch_all(work.conn())
    .await?;
    for row in claimed {
        let claim_type = serde_json::from_value::<ClaimType>(row.claim_type.into());
        let (Ok(claim_type), Some(place)) = (claim_type, Marketplace::of_country(&row.marketplace)) else { continue };
        let rows = row.rows.0.iter().filter_map(|row| Some((key_of(&row.key)?, row.units))).collect();
        let claim = row.claim_id.map_or_else(String::new, |id: Uuid| id.to_string());
        let key = RowKey::of(&["taken", &row.id.to_string()]);
        books.add(key, place, Fact::Taken(Taken { claim, claim_type, case_id: row.case_id, rows }));
    }
    Ok(())
}

/// Reads a row's key from its text.
pub fn key_of(text: &str) -> Option<RowKey> {
    let (hash, occurrence) = text.split_once('.')?;
    Some(RowKey { hash: u128::from_str_radix(hash, 16).ok()?, occurrence: occurrence.parse().ok()? })
}
