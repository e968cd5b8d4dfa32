//! What orders tells of parcels: labels, and where they are.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{OrderId, ShipmentId};
use crate::messages;
use crate::money::Money;
use crate::topic::{Service, Topic};

/// A shipment left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// From where.
    pub warehouse_id: String,
    /// Who carries it.
    pub carrier: String,
    /// Under which number it can be followed.
    pub tracking_number: String,
    /// What the carrier calls the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A carrier's label was bought for a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabelBought {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// By whom it is carried.
    pub carrier: String,
    /// What the carrier calls the service.
    pub service: String,
    /// Under which number it can be followed.
    pub tracking_number: String,
    /// What it costs.
    pub rate: Money,
    /// SHA-256 of the label, in hexadecimal; absent when it could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_sha256: Option<String>,
}

/// A carrier delivered a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShipmentDelivered {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// When, as the carrier says.
    pub delivered_at: DateTime<Utc>,
}

/// A carrier has trouble with a shipment: a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShipmentException {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// The carrier's word: `failure`, `error`, `cancelled`.
    pub status: String,
    /// What the carrier says about it.
    pub detail: String,
}

/// A carrier brings a shipment back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShipmentReturned {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: ShipmentId,
}

/// All shipments of an order are under way: the customer is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderDispatched {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub customer_id: String,
    /// How many shipments.
    pub shipments: i64,
}

messages! { Topic::events(Service::Orders);
    ShipmentDispatched "orders.shipment_dispatched.v1" order_id,
    LabelBought "orders.label_bought.v1" order_id,
    ShipmentDelivered "orders.shipment_delivered.v1" order_id,
    ShipmentException "orders.shipment_exception.v1" order_id,
    ShipmentReturned "orders.shipment_returned.v1" order_id,
    OrderDispatched "orders.order_dispatched.v1" order_id,
}
