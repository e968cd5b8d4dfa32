//! Refunded goods that a marketplace had sent: it has to get them back within its term, or to pay for them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::Message;
use crate::ids::{OrderId, RefundId, ReturnClockId};
use crate::messages;
use crate::topic::{Service, Topic};

/// A refund of goods that a marketplace had sent started the clock of their return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnClockStarted {
    /// The clock.
    pub clock_id: ReturnClockId,
    /// The order.
    pub order_id: OrderId,
    /// The refund.
    pub refund_id: RefundId,
    /// Which marketplace, by its country.
    pub marketplace: String,
    /// The article.
    pub sku: String,
    /// How many.
    pub units: i64,
    /// The day of the refund there.
    pub refunded_on: NaiveDate,
    /// From when on the marketplace can be asked to pay; absent where no policy is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<DateTime<Utc>>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<DateTime<Utc>>,
}

/// The goods had their time to come back: from now on the marketplace can be asked to pay for what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnOverdue {
    /// The clock.
    pub clock_id: ReturnClockId,
    /// The order.
    pub order_id: OrderId,
    /// The article.
    pub sku: String,
    /// How many.
    pub units: i64,
    /// Until when it can be asked.
    pub closes_at: DateTime<Utc>,
}

messages! { Topic::events(Service::Claims);
    ReturnClockStarted "claims.return_clock_started.v1" clock_id,
    ReturnOverdue "claims.return_overdue.v1" clock_id,
}
