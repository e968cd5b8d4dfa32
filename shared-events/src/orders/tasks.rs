//! What orders tells of what waits for people.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{OrderId, OrderTaskId};
use crate::messages;
use crate::topic::{Service, Topic};

/// A person has to decide about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderTaskOpened {
    /// The task.
    pub task_id: OrderTaskId,
    /// `high_value_order`, `fraud_review`, `qc_exception`, `carrier_exception`, `payment_exception`, `payment_dispute`, `stock_override` or
    /// `customer_problem`.
    pub kind: String,
    /// The order.
    pub order_id: OrderId,
    /// Until when.
    pub due_at: DateTime<Utc>,
}

/// Nobody decided in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderTaskEscalated {
    /// The task.
    pub task_id: OrderTaskId,
    /// The order.
    pub order_id: OrderId,
}

/// A person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderTaskDecided {
    /// The task.
    pub task_id: OrderTaskId,
    /// The order.
    pub order_id: OrderId,
    /// Whether it may go on.
    pub approved: bool,
    /// Who.
    pub by: String,
}

messages! { Topic::events(Service::Orders);
    OrderTaskOpened "orders.order_task_opened.v1" task_id,
    OrderTaskEscalated "orders.order_task_escalated.v1" task_id,
    OrderTaskDecided "orders.order_task_decided.v1" task_id,
}
