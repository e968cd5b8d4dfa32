//! Which event leads to which notification, and what of it webhooks are told: one entry for each event, and nothing else is.
//!
//! What webhooks are told is a shape of its own: ids, amounts and words of ours, no personal data. Fields of events do not leak by being added.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use shared_events::claims::{ClaimApprovalWanted, ClaimSubmitUnknown, ClaimSubmitted, PayoutConfirmed, PayoutReversed};
use shared_events::commission::{PayoutCompleted, PayoutFailed};
use shared_events::evidence::{PromptCreated, PromptExpiringSoon};
use shared_events::notify::{PARTNER_PREFIX, STAFF};
use shared_events::orders::{
    OrderCancelled, OrderCompleted, OrderConfirmed, OrderDelivered, OrderDispatched, OrderHeld, OrderPlaced,
    OrderRefunded, OrderReleased, OrderTaskOpened, PaymentCaptured, ReorderSuggested, ShipmentDispatched,
};
use shared_events::{Message, Money, OrderId, PartnerId};

/// Whom a notification is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Whoever placed an order.
    CustomerOf(OrderId),
    /// This recipient.
    Recipient(String),
}

impl To {
    fn partner(partner: &PartnerId) -> Self {
        Self::Recipient(format!("{PARTNER_PREFIX}{partner}"))
    }

    fn staff() -> Self {
        Self::Recipient(STAFF.to_owned())
    }
}

/// A notification that follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// By which template.
    pub template: &'static str,
    /// For whom.
    pub to: To,
    /// What makes it this one, within its template.
    pub key: String,
    /// What its blanks are filled with.
    pub variables: Vec<(&'static str, String)>,
}

/// An event that somebody outside is told of.
pub trait Told: Message {
    /// What webhooks know it by.
    const PUBLIC: &'static str;
    /// What they are told.
    fn public(&self) -> Value;
    /// Who is notified, if anybody. `version` is the aggregate's after the event.
    fn notice(&self, version: u64) -> Option<Notice> {
        let _ = version;
        None
    }
}

fn notice(
    template: &'static str,
    to: To,
    key: impl ToString,
    variables: Vec<(&'static str, String)>,
) -> Option<Notice> {
    Some(Notice { template, to, key: key.to_string(), variables })
}

fn shown(amount: Money) -> String {
    format!("{} {}", amount.decimal(), amount.currency)
}

fn money(amount: Money) -> Value {
    json!({"value": amount.decimal(), "currency": amount.currency})
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

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

impl Told for PayoutCompleted {
    const PUBLIC: &'static str = "payout.paid";

    fn public(&self) -> Value {
        json!({"payout_id": self.payout_id, "partner": self.partner, "amount": money(self.amount)})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("payout", self.payout_id.to_string()), ("amount", shown(self.amount))];
        notice("payout_paid", To::partner(&self.partner), self.payout_id, variables)
    }
}

impl Told for PayoutFailed {
    const PUBLIC: &'static str = "payout.failed";

    fn public(&self) -> Value {
        json!({"payout_id": self.payout_id, "partner": self.partner, "amount": money(self.amount)})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("payout", self.payout_id.to_string()), ("amount", shown(self.amount))];
        notice("payout_failed", To::partner(&self.partner), self.payout_id, variables)
    }
}

impl Told for ClaimSubmitted {
    const PUBLIC: &'static str = "claim.submitted";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "case_id": self.case_id, "channel": self.channel})
    }
}

impl Told for ClaimApprovalWanted {
    const PUBLIC: &'static str = "claim.approval_wanted";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "amount": money(self.amount)})
    }

    fn notice(&self, version: u64) -> Option<Notice> {
        let variables = vec![("claim", self.claim_id.to_string()), ("amount", shown(self.amount))];
        notice("claim_approval_wanted", To::staff(), format!("{}/{version}", self.claim_id), variables)
    }
}

impl Told for ClaimSubmitUnknown {
    const PUBLIC: &'static str = "claim.submit_unknown";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id})
    }

    fn notice(&self, version: u64) -> Option<Notice> {
        let variables = vec![("claim", self.claim_id.to_string())];
        let to = To::Recipient(self.asked.to_string());
        notice("claim_submit_unknown", to, format!("{}/{version}", self.claim_id), variables)
    }
}

impl Told for PayoutConfirmed {
    const PUBLIC: &'static str = "claim.paid";

    fn public(&self) -> Value {
        let paid_at = self.paid_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({"claim_id": self.claim_id, "amount": money(self.amount), "paid_at": paid_at})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("claim", self.claim_id.to_string()), ("amount", shown(self.amount))];
        notice("claim_paid", To::staff(), format!("{}/{}", self.claim_id, self.reference), variables)
    }
}

impl Told for PayoutReversed {
    const PUBLIC: &'static str = "claim.reversed";

    fn public(&self) -> Value {
        json!({"claim_id": self.claim_id, "amount": money(self.amount)})
    }
}

impl Told for PromptCreated {
    const PUBLIC: &'static str = "prompt.created";

    fn public(&self) -> Value {
        json!({"prompt_id": self.prompt_id, "request_id": self.request_id, "expires_at": self.expires_at})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("question", self.question.clone()), ("expires", minute(self.expires_at))];
        notice("prompt_created", To::Recipient(self.asked.to_string()), self.prompt_id, variables)
    }
}

impl Told for PromptExpiringSoon {
    const PUBLIC: &'static str = "prompt.expiring";

    fn public(&self) -> Value {
        json!({"prompt_id": self.prompt_id, "request_id": self.request_id, "expires_at": self.expires_at})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let to = To::Recipient(self.asked.to_string());
        notice("prompt_expiring", to, self.prompt_id, vec![("expires", minute(self.expires_at))])
    }
}

/// The type of the message that a webhook can be tried with.
pub const PING: &str = "webhook.ping";

/// What webhooks can be told, by the names that they choose by.
pub const PUBLIC_TYPES: [&str; 22] = [
    OrderPlaced::PUBLIC,
    OrderConfirmed::PUBLIC,
    OrderHeld::PUBLIC,
    OrderReleased::PUBLIC,
    PaymentCaptured::PUBLIC,
    ShipmentDispatched::PUBLIC,
    OrderDispatched::PUBLIC,
    OrderDelivered::PUBLIC,
    OrderCompleted::PUBLIC,
    OrderCancelled::PUBLIC,
    OrderRefunded::PUBLIC,
    OrderTaskOpened::PUBLIC,
    ReorderSuggested::PUBLIC,
    PayoutCompleted::PUBLIC,
    PayoutFailed::PUBLIC,
    ClaimSubmitted::PUBLIC,
    ClaimApprovalWanted::PUBLIC,
    ClaimSubmitUnknown::PUBLIC,
    PayoutConfirmed::PUBLIC,
    PayoutReversed::PUBLIC,
    PromptCreated::PUBLIC,
    PromptExpiringSoon::PUBLIC,
];
