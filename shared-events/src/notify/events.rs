//! What notify tells.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Channel, SuppressionReason};
use crate::envelope::Message;
use crate::ids::{NotificationId, SuppressionId, WebhookId};
use crate::messages;
use crate::topic::{Service, Topic};

/// Somebody is to be told something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationCreated {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whom.
    pub recipient: String,
    /// By which template.
    pub template: String,
    /// Of which kind it is.
    pub category: String,
    /// By which channels it goes out; those that the recipient does not want or has no address for are left out.
    pub channels: Vec<Channel>,
}

/// A notification was handed over to whoever carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationSent {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whom.
    pub recipient: String,
    /// By which channel.
    pub channel: Channel,
}

/// A notification did not go out by a channel, or nobody knows whether it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationNotSent {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whom.
    pub recipient: String,
    /// By which channel.
    pub channel: Channel,
    /// `bounced`, `failed` or `unknown`.
    pub outcome: String,
    /// Why, without the address.
    pub reason: String,
}

/// The recipient has seen a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationRead {
    /// The notification.
    pub notification_id: NotificationId,
    /// Whose.
    pub recipient: String,
}

/// Somebody is reached in other places than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactChanged {
    /// Who.
    pub recipient: String,
    /// By which channels they are reached now.
    pub channels: Vec<Channel>,
}

/// Where somebody is reached was forgotten, and what they were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactRemoved {
    /// Who.
    pub recipient: String,
}

/// Somebody wants to be told other things than before, or in another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreferencesSet {
    /// Who.
    pub recipient: String,
    /// What changed.
    pub preferences: Vec<super::Preference>,
}

/// An address is not written to any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressSuppressed {
    /// The entry.
    pub suppression_id: SuppressionId,
    /// By which channel.
    pub channel: Channel,
    /// Why.
    pub reason: SuppressionReason,
}

/// An address may be written to again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressionLifted {
    /// The entry.
    pub suppression_id: SuppressionId,
    /// By which channel.
    pub channel: Channel,
}

/// A template has a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateChanged {
    /// The template.
    pub template: String,
    /// In which language.
    pub language: String,
    /// The version of this text.
    pub text_version: i32,
}

/// An address of others is told what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookCreated {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Which types of events it is told; none: all.
    pub types: Vec<String>,
}

/// A webhook was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookChanged {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Which types of events it is told; none: all.
    pub types: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
}

/// A webhook is told nothing more, and forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookRemoved {
    /// The webhook.
    pub webhook_id: WebhookId,
}

/// A webhook's messages are signed with a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookSecretRotated {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Until when the former secret signs too.
    pub former_until: DateTime<Utc>,
}

/// A webhook failed for so long that it is told nothing any more, until a person says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDisabled {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Why.
    pub reason: String,
}

messages! { Topic::events(Service::Notify);
    NotificationCreated "notify.notification_created.v1" notification_id,
    NotificationSent "notify.notification_sent.v1" notification_id,
    NotificationNotSent "notify.notification_not_sent.v1" notification_id,
    NotificationRead "notify.notification_read.v1" notification_id,
    ContactChanged "notify.contact_changed.v1" recipient,
    ContactRemoved "notify.contact_removed.v1" recipient,
    PreferencesSet "notify.preferences_set.v1" recipient,
    AddressSuppressed "notify.address_suppressed.v1" suppression_id,
    SuppressionLifted "notify.suppression_lifted.v1" suppression_id,
    TemplateChanged "notify.template_changed.v1" template,
    WebhookCreated "notify.webhook_created.v1" webhook_id,
    WebhookChanged "notify.webhook_changed.v1" webhook_id,
    WebhookRemoved "notify.webhook_removed.v1" webhook_id,
    WebhookSecretRotated "notify.webhook_secret_rotated.v1" webhook_id,
    WebhookDisabled "notify.webhook_disabled.v1" webhook_id,
}
