//! Gives a tenant tables of rates of its own: what customers pay beyond the goods, what carriers take, and when goods cost another price
//! than the catalogue's. What they stood at is in the audit; orders that were placed keep what they were reckoned by.

use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::handler::{Delivered, Failure, Handles, Outcome};
use service_kit::store::Work;
use shared_events::orders::PutRates;
use shared_events::outcome::Rejection;
use sqlx::types::Json;

use crate::audit::{self, Entry};
use crate::domain::carriers::Table;
use crate::domain::pricing::PriceRules;
use crate::domain::rates::Rates;

/// What customers pay: the name of the table.
pub const CUSTOMERS: &str = "customers";
/// What carriers take: the name of the table.
pub const CARRIERS: &str = "carriers";
/// When goods cost another price: the name of the table.
pub const PRICING: &str = "pricing";

/// Handles [`PutRates`].
pub struct Put;

impl Handles<PutRates> for Put {
    async fn handle(&self, work: &mut Work, message: &Delivered<PutRates>) -> Result<Outcome, Failure> {
        let (tenant, now, data) = (work.tenant().clone(), work.now(), &message.data);
        match (data.table.as_str(), &data.rates) {
            (CUSTOMERS | CARRIERS | PRICING, None) => {}
            (CUSTOMERS, Some(rates)) => read::<Rates>(rates)?.check()?,
            (CARRIERS, Some(rates)) => read::<Table>(rates)?.check()?,
            (PRICING, Some(rates)) => read::<PriceRules>(rates)?.check()?,
            _ => {
                let detail = "must be customers, carriers or pricing";
                return Err(Rejection::new("invalid_table", detail).at("table").into());
            }
        }
        let known = sqlx::query!(
            "SELECT rates, carriers, pricing FROM rate_tables WHERE tenant = $1 FOR UPDATE",
            tenant.as_str()
        )
        .fetch_optional(work.conn())
        .await?;
        let (mut rates, mut carriers, mut pricing) =
            known.map_or((None, None, None), |row| (row.rates, row.carriers, row.pricing));
        let table = match data.table.as_str() {
            CUSTOMERS => &mut rates,
            CARRIERS => &mut carriers,
            _ => &mut pricing,
        };
        let before = std::mem::replace(table, data.rates.clone());
        sqlx::query!(
            "INSERT INTO rate_tables (tenant, rates, carriers, updated_at, pricing) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant) DO UPDATE SET rates = $2, carriers = $3, updated_at = $4, pricing = $5",
            tenant.as_str(),
            rates,
            carriers,
            now,
            pricing,
        )
        .execute(work.conn())
        .await?;
        let entry = Entry {
            who: data.by.as_str(),
            what: "put_rates",
            subject: format!("rates of {}", data.table),
            before: before.unwrap_or(Value::Null),
            after: data.rates.clone().unwrap_or(Value::Null),
            why: &data.reason,
        };
        audit::write(work, entry).await?;
        Ok(Outcome::ids(&serde_json::json!({ "table": data.table, "is_own": data.rates.is_some() })))
    }
}

fn read<T: DeserializeOwned>(rates: &Value) -> Result<T, Rejection> {
    T::deserialize(rates).map_err(|error| Rejection::new("invalid_rates", error.to_string()).at("rates"))
}

/// What carriers take: the tenant's own table, or the built-in one; and whether it is its own.
///
/// # Errors
/// When the database is away.
pub async fn carriers(work: &mut Work) -> Result<(Table, bool), sqlx::Error> {
    let tenant = work.tenant().clone();
    let own = sqlx::query_scalar!(
        r#"SELECT carriers AS "carriers: Json<Table>" FROM rate_tables WHERE tenant = $1"#,
        tenant.as_str()
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(own.flatten().map_or_else(|| (Table::default(), false), |own| (own.0, true)))
}

/// When goods cost another price than the catalogue's: the tenant's own rules, or none; and whether it has some.
///
/// # Errors
/// When the database is away.
pub async fn price_rules(work: &mut Work) -> Result<(PriceRules, bool), sqlx::Error> {
    let tenant = work.tenant().clone();
    let own = sqlx::query_scalar!(
        r#"SELECT pricing AS "pricing: Json<PriceRules>" FROM rate_tables WHERE tenant = $1"#,
        tenant.as_str()
    )
    .fetch_optional(work.conn())
    .await?;
    Ok(own.flatten().map_or_else(|| (PriceRules::default(), false), |own| (own.0, true)))
}
