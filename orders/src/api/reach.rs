//! How far a caller sees: managers everything of their tenant, operators what is in their own warehouses. What is out of reach is not there.

use service_kit::auth::{Caller, Role};
use service_kit::problem::Problem;
use service_kit::store::Work;
use uuid::Uuid;

use super::staff::MANAGERS;

/// The warehouses that an operator works in; `None` for whoever is not bound to any: managers see all of them, and customers are let
/// through by whose order it is.
///
/// # Errors
/// When the database is away.
pub async fn warehouses(work: &mut Work, caller: &Caller) -> Result<Option<Vec<String>>, Problem> {
    if caller.has_any(&MANAGERS) || !caller.has_any(&[Role::Operator]) {
        return Ok(None);
    }
    let rows = sqlx::query_scalar!(
        "SELECT warehouse_id FROM warehouse_operators WHERE tenant = $1 AND operator = $2 ORDER BY warehouse_id LIMIT 1000",
        caller.tenant.as_str(),
        caller.subject.as_str(),
    )
    .fetch_all(work.conn())
    .await?;
    Ok(Some(rows))
}

/// Refuses a warehouse that the caller does not work in.
///
/// # Errors
/// 404: it is not there for this caller.
pub async fn check_warehouse(work: &mut Work, caller: &Caller, warehouse: &str) -> Result<(), Problem> {
    match warehouses(work, caller).await? {
        Some(own) if !own.iter().any(|known| known == warehouse) => Err(Problem::not_found()),
        _ => Ok(()),
    }
}

/// Whether an order leaves from one of these warehouses.
///
/// # Errors
/// When the database is away.
pub async fn touches(work: &mut Work, order: Uuid, warehouses: &[String]) -> Result<bool, sqlx::Error> {
    let tenant = work.tenant().clone();
    sqlx::query_scalar!(r#"SELECT order_is_in($1, $2, $3) AS "is_in!""#, tenant.as_str(), order, warehouses)
        .fetch_one(work.conn())
        .await
}
