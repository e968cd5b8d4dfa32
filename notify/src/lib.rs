//! Who is told what: mail, texts, push and in-app notifications, and webhooks for systems of others.
//!
//! This page is the table of contents: which message goes to which slice ([`messages`]), which job to which ([`carrying`],
//! [`delivering`]), and which path to which ([`api::router`]). [`told`] says which event leads to what; `domain` holds the rules.

pub mod api;
mod audit;
mod carried;
pub mod carry;
pub mod config;
pub mod create;
pub mod deliver;
mod delivered;
pub mod domain;
mod fan_out;
pub mod heed_text;
pub mod mark_read;
pub mod prune;
pub mod put_contact;
pub mod put_template;
pub mod react;
mod recipient_row;
pub mod send_again;
pub mod send_notification;
pub mod suppress;
mod texts;
pub mod told;
pub mod unsubscribe;
pub mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;

use providers::push::Push;
use providers::sms::Sms;
use providers::smtp::Smtp;
use service_kit::clock::Clock;
use service_kit::handler::Routes;
use service_kit::jobs::Worker;
use service_kit::store::Store;
use shared_events::notify::{
    ChangeWebhook, Channel, CreateWebhook, LiftSuppression, MarkNotificationRead, PingWebhook, PutContact, PutTemplate,
    RedeliverWebhook, RemoveContact, RemoveWebhook, RotateWebhookSecret, SendNotification, SetPreferences,
    SuppressAddress,
};
use shared_events::{claims, commission, evidence, orders};

use carry::Carriers;
pub use config::Config;

/// Path of the health page beside `/health/ready`.
pub const HEALTH_PATH: &str = "/api/v1/notifications/health";

/// Which message goes where.
pub fn messages(config: &Config) -> Routes {
    let configured: BTreeSet<Channel> = config.channels();
    let react = react::React { configured: configured.clone() };
    let webhooks = webhooks::Webhooks { key: config.key.clone(), fetcher: config.fetcher.clone() };
    Routes::new()
        .on::<SendNotification>(send_notification::Send { configured })
        .on::<MarkNotificationRead>(mark_read::Mark)
        .on::<PutContact>(put_contact::Put { key: config.key.clone() })
        .on::<RemoveContact>(put_contact::Remove)
        .on::<SetPreferences>(put_contact::Prefer)
        .on::<SuppressAddress>(suppress::Suppressions)
        .on::<LiftSuppression>(suppress::Suppressions)
        .on::<PutTemplate>(put_template::Put)
        .on::<CreateWebhook>(webhooks.clone())
        .on::<ChangeWebhook>(webhooks.clone())
        .on::<RotateWebhookSecret>(webhooks.clone())
        .on::<RemoveWebhook>(webhooks)
        .on::<PingWebhook>(send_again::SendAgain)
        .on::<RedeliverWebhook>(send_again::SendAgain)
        .on::<orders::OrderPlaced>(react.clone())
        .on::<orders::OrderConfirmed>(react.clone())
        .on::<orders::OrderHeld>(react.clone())
        .on::<orders::OrderReleased>(react.clone())
        .on::<orders::PaymentCaptured>(react.clone())
        .on::<orders::ShipmentDispatched>(react.clone())
        .on::<orders::OrderDispatched>(react.clone())
        .on::<orders::OrderDelivered>(react.clone())
        .on::<orders::OrderCompleted>(react.clone())
        .on::<orders::OrderCancelled>(react.clone())
        .on::<orders::OrderRefunded>(react.clone())
        .on::<orders::OrderReturned>(react.clone())
        .on::<orders::OrderRefundFailed>(react.clone())
        .on::<orders::DisputeOpened>(react.clone())
        .on::<orders::DisputeClosed>(react.clone())
        .on::<orders::ShipmentException>(react.clone())
        .on::<orders::ShipmentReturned>(react.clone())
        .on::<orders::OrderTaskOpened>(react.clone())
        .on::<orders::OrderTaskEscalated>(react.clone())
        .on::<orders::ReorderSuggested>(react.clone())
        .on::<commission::PayoutCompleted>(react.clone())
        .on::<commission::PayoutFailed>(react.clone())
        .on::<commission::PayoutEscalated>(react.clone())
        .on::<claims::ClaimSubmitted>(react.clone())
        .on::<claims::ClaimApprovalWanted>(react.clone())
        .on::<claims::ClaimSubmitUnknown>(react.clone())
        .on::<claims::ClaimAnswered>(react.clone())
        .on::<claims::PayoutOverdue>(react.clone())
        .on::<claims::FeeDeclined>(react.clone())
        .on::<claims::AccountTokenFailed>(react.clone())
        .on::<claims::ReportEmptied>(react.clone())
        .on::<claims::DetectionExpiring>(react.clone())
        .on::<claims::PayoutConfirmed>(react.clone())
        .on::<claims::PayoutReversed>(react.clone())
        .on::<evidence::PromptCreated>(react.clone())
        .on::<evidence::PromptExpiringSoon>(react)
}

/// Notifications that one process hands over at the same time.
const CARRIED_AT_ONCE: usize = 8;
/// Webhooks that one process sends to at the same time: one that hangs delays few others.
const DELIVERED_AT_ONCE: usize = 16;

/// Everybody who carries something, as the configuration names them.
pub fn carriers(config: &Config, clock: &Arc<dyn Clock>) -> Carriers {
    Carriers {
        smtp: config.smtp.clone().map(|(server, from)| (Smtp::new(server), from)),
        sms: config.sms.clone().map(Sms::new),
        push: config.push.clone().map(|(base, account)| Push::new(&base, account, Arc::clone(clock))),
    }
}

/// Hands notifications over.
pub fn carrying(store: Store, config: &Config, carriers: Carriers) -> Worker {
    let carry = carry::Carry { carriers, key: config.key.clone(), public: config.public.clone() };
    Worker::new(store).at_once(CARRIED_AT_ONCE).on(carry).on(heed_text::HeedText)
}

/// Sends to webhooks. A worker of its own: receivers that hang must not delay mail.
pub fn delivering(store: Store, config: &Config) -> Worker {
    let deliver = deliver::Deliver {
        fetcher: config.fetcher.clone(),
        key: config.key.clone(),
        disable_after: config.disable_after,
    };
    Worker::new(store).at_once(DELIVERED_AT_ONCE).on(deliver)
}
