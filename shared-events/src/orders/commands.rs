//! What orders is asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AskedItem, Channel, LineQuantity, Marks};
use crate::envelope::{Message, Service, Topic};
use crate::ids::{OrderId, OrderTaskId, RefundId, StockMovementId, Subject};
use crate::messages;
use crate::money::{Currency, Money};

/// Takes an order. Prices are the catalogue's; addresses, mail and payment token travel sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceOrder {
    /// The order that this makes.
    pub order_id: OrderId,
    /// Whose order it is.
    pub customer_id: String,
    /// By which door it came in.
    pub channel: Channel,
    /// What is ordered.
    pub items: Vec<AskedItem>,
    /// In which currency; absent = the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The ordering system's own share of tax, in basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_basis_points: Option<i64>,
    /// The ordering system's own tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// The ordering system's own price of shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Money>,
    /// What the buyer expects to pay in all; refused when it comes to something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
    /// Where it goes: ISO 3166 alpha-2.
    pub ship_country: String,
    /// How it is sent: `standard`, `express`, ...
    pub shipping_method: String,
    /// How it is paid: `credit_card`, ...
    pub payment_method: String,
    /// Addresses, mail, telephone and payment token, sealed for this order.
    pub private: String,
    /// What can be told of them.
    pub marks: Marks,
    /// The click that led to the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// The coupon that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// Whether the sender may name prices, tax and shipping: staff and selling systems.
    pub is_trusted: bool,
    /// Who sent it.
    pub placed_by: Subject,
}

/// Changes where and how an order is sent, before it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateOrder {
    /// The order.
    pub order_id: OrderId,
    /// The new details, sealed for this order; absent = as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// What can be told of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// Where it goes now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_country: Option<String>,
    /// How it is sent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// Whose orders the sender may change; absent = everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_of: Option<String>,
    /// Who asks.
    pub by: Subject,
}

/// Gives an order up, with everything that was done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelOrder {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: String,
    /// Whose orders the sender may cancel; absent = everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_of: Option<String>,
    /// Who asks.
    pub by: Subject,
}

/// A person moves an order on, through the same states as the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeOrderStatus {
    /// The order.
    pub order_id: OrderId,
    /// The status that it is to have.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// What a person does about a step that an order waits at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Steer {
    /// Run it again.
    Retry,
    /// Go on without it.
    Skip,
}

/// A person runs a step again, or goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SteerOrder {
    /// The order.
    pub order_id: OrderId,
    /// The step that it waits at.
    pub step: String,
    /// What to do.
    pub action: Steer,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// A shipment that left by hand: who carries it, and under which number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandedOver {
    /// Which of the order's shipments, from 1.
    #[schema(example = 1)]
    pub shipment: i32,
    /// Who carries it.
    #[schema(example = "ups")]
    pub carrier: String,
    /// Under which number it can be followed.
    #[schema(example = "1Z999AA10123456784")]
    pub tracking_number: String,
}

/// Names labels that were bought by hand, so that the shipments can leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FulfilOrder {
    /// The order.
    pub order_id: OrderId,
    /// The labels; none = the order goes on as it is.
    pub shipments: Vec<HandedOver>,
    /// Who.
    pub by: Subject,
}

/// How much is paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundWish {
    /// All that is left.
    Whole,
    /// So many of these lines.
    Lines(Vec<LineQuantity>),
    /// An amount, of no line in particular.
    Amount(Money),
}

/// Pays back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundOrder {
    /// The refund that this makes.
    pub refund_id: RefundId,
    /// The order.
    pub order_id: OrderId,
    /// How much.
    pub wish: RefundWish,
    /// Why.
    pub reason: String,
    /// Whether the goods are back and can be sold again.
    pub restock: bool,
    /// Who.
    pub by: Subject,
}

/// Decides about something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecideOrderTask {
    /// The task.
    pub task_id: OrderTaskId,
    /// Whether it may go on.
    pub approve: bool,
    /// Why.
    pub reason: String,
    /// Who; never whoever asked for it.
    pub by: Subject,
}

/// Takes a task on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimOrderTask {
    /// The task.
    pub task_id: OrderTaskId,
    /// Who.
    pub by: Subject,
}

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
    PlaceOrder "orders.place_order.v1" order_id,
    UpdateOrder "orders.update_order.v1" order_id,
    CancelOrder "orders.cancel_order.v1" order_id,
    ChangeOrderStatus "orders.change_order_status.v1" order_id,
    SteerOrder "orders.steer_order.v1" order_id,
    FulfilOrder "orders.fulfil_order.v1" order_id,
    RefundOrder "orders.refund_order.v1" order_id,
    DecideOrderTask "orders.decide_order_task.v1" task_id,
    ClaimOrderTask "orders.claim_order_task.v1" task_id,
    PutProduct "orders.put_product.v1" product_id,
    PutCustomer "orders.put_customer.v1" customer_id,
    PutCart "orders.put_cart.v1" customer_id,
    PutWarehouse "orders.put_warehouse.v1" warehouse_id,
    ChangeStock "orders.change_stock.v1" sku,
}
