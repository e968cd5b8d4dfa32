//! What orders tells of orders, their stock and their money.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Channel, SoldLine};
use crate::envelope::Message;
use crate::ids::{OrderId, PaymentId, RefundId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// An order was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub customer_id: String,
    /// By which door it came in.
    pub channel: Channel,
    /// What was sold.
    pub lines: Vec<SoldLine>,
    /// The goods, without tax and shipping.
    pub goods: Money,
    /// What it comes to in all.
    pub total: Money,
    /// The click that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// The coupon that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// The mail address that the customer gave with it, sealed for those who write to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<crate::notify::SealedPoint>,
}

/// Where and how an order is sent was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderUpdated {
    /// The order.
    pub order_id: OrderId,
    /// What it comes to now.
    pub total: Money,
}

/// An order waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderHeld {
    /// The order.
    pub order_id: OrderId,
    /// `fraud`, `value`, `stock`, `address`, `payment`, `carrier`, `quality`, `manual` or `trouble`.
    pub reason: String,
    /// At which step.
    pub step: String,
    /// What is the matter, in words.
    pub detail: String,
}

/// A held order goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderReleased {
    /// The order.
    pub order_id: OrderId,
    /// Who let it, or what.
    pub by: String,
}

/// An order passed all checks and approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// What it comes to.
    pub total: Money,
}

/// Stock is set aside for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// In how many warehouses.
    pub warehouses: i64,
    /// Until when, unless it is paid by then.
    pub expires_at: DateTime<Utc>,
}

/// Stock does not suffice for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockShort {
    /// The order.
    pub order_id: OrderId,
    /// What is missing: article and quantity.
    pub missing: Vec<Missing>,
}

/// An article that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: i64,
}

/// What was set aside for an order is free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// Why: `expired`, `cancelled` or `given_up`.
    pub reason: String,
}

/// A warehouse should be refilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReorderSuggested {
    /// The article.
    pub sku: String,
    /// Where.
    pub warehouse_id: String,
    /// How many can still be sold.
    pub available: i64,
    /// How many to order.
    pub quantity: i64,
}

/// The money for an order is promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentAuthorized {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// By which provider.
    pub gateway: String,
    /// How much.
    pub amount: Money,
}

/// A provider refused a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// Which provider.
    pub gateway: String,
    /// Its code.
    pub code: String,
}

/// Money was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// How much this time.
    pub amount: Money,
    /// How much in all, in minor units.
    pub captured_total_minor: i64,
}

/// A promise of money was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentVoided {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
}

/// All of an order arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderDelivered {
    /// The order.
    pub order_id: OrderId,
}

/// An order is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCompleted {
    /// The order.
    pub order_id: OrderId,
}

/// An order was given up before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: String,
    /// Who gave it up, or the step that did.
    pub by: String,
}

/// Money of an order was paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderRefunded {
    /// The order.
    pub order_id: OrderId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much this time.
    pub amount: Money,
    /// How much in all, in minor units.
    pub refunded_total_minor: i64,
    /// What the order came to, in minor units.
    pub total_minor: i64,
    /// Of which lines.
    pub lines: Vec<super::LineQuantity>,
    /// Whether the goods can be sold again.
    pub restock: bool,
    /// What the order's goods came to, without tax and shipping, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goods_minor: Option<i64>,
    /// What of this refund is for goods, without tax and shipping, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goods_refunded_minor: Option<i64>,
    /// Units of this refund that a marketplace had sent, and that are not back: it has to get them back, or to pay for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marketplace_units: Vec<MarketplaceUnits>,
}

/// Units that a marketplace sent for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarketplaceUnits {
    /// Which marketplace, by its country: ISO 3166 alpha-2.
    pub marketplace: String,
    /// The line within the order.
    pub line: i32,
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// What was paid back for them.
    pub amount: Money,
}

messages! { Topic::events(Service::Orders);
    OrderPlaced "orders.order_placed.v1" order_id,
    OrderUpdated "orders.order_updated.v1" order_id,
    OrderHeld "orders.order_held.v1" order_id,
    OrderReleased "orders.order_released.v1" order_id,
    OrderConfirmed "orders.order_confirmed.v1" order_id,
    StockReserved "orders.stock_reserved.v1" order_id,
    StockShort "orders.stock_short.v1" order_id,
    StockReleased "orders.stock_released.v1" order_id,
    ReorderSuggested "orders.reorder_suggested.v1" sku,
    PaymentAuthorized "orders.payment_authorized.v1" order_id,
    PaymentDeclined "orders.payment_declined.v1" order_id,
    PaymentCaptured "orders.payment_captured.v1" order_id,
    PaymentVoided "orders.payment_voided.v1" order_id,
    OrderDelivered "orders.order_delivered.v1" order_id,
    OrderCompleted "orders.order_completed.v1" order_id,
    OrderCancelled "orders.order_cancelled.v1" order_id,
    OrderRefunded "orders.order_refunded.v1" order_id,
}
