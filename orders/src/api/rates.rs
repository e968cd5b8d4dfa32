//! A tenant's own tables of rates, as managers keep them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use service_kit::auth::Caller;
use service_kit::http::Json;
use service_kit::problem::Problem;
use shared_events::orders::PutRates;
use utoipa::ToSchema;

use super::Api;
use super::ask::{Ask, Body, text};
use super::staff::MANAGERS;
use crate::domain::carriers::Table;
use crate::domain::rates::Rates;
use crate::place_order::own_rates;
use crate::put_rates::{CARRIERS, CUSTOMERS, carriers};

/// What customers pay beyond the goods.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerRates {
    /// The table; without one the built-in table counts again.
    #[serde(default)]
    rates: Option<Rates>,
    /// Why; 1 to 500 characters.
    reason: String,
}

/// What carriers take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarrierRates {
    /// The table; without one the built-in table counts again.
    #[serde(default)]
    rates: Option<Table>,
    /// Why; 1 to 500 characters.
    reason: String,
}

impl Body for CustomerRates {}

impl Body for CarrierRates {}

/// The table of what customers pay that counts now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownRates {
    /// The table.
    pub rates: Rates,
    /// Whether it is the tenant's own.
    pub is_own: bool,
}

/// The table of what carriers take that counts now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownCarrierRates {
    /// The table.
    pub rates: Table,
    /// Whether it is the tenant's own.
    pub is_own: bool,
}

async fn put<B>(
    api: &Api,
    ask: Ask<B>,
    table: &str,
    rates: Option<serde_json::Value>,
    reason: String,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    text("reason", &reason, 500)?;
    let command = PutRates { table: table.to_owned(), rates, reason, by: ask.caller.subject.clone() };
    api.carry_out(&ask.caller, &ask.ticket, &command, StatusCode::OK).await
}

/// Sets what customers pay beyond the goods: tax by country, shipping by method and currency. Orders placed from then on are reckoned by it.
/// For managers.
#[utoipa::path(put, path = "/api/v1/rates", operation_id = "put_rates", tag = "catalogue and stock", request_body = CustomerRates,
    security(("bearer" = [])), responses(
        (status = 200, description = "It counts", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_customers(State(api): State<Api>, mut ask: Ask<CustomerRates>) -> Result<Response, Problem> {
    let rates = ask.body.rates.take().map(serde_json::to_value).transpose().map_err(Problem::internal)?;
    let reason = std::mem::take(&mut ask.body.reason);
    put(&api, ask, CUSTOMERS, rates, reason).await
}

/// Sets what carriers take, by service and weight, and how long each shipping method may take; it counts where no carrier is connected.
/// For managers.
#[utoipa::path(put, path = "/api/v1/carrier-rates", operation_id = "put_carrier_rates", tag = "catalogue and stock", request_body = CarrierRates,
    security(("bearer" = [])), responses(
        (status = 200, description = "It counts", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_carriers(State(api): State<Api>, mut ask: Ask<CarrierRates>) -> Result<Response, Problem> {
    let rates = ask.body.rates.take().map(serde_json::to_value).transpose().map_err(Problem::internal)?;
    let reason = std::mem::take(&mut ask.body.reason);
    put(&api, ask, CARRIERS, rates, reason).await
}

/// What customers pay beyond the goods. For managers.
#[utoipa::path(get, path = "/api/v1/rates", operation_id = "read_rates", tag = "catalogue and stock", security(("bearer" = [])),
    responses((status = 200, description = "The table that counts", body = ShownRates)))]
pub async fn customers(State(api): State<Api>, caller: Caller) -> Result<Json<ShownRates>, Problem> {
    caller.require(&MANAGERS)?;
    let own = own_rates(&mut api.store.read(&caller.tenant).await?).await?;
    Ok(Json(ShownRates { is_own: own.is_some(), rates: own.unwrap_or_default() }))
}

/// What carriers take. For managers.
#[utoipa::path(get, path = "/api/v1/carrier-rates", operation_id = "read_carrier_rates", tag = "catalogue and stock", security(("bearer" = [])),
    responses((status = 200, description = "The table that counts", body = ShownCarrierRates)))]
pub async fn carriers_table(State(api): State<Api>, caller: Caller) -> Result<Json<ShownCarrierRates>, Problem> {
    caller.require(&MANAGERS)?;
    let (rates, is_own) = carriers(&mut api.store.read(&caller.tenant).await?).await?;
    Ok(Json(ShownCarrierRates { rates, is_own }))
}
