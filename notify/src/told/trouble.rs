//! What is told when something about an order wants somebody: tasks that nobody decided, parcels in trouble, money that did not arrive.

use serde_json::{Value, json};
use shared_events::orders::{
    DisputeClosed, DisputeOpened, OrderRefundFailed, OrderReturned, OrderTaskEscalated, ShipmentException,
    ShipmentReturned,
};

use super::{Notice, To, Told, money, notice, shown};

impl Told for OrderTaskEscalated {
    const PUBLIC: &'static str = "approval.escalated";

    fn public(&self) -> Value {
        json!({"task_id": self.task_id, "order_id": self.order_id})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        notice("order_task_escalated", To::staff(), self.task_id, vec![("order", self.order_id.to_string())])
    }
}

impl Told for ShipmentException {
    const PUBLIC: &'static str = "shipment.exception";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "shipment_id": self.shipment_id, "status": self.status})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("status", self.status.clone())];
        notice("shipment_exception", To::staff(), format!("{}/{}", self.shipment_id, self.status), variables)
    }
}

impl Told for ShipmentReturned {
    const PUBLIC: &'static str = "shipment.returned";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "shipment_id": self.shipment_id})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        notice("shipment_returned", To::staff(), self.shipment_id, vec![("order", self.order_id.to_string())])
    }
}

impl Told for OrderReturned {
    const PUBLIC: &'static str = "order.returned";

    fn public(&self) -> Value {
        json!({
            "order_id": self.order_id, "return_id": self.return_id, "lines": self.lines, "whole": self.is_whole, "restock": self.restock
        })
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string())];
        notice("order_returned", To::CustomerOf(self.order_id), self.return_id, variables)
    }
}

impl Told for OrderRefundFailed {
    const PUBLIC: &'static str = "order.refund_failed";

    fn public(&self) -> Value {
        json!({"order_id": self.order_id, "refund_id": self.refund_id, "amount": money(self.amount)})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("amount", shown(self.amount))];
        notice("order_refund_failed", To::staff(), self.refund_id, variables)
    }
}

impl Told for DisputeOpened {
    const PUBLIC: &'static str = "dispute.opened";

    fn public(&self) -> Value {
        json!({
            "order_id": self.order_id, "payment_id": self.payment_id, "gateway": self.gateway, "dispute": self.dispute,
            "amount": self.amount.map(money)
        })
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("order", self.order_id.to_string()), ("gateway", self.gateway.clone())];
        notice("dispute_opened", To::staff(), format!("{}/{}", self.gateway, self.dispute), variables)
    }
}

impl Told for DisputeClosed {
    const PUBLIC: &'static str = "dispute.closed";

    fn public(&self) -> Value {
        json!({
            "order_id": self.order_id, "payment_id": self.payment_id, "gateway": self.gateway, "dispute": self.dispute,
            "won": self.is_won
        })
    }
}
