//! What is told of orders.

use serde_json::{Value, json};
use shared_events::orders::{
    OrderCancelled, OrderCompleted, OrderConfirmed, OrderDelivered, OrderDispatched, OrderHeld, OrderPlaced,
    OrderRefunded, OrderReleased, OrderTaskOpened, PaymentCaptured, ReorderSuggested, ShipmentDispatched,
};

use super::{Notice, To, Told, minute, money, notice, shown};

impl Told for OrderPlaced {
    const PUBLIC: &'static str = "order.placed";

    fn public(&self) -> Value {
        let lines =
            self.lines.iter().map(|line| json!({"line": line.line, "sku": line.sku, "quantity": line.quantity}));
        json!({"order_id": self.order_id, "total": money(self.total), "lines": lines.collect::<Vec<_>>()})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("total", shown(self.total))];
        notice("order_placed", To::Recipient(self.customer_id.clone()), self.order_id, variables)
    }
}

impl Told for OrderConfirmed {
    const PUBLIC: &'static str = "order.confirmed";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "total": money(self.total)})
    }
}

impl Told for OrderHeld {
    const PUBLIC: &'static str = "order.held";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "reason": self.reason, "step": self.step})
    }

    fn notice(&self, version: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("reason", self.reason.clone())];
        notice("order_held", To::staff(), format!("{}/{version}", self.order_id), variables)
    }
}

impl Told for OrderReleased {
    const PUBLIC: &'static str = "order.released";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id})
    }
}

impl Told for PaymentCaptured {
    const PUBLIC: &'static str = "payment.captured";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "payment_id": self.payment_id, "amount": money(self.amount)})
    }
}

impl Told for ShipmentDispatched {
    const PUBLIC: &'static str = "shipment.dispatched";

    fn public(&self) -> Value {
        json!({
            "order_id": self.order_id, "shipment_id": self.shipment_id, "carrier": self.carrier, "tracking_number": self.tracking_number
        })
    }
}

impl Told for OrderDispatched {
    const PUBLIC: &'static str = "order.dispatched";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "shipments": self.shipments})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("shipments", self.shipments.to_string())];
        notice("order_dispatched", To::Recipient(self.customer_id.clone()), self.order_id, variables)
    }
}

impl Told for OrderDelivered {
    const PUBLIC: &'static str = "order.delivered";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        notice(
            "order_delivered",
            To::CustomerOf(self.order_id),
            self.order_id,
            vec![("order", self.order_id.to_string())],
        )
    }
}

impl Told for OrderCompleted {
    const PUBLIC: &'static str = "order.completed";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id})
    }
}

impl Told for OrderCancelled {
    const PUBLIC: &'static str = "order.cancelled";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        notice(
            "order_cancelled",
            To::CustomerOf(self.order_id),
            self.order_id,
            vec![("order", self.order_id.to_string())],
        )
    }
}

impl Told for OrderRefunded {
    const PUBLIC: &'static str = "order.refunded";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "refund_id": self.refund_id, "amount": money(self.amount), "restock": self.restock})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("amount", shown(self.amount))];
        notice("order_refunded", To::CustomerOf(self.order_id), self.refund_id, variables)
    }
}

impl Told for OrderTaskOpened {
    const PUBLIC: &'static str = "approval.opened";

    fn public(&self) -> Value {
        json!({"task_id": self.task_id, "kind": self.kind, "order_id": self.order_id, "due_at": self.due_at})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables =
            vec![("order", self.order_id.to_string()), ("kind", self.kind.clone()), ("due", minute(self.due_at))];
        notice("order_task_opened", To::staff(), self.task_id, variables)
    }
}

impl Told for ReorderSuggested {
    const PUBLIC: &'static str = "stock.reorder_suggested";

    fn public(&self) -> Value {
        json!({
            "sku": self.sku, "warehouse_id": self.warehouse_id, "available": self.available, "quantity": self.quantity
        })
    }
}
