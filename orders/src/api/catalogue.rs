//! The local catalogue, warehouses and stock, as staff keeps them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::auth::{Caller, Role};
use service_kit::http::{Json, Paging, Path, Query};
use service_kit::problem::Problem;
use shared_events::orders::{ChangeStock, PutProduct, PutWarehouse, StockChange};
use shared_events::{Currency, StockMovementId, ids};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::amount::Amount;
use super::ask::{Ask, Body, text};
use super::bodies::check_address;
use super::staff::MANAGERS;
use super::{Api, reach};
use crate::private::Address;

/// An article.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sku": "WIDGET-001", "name": "Premium Widget", "unit_price": "29.99", "currency": "USD", "grams": 400}))]
pub struct Product {
    /// The seller's number.
    sku: String,
    /// What it is called.
    name: String,
    /// The price of one.
    unit_price: Amount,
    /// In which currency.
    #[serde(default = "usd")]
    currency: Currency,
    /// How heavy one is.
    #[serde(default)]
    grams: i64,
    /// Whether it is sold.
    #[serde(default = "yes")]
    is_active: bool,
    /// Why it is entered or changed, for the audit; at most 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Product {}

const fn usd() -> Currency {
    Currency::USD
}

const fn yes() -> bool {
    true
}

/// Puts an article into the catalogue, or changes it. For managers.
#[utoipa::path(put, path = "/api/v1/products/{id}", operation_id = "put_product", tag = "catalogue and stock",
    params(("id" = String, Path, description = "The article")), request_body = Product, security(("bearer" = [])), responses(
        (status = 200, description = "It is there", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Another article has this number", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn put_product(
    State(api): State<Api>,
    Path(id): Path<String>,
    ask: Ask<Product>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    for (field, value) in [("id", &id), ("sku", &body.sku), ("name", &body.name)] {
        text(field, value, 128)?;
    }
    check_reason(body.reason.as_deref())?;
    let command = PutProduct {
        product_id: id,
        unit_price: body.unit_price.read("unit_price", body.currency)?,
        sku: body.sku,
        name: body.name,
        grams: body.grams,
        is_active: body.is_active,
        reason: body.reason,
        by: caller.subject.clone(),
    };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// A warehouse.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "East", "country": "US", "shipment_cost": "4.00", "distance_km": 300}))]
pub struct Warehouse {
    /// What it is called.
    name: String,
    /// In which country.
    country: String,
    /// What one shipment from it costs, in USD; it decides which of several is chosen.
    shipment_cost: Amount,
    /// How far customers in its own country are.
    #[serde(default)]
    distance_km: i64,
    /// Whether orders are sent from it.
    #[serde(default = "yes")]
    is_active: bool,
    /// The marketplace that runs it and sends from it by itself, by its country, such as US; the tenant's own unless said.
    #[serde(default)]
    marketplace: Option<String>,
    /// Where carriers fetch parcels; needed where labels are bought through EasyPost.
    #[serde(default)]
    address: Option<Address>,
    /// Why it is made or changed, for the audit; at most 500 characters.
    #[serde(default)]
    reason: Option<String>,
}

impl Body for Warehouse {}

fn check_reason(reason: Option<&str>) -> Result<(), Problem> {
    reason.map_or(Ok(()), |reason| text("reason", reason, 500))
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

/// Makes a warehouse, or changes it. For managers.
#[utoipa::path(put, path = "/api/v1/warehouses/{id}", operation_id = "put_warehouse", tag = "catalogue and stock",
    params(("id" = String, Path, description = "The warehouse")), request_body = Warehouse, security(("bearer" = [])), responses(
        (status = 200, description = "It is there", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value)))]
pub async fn put_warehouse(
    State(api): State<Api>,
    Path(id): Path<String>,
    ask: Ask<Warehouse>,
) -> Result<Response, Problem> {
    ask.caller.require(&MANAGERS)?;
    let Ask { caller, body, ticket } = ask;
    text("id", &id, 64)?;
    text("name", &body.name, 128)?;
    check_reason(body.reason.as_deref())?;
    let country = body.country.to_ascii_uppercase();
    let mut body = body;
    if let Some(address) = &mut body.address {
        check_address("address", address)?;
    }
    let marketplace = body.marketplace.map(|code| code.to_ascii_uppercase());
    for (field, code) in [("country", Some(&country)), ("marketplace", marketplace.as_ref())] {
        if code.is_some_and(|code| !is_country(code)) {
            return Err(Problem::invalid_field(field, "must be a country by its two letters, such as US"));
        }
    }
    let command = PutWarehouse {
        warehouse_id: id,
        name: body.name,
        country,
        cost_minor: body.shipment_cost.read("shipment_cost", Currency::USD)?.minor,
        distance_km: body.distance_km,
        is_active: body.is_active,
        marketplace,
        address: body.address.map(serde_json::to_value).transpose().map_err(Problem::internal)?,
        reason: body.reason,
        by: caller.subject.clone(),
    };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// A change of stock: one of `receive`, `count` and `rule`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sku": "WIDGET-001", "warehouse_id": "east", "change": {"receive": 40}, "reference": "delivery note 77"}))]
pub struct Change {
    /// Which article.
    sku: String,
    /// Where.
    warehouse_id: String,
    /// What happened.
    change: StockChange,
    /// The delivery note, or why.
    reference: String,
}

impl Body for Change {}

/// Goods came in, were counted, or their rules change. For staff.
#[utoipa::path(post, path = "/api/v1/stock", operation_id = "change_stock", tag = "catalogue and stock", request_body = Change,
    security(("bearer" = [])), responses(
        (status = 200, description = "Written down", body = serde_json::Value), (status = 202, description = "Accepted", body = serde_json::Value),
        (status = 409, description = "Fewer than are set aside", body = service_kit::problem::Body, content_type = "application/problem+json")))]
pub async fn change_stock(State(api): State<Api>, ask: Ask<Change>) -> Result<Response, Problem> {
    ask.caller.require(&Role::STAFF)?;
    let Ask { caller, body, ticket } = ask;
    for (field, value) in [("sku", &body.sku), ("warehouse_id", &body.warehouse_id), ("reference", &body.reference)] {
        text(field, value, 128)?;
    }
    let mut work = api.store.read(&caller.tenant).await?;
    reach::check_warehouse(&mut work, &caller, &body.warehouse_id).await?;
    drop(work);
    let command = ChangeStock {
        movement_id: StockMovementId(ids::derive(&["stock-movement", &ticket.id.to_string()])),
        sku: body.sku,
        warehouse_id: body.warehouse_id,
        change: body.change,
        reference: body.reference,
        by: caller.subject.clone(),
    };
    api.carry_out(&caller, &ticket, &command, StatusCode::OK).await
}

/// Which movements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this article.
    sku: Option<String>,
    /// In this warehouse.
    warehouse_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Entries on the page, at most 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// A movement of stock.
#[derive(Debug, Serialize, ToSchema)]
pub struct Movement {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Which article.
    pub sku: String,
    /// Where.
    pub warehouse_id: String,
    /// `received`, `counted`, `reserved`, `released`, `shipped` or `returned`.
    #[schema(example = "reserved")]
    pub movement: String,
    /// By how much what is there changed.
    pub on_hand: i64,
    /// By how much what is set aside changed.
    pub reserved: i64,
    /// For which order.
    pub order_id: Option<Uuid>,
    /// The delivery note, or why.
    pub reference: Option<String>,
    /// Who, or `process`.
    pub who: String,
}

/// Movements of a page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Movements {
    /// Newest first.
    pub movements: Vec<Movement>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Each movement of stock with its cause. For staff.
#[utoipa::path(get, path = "/api/v1/stock/ledger", operation_id = "stock_ledger", tag = "catalogue and stock", params(Which), security(("bearer" = [])),
    responses((status = 200, description = "A page of movements", body = Movements)))]
pub async fn ledger(
    State(api): State<Api>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Movements>, Problem> {
    caller.require(&Role::STAFF)?;
    let at = Paging::of(which.limit, which.cursor.as_deref())?;
    let mut work = api.store.read(&caller.tenant).await?;
    let own = reach::warehouses(&mut work, &caller).await?;
    let mut movements = sqlx::query_as!(
        Movement,
        "SELECT seq, at, sku, warehouse_id, movement, on_hand, reserved, order_id, reference, who FROM stock_ledger
         WHERE tenant = $1 AND ($2::text IS NULL OR sku = $2) AND ($3::text IS NULL OR warehouse_id = $3)
           AND ($4::bigint IS NULL OR seq < $4) AND ($6::text[] IS NULL OR warehouse_id = ANY($6)) ORDER BY seq DESC LIMIT $5",
        caller.tenant.as_str(),
        which.sku,
        which.warehouse_id,
        at.seen(),
        at.rows(),
        own.as_deref(),
    )
    .fetch_all(work.conn())
    .await?;
    let next_cursor = at.cut(&mut movements, |movement| movement.seq);
    Ok(Json(Movements { movements, next_cursor }))
}
