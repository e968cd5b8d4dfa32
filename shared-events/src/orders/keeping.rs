//! What orders is asked about what it keeps: catalogue, customers, carts, warehouses, stock.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{StockMovementId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Puts an article into the local catalogue, or changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutProduct {
    /// The article.
    pub product_id: String,
    /// The seller's number.
    pub sku: String,
    /// What it is called.
    pub name: String,
    /// The price of one.
    pub unit_price: Money,
    /// How heavy one is, in grams.
    pub grams: i64,
    /// Whether it is sold.
    pub is_active: bool,
    /// Why it is entered or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who.
    pub by: Subject,
}

/// Enters a customer into our own table, or shuts one out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutCustomer {
    /// The customer.
    pub customer_id: String,
    /// Whether they may order.
    pub is_active: bool,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Says what lies in a cart of our own table; nothing = it is emptied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutCart {
    /// The customer's name of it.
    pub cart_id: String,
    /// Whose it is.
    pub customer_id: String,
    /// What lies in it.
    pub items: Vec<InCart>,
}

/// One article in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InCart {
    /// The catalogue's id.
    pub product_id: String,
    /// How many.
    pub quantity: i64,
    /// The price of one that the buyer saw, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<String>,
}

/// Gives a tenant a table of rates of its own, or takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutRates {
    /// Which: `customers` (tax, and what shipping costs them), `carriers` (what carriers take) or `pricing` (when goods cost another price
    /// than the catalogue's).
    pub table: String,
    /// The table; absent = the built-in one counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<serde_json::Value>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Makes a warehouse, or changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutWarehouse {
    /// The tenant's name of it.
    pub warehouse_id: String,
    /// What it is called.
    pub name: String,
    /// In which country: ISO 3166 alpha-2.
    pub country: String,
    /// What one shipment from it costs, in minor units.
    pub cost_minor: i64,
    /// How far customers in its own country are, in kilometres.
    pub distance_km: i64,
    /// Whether orders are sent from it.
    pub is_active: bool,
    /// The marketplace that runs it and sends from it by itself, by its country; absent = it is the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketplace: Option<String>,
    /// Where carriers fetch parcels: name, street_address, city, state, postal_code, country, phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub address: Option<serde_json::Value>,
    /// Why it is made or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who.
    pub by: Subject,
}

/// Goods came in, were counted, or their rules change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockChange {
    /// So many came in.
    Receive(i64),
    /// So many are there.
    Count(i64),
    /// From so few on, so many are to be ordered; so many are never sold.
    Rule {
        /// From so few on.
        reorder_point: i64,
        /// So many.
        reorder_quantity: i64,
        /// Never sold.
        safety: i64,
    },
}

/// Changes what a warehouse has of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeStock {
    /// Names the change; the same one twice counts once.
    pub movement_id: StockMovementId,
    /// Which article.
    pub sku: String,
    /// Where.
    pub warehouse_id: String,
    /// What happened.
    pub change: StockChange,
    /// The delivery note, or why.
    pub reference: String,
    /// Who.
    pub by: Subject,
}

messages! { Topic::commands(Service::Orders);
    PutProduct "orders.put_product.v1" product_id,
    PutCustomer "orders.put_customer.v1" customer_id,
    PutCart "orders.put_cart.v1" customer_id,
    PutWarehouse "orders.put_warehouse.v1" warehouse_id,
    ChangeStock "orders.change_stock.v1" sku,
    PutRates "orders.put_rates.v1" table,
}
