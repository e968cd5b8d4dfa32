//! What notify is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AddressMark, Channel, SealedPoint, SuppressionReason};
use crate::envelope::Message;
use crate::ids::{DeliveryId, NotificationId, Subject, SuppressionId, WebhookId};
use crate::messages;
use crate::topic::{Service, Topic};

/// Tells somebody something, once: another one with the same dedupe key changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendNotification {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whom: a subject, `partner:<id>` or `@staff`.
    pub recipient: String,
    /// By which template.
    pub template: String,
    /// What the template's blanks are filled with. No addresses.
    pub variables: BTreeMap<String, String>,
    /// What makes it the same notification.
    pub dedupe_key: String,
    /// In which language, instead of the recipient's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// By which channels, instead of the template's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Channel>>,
    /// Who wants it.
    pub sent_by: String,
}

/// The recipient has seen a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkNotificationRead {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whose it may be: what the caller goes by.
    pub recipients: Vec<String>,
    /// Who saw it.
    pub by: Subject,
}

/// Says where somebody is reached; what is not named is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutContact {
    /// Who is reached.
    pub recipient: String,
    /// Where.
    pub points: Vec<SealedPoint>,
    /// In which language they are written to (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    pub by: Subject,
}

/// Forgets where somebody is reached, and what they were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoveContact {
    /// Who.
    pub recipient: String,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    pub by: Subject,
}

/// Whether one kind of notification may come by one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// Which kind: `orders`, `payouts`, `claims`, `prompts`, `general`.
    #[schema(example = "orders")]
    pub category: String,
    /// By which channel.
    pub channel: Channel,
    /// Whether it may come.
    pub enabled: bool,
}

/// Says what somebody wants to be told, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetPreferences {
    /// Who.
    pub recipient: String,
    /// What changes.
    pub preferences: Vec<Preference>,
    /// Who says so.
    pub by: Subject,
}

/// Stops writing to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressAddress {
    /// The entry that this makes.
    pub suppression_id: SuppressionId,
    /// By which channel.
    pub channel: Channel,
    /// Which.
    pub mark: AddressMark,
    /// As it may be shown.
    pub masked: String,
    /// Why.
    pub reason: SuppressionReason,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    pub by: Subject,
}

/// Lets an address be written to again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiftSuppression {
    /// The entry.
    pub suppression_id: SuppressionId,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    pub by: Subject,
}

/// A template's text in one language: a new version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PutTemplate {
    /// The template.
    pub template: String,
    /// In which language (BCP 47).
    pub language: String,
    /// One line: the subject of mails, the title of push messages.
    pub subject: String,
    /// The text of mails and in-app notifications.
    pub text: String,
    /// The text of SMS and push messages.
    pub short: String,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wrote it.
    pub by: Subject,
}

/// Tells an address of others what happens from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateWebhook {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Its address, sealed: addresses hold secrets of their own.
    pub url: String,
    /// What it is signed with, sealed.
    pub secret: String,
    /// What it is for.
    pub description: String,
    /// Which types of events it is told; none: all.
    pub types: Vec<String>,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

/// Changes a webhook; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeWebhook {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Another address, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which types of events it is told; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// Whether it is told anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

/// Tells an address nothing more, and forgets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemoveWebhook {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

/// Signs with a new secret; for a while the former one signs too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotateWebhookSecret {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The new secret, sealed.
    pub secret: String,
    /// For how many hours the former one signs too.
    pub overlap_hours: u32,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

/// Sends a webhook a message that means nothing, to try it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PingWebhook {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The delivery that this makes.
    pub delivery_id: DeliveryId,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

/// Sends a message again, whatever came of it before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RedeliverWebhook {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Why it is done, for the audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who wants it.
    pub by: Subject,
}

messages! { Topic::commands(Service::Notify);
    SendNotification "notify.send_notification.v1" notification_id,
    MarkNotificationRead "notify.mark_notification_read.v1" notification_id,
    PutContact "notify.put_contact.v1" recipient,
    RemoveContact "notify.remove_contact.v1" recipient,
    SetPreferences "notify.set_preferences.v1" recipient,
    SuppressAddress "notify.suppress_address.v1" suppression_id,
    LiftSuppression "notify.lift_suppression.v1" suppression_id,
    PutTemplate "notify.put_template.v1" template,
    CreateWebhook "notify.create_webhook.v1" webhook_id,
    ChangeWebhook "notify.change_webhook.v1" webhook_id,
    RemoveWebhook "notify.remove_webhook.v1" webhook_id,
    RotateWebhookSecret "notify.rotate_webhook_secret.v1" webhook_id,
    PingWebhook "notify.ping_webhook.v1" webhook_id,
    RedeliverWebhook "notify.redeliver_webhook.v1" webhook_id,
}
