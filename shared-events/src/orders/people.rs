//! What people ask of an order beyond its usual way: the rest of it is given up, stock is sold that the rule keeps back, a problem is raised;
//! and who looks after what waits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::LineQuantity;
use crate::envelope::Message;
use crate::ids::{OrderId, OrderTaskId, Subject};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// Gives up what of an order has not left, when a part of it has: its stock is free again and its money is not taken, or paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GiveUpRest {
    /// The order.
    pub order_id: OrderId,
    /// Why it cannot be sent.
    pub reason: String,
    /// Who.
    pub by: Subject,
}

/// Asks that an order which waits for stock may be served from what warehouses keep back; another person has to allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskStockOverride {
    /// The task that this makes.
    pub task_id: OrderTaskId,
    /// The order.
    pub order_id: OrderId,
    /// Why the rule should not count for it.
    pub reason: String,
    /// Who; somebody else decides.
    pub by: Subject,
}

/// Raises a problem with an order, to be answered by a person in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaiseProblem {
    /// The task that this makes.
    pub task_id: OrderTaskId,
    /// The order.
    pub order_id: OrderId,
    /// What it is about: `not_arrived`, `damaged`, `wrong_item`, `payment` or `other`.
    pub kind: String,
    /// In the words of whoever raises it.
    pub text: String,
    /// Whose orders the sender may speak of; absent = everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_of: Option<String>,
    /// Who.
    pub by: Subject,
}

/// Puts something of the inbox into somebody's hands, or takes it out of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignTask {
    /// The task; of what waits in another service its own id.
    pub task_id: OrderTaskId,
    /// What waits in another service: `payout` or `claim_over_limit`; absent = a task of orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who looks after it from now on; absent = nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Subject>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: Subject,
}

messages! { Topic::commands(Service::Orders);
    GiveUpRest "orders.give_up_rest.v1" order_id,
    AskStockOverride "orders.ask_stock_override.v1" order_id,
    RaiseProblem "orders.raise_problem.v1" order_id,
    AssignTask "orders.assign_task.v1" task_id,
}

/// What of an order had not left will not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderRestGivenUp {
    /// The order.
    pub order_id: OrderId,
    /// Of which lines, and how many.
    pub lines: Vec<LineQuantity>,
    /// What was never taken for it, and is not any more.
    pub not_taken: Money,
    /// Of that for goods, without tax and shipping, in minor units. What had been taken for it is told of as a refund instead.
    pub goods_not_taken_minor: i64,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

messages! { Topic::events(Service::Orders);
    OrderRestGivenUp "orders.order_rest_given_up.v1" order_id,
}
