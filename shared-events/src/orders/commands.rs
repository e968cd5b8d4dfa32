//! What orders is asked about an order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AskedItem, Channel, LineQuantity, Marks};
use crate::envelope::Message;
use crate::ids::{OrderId, OrderTaskId, RefundId, Subject};
use crate::messages;
use crate::money::{Currency, Money, Written};
use crate::topic::{Service, Topic};

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
    pub tax: Option<Written>,
    /// The ordering system's own price of shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Written>,
    /// What the buyer expects to pay in all; refused when it comes to something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Written>,
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
    /// The mail address that the customer gave, sealed for those who write to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<crate::notify::SealedPoint>,
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
    /// The sealed details that the new ones were made from, as commands from before `made_from` say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The version of the details that the new ones were made from: when it is another one meanwhile, the change is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<i32>,
    /// What can be told of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// Where it goes now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_country: Option<String>,
    /// How it is sent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// Why; staff says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
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
    /// The warehouses that the sender works in; absent = all. Who works in some names labels for their parcels alone, and the order goes
    /// on when the last one has its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Vec<String>>,
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
}
