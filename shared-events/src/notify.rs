//! What notify is asked and what it tells: notifications, whom they reach by which channel, and webhooks.
//!
//! Addresses never travel: what is private is sealed where it comes in and opened only by notify.

mod commands;
mod events;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use commands::*;
pub use events::*;

use crate::ids::{PartnerId, Subject, TenantId, WebhookId};

/// The recipient that stands for everybody who works for the tenant.
pub const STAFF: &str = "@staff";
/// What precedes a partner's name where it is a recipient.
pub const PARTNER_PREFIX: &str = "partner:";

/// A way by which somebody is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Mail.
    Email,
    /// A text message to a telephone.
    Sms,
    /// A message to an app on a device.
    Push,
    /// In the lists and the stream of the recipient itself.
    InApp,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Email, Self::Sms, Self::Push, Self::InApp];

    /// The name in the database, in paths and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::InApp => "in_app",
        }
    }

    /// The channel with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// Why an address is not written to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// It does not exist, or refuses us for good.
    Bounce,
    /// Its owner called a message unwanted.
    Complaint,
    /// Its owner wants no more.
    Unsubscribe,
    /// A person decided it.
    Manual,
}

impl SuppressionReason {
    /// The name in the database and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Unsubscribe => "unsubscribe",
            Self::Manual => "manual",
        }
    }
}

/// An address that is not known, only that it is the same: a keyed digest for a channel and a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressMark(pub String);

/// Where one recipient is reached, sealed for that recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedPoint {
    /// By which channel.
    pub channel: Channel,
    /// The address, sealed.
    pub sealed: String,
    /// Tells equal addresses without giving them away.
    pub mark: AddressMark,
    /// As it may be shown: `u***@example.com`.
    pub masked: String,
}

/// What a point of contact is sealed for: it opens for this tenant, recipient and channel only.
pub fn contact_purpose(tenant: &TenantId, recipient: &str, channel: Channel) -> String {
    format!("contact\u{1f}{tenant}\u{1f}{recipient}\u{1f}{}", channel.name())
}

/// What a webhook's address (`url`) or secret (`secret`) is sealed for.
pub fn webhook_purpose(tenant: &TenantId, webhook: WebhookId, what: &str) -> String {
    format!("webhook\u{1f}{tenant}\u{1f}{webhook}\u{1f}{what}")
}

/// What the mark of an address is the keyed digest of: the same address gives the same text, however its domain is spelled in capitals.
pub fn mark_text(tenant: &TenantId, channel: Channel, address: &str) -> String {
    let canonical = match channel {
        Channel::Email => address.trim().to_lowercase(),
        Channel::Sms | Channel::Push | Channel::InApp => address.trim().to_owned(),
    };
    format!("address\u{1f}{tenant}\u{1f}{}\u{1f}{canonical}", channel.name())
}

/// The names that somebody goes by as a recipient: the subject of its token, its partner, and everybody who works for the tenant. Names that
/// look like the latter two are nobody's own name.
pub fn names_of(subject: &Subject, partner: Option<&PartnerId>, is_staff: bool) -> Vec<String> {
    let own = subject.as_str();
    let is_plain = !own.starts_with(PARTNER_PREFIX) && !own.starts_with('@');
    let partner = partner.map(|partner| format!("{PARTNER_PREFIX}{partner}"));
    let staff = is_staff.then(|| STAFF.to_owned());
    is_plain.then(|| own.to_owned()).into_iter().chain(partner).chain(staff).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_by_anothers_name() {
        let subject = |name: &str| Subject::try_new(name).expect("a name");
        let partner = PartnerId::try_new("p1").expect("a name");
        assert_eq!(names_of(&subject("ann"), Some(&partner), true), ["ann", "partner:p1", "@staff"]);
        for taken in ["partner:p1", "@staff"] {
            assert!(names_of(&subject(taken), None, false).is_empty(), "{taken}");
        }
    }

    #[test]
    fn marks_tell_equal_addresses_of_a_tenant_and_channel() {
        let (one, other) = (TenantId::try_new("one").expect("a name"), TenantId::try_new("two").expect("a name"));
        let mark = |tenant, address| mark_text(tenant, Channel::Email, address);
        assert_eq!(mark(&one, "Ann@Example.com "), mark(&one, "ann@example.com"));
        assert_ne!(mark(&one, "ann@example.com"), mark(&other, "ann@example.com"));
        assert_ne!(mark(&one, "ann@example.com"), mark_text(&one, Channel::Push, "ann@example.com"));
    }
}
