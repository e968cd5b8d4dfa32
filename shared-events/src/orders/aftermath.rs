//! What comes after an order was sent: goods that come back, refunds that fall through, disputes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LineQuantity;
use crate::envelope::Message;
use crate::ids::{OrderId, PaymentId, RefundId, ReturnId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Goods of an order are back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnOrder {
    /// The return that this makes.
    pub return_id: ReturnId,
    /// The order.
    pub order_id: OrderId,
    /// So many of these lines; absent = all that was sent and is not back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineQuantity>>,
    /// Whether they can be sold again.
    pub restock: bool,
    /// The refund that this makes too; absent = nothing is paid back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// Why they came back.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

messages! { Topic::commands(Service::Orders);
    ReturnOrder "orders.return_order.v1" order_id,
}

/// Goods of an order came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderReturned {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub return_id: ReturnId,
    /// Of which lines, and how many.
    pub lines: Vec<LineQuantity>,
    /// Whether all that was sent is back now.
    pub is_whole: bool,
    /// Whether they are in stock again.
    pub restock: bool,
    /// The refund that was asked for with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// Why they came back.
    pub reason: String,
    /// Who took them in.
    pub by: String,
}

/// A refund was not paid: the provider refused it, or could not pay what it had accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderRefundFailed {
    /// The order.
    pub order_id: OrderId,
    /// The refund.
    pub refund_id: RefundId,
    /// How much was not paid.
    pub amount: Money,
    /// How much is refunded in all without it, in minor units.
    pub refunded_total_minor: i64,
    /// Whether it had been told as paid before: what followed from that is to be undone.
    pub was_told: bool,
    /// Why, as a code or in words.
    pub reason: String,
}

/// A customer's bank asks for the money of a payment back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisputeOpened {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// By which provider.
    pub gateway: String,
    /// The provider's name of it.
    pub dispute: String,
    /// How much is asked for, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// A dispute is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DisputeClosed {
    /// The order.
    pub order_id: OrderId,
    /// The payment.
    pub payment_id: PaymentId,
    /// By which provider.
    pub gateway: String,
    /// The provider's name of it.
    pub dispute: String,
    /// Whether the money stays with us.
    pub is_won: bool,
}

messages! { Topic::events(Service::Orders);
    OrderReturned "orders.order_returned.v1" order_id,
    OrderRefundFailed "orders.order_refund_failed.v1" order_id,
    DisputeOpened "orders.dispute_opened.v1" order_id,
    DisputeClosed "orders.dispute_closed.v1" order_id,
}
