//! Which event leads to which notification, and what of it webhooks are told: one entry for each event, and nothing else is.
//!
//! What webhooks are told is a shape of its own: ids, amounts and words of ours, no personal data. Fields of events do not leak by being added.

mod claims;
mod orders;
mod trouble;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use shared_events::claims::{
    AccountTokenFailed, ClaimAnswered, ClaimApprovalWanted, ClaimSubmitUnknown, ClaimSubmitted, DetectionExpiring,
    FeeDeclined, PayoutConfirmed, PayoutOverdue, PayoutReversed, ReportEmptied,
};
use shared_events::commission::{PayoutCompleted, PayoutEscalated, PayoutFailed};
use shared_events::evidence::{PromptCreated, PromptExpiringSoon};
use shared_events::notify::{PARTNER_PREFIX, STAFF};
use shared_events::orders::{
    DisputeClosed, DisputeOpened, OrderCancelled, OrderCompleted, OrderConfirmed, OrderDelivered, OrderDispatched,
    OrderHeld, OrderPlaced, OrderRefundFailed, OrderRefunded, OrderReleased, OrderReturned, OrderTaskEscalated,
    OrderTaskOpened, PaymentCaptured, ReorderSuggested, ShipmentDispatched, ShipmentException, ShipmentReturned,
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

impl Told for PayoutEscalated {
    const PUBLIC: &'static str = "payout.escalated";

    fn public(&self) -> Value {
        json!({"payout_id": self.payout_id, "partner": self.partner, "amount": money(self.amount)})
    }

    fn notice(&self, _: u64) -> Option<Notice> {
        let variables = vec![("payout", self.payout_id.to_string()), ("amount", shown(self.amount))];
        notice("payout_escalated", To::staff(), self.payout_id, variables)
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
pub const PUBLIC_TYPES: [&str; 36] = [
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
    OrderReturned::PUBLIC,
    OrderRefundFailed::PUBLIC,
    DisputeOpened::PUBLIC,
    DisputeClosed::PUBLIC,
    ShipmentException::PUBLIC,
    ShipmentReturned::PUBLIC,
    OrderTaskOpened::PUBLIC,
    OrderTaskEscalated::PUBLIC,
    ReorderSuggested::PUBLIC,
    PayoutCompleted::PUBLIC,
    PayoutFailed::PUBLIC,
    PayoutEscalated::PUBLIC,
    ClaimSubmitted::PUBLIC,
    ClaimApprovalWanted::PUBLIC,
    ClaimSubmitUnknown::PUBLIC,
    ClaimAnswered::PUBLIC,
    PayoutOverdue::PUBLIC,
    FeeDeclined::PUBLIC,
    AccountTokenFailed::PUBLIC,
    ReportEmptied::PUBLIC,
    DetectionExpiring::PUBLIC,
    PayoutConfirmed::PUBLIC,
    PayoutReversed::PUBLIC,
    PromptCreated::PUBLIC,
    PromptExpiringSoon::PUBLIC,
];
