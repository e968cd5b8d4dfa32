//! Who talks, and where: the services and the topics of each.

use serde::{Deserialize, Serialize};

/// A service of Recoup: it owns its topics and its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// What partners bring.
    Tracking,
    /// What partners earn and are paid.
    Commission,
    /// Documents, and what they prove.
    Evidence,
    /// What a marketplace owes a seller.
    Claims,
    /// Orders, from their placing to their close.
    Orders,
    /// Who is told what: mail, texts, push, in-app, webhooks.
    Notify,
}

impl Service {
    /// Every service, in the order in which money flows.
    pub const ALL: [Self; 6] =
        [Self::Tracking, Self::Commission, Self::Evidence, Self::Claims, Self::Orders, Self::Notify];

    /// The name used in topics, subscriptions, roles, paths and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Commission => "commission",
            Self::Evidence => "evidence",
            Self::Claims => "claims",
            Self::Orders => "orders",
            Self::Notify => "notify",
        }
    }
}

/// A topic: what one service is asked, or what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    /// The service that is asked or that tells.
    pub service: Service,
    /// Commands or events.
    pub kind: Kind,
}

/// Whether a message asks or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A wish, in the imperative; it may be refused.
    Command,
    /// A fact, in the past tense.
    Event,
    /// Copies of messages that could not be handled, for people to look at.
    Parked,
}

impl Topic {
    /// The commands of `service`.
    pub const fn commands(service: Service) -> Self {
        Self { service, kind: Kind::Command }
    }

    /// The events of `service`.
    pub const fn events(service: Service) -> Self {
        Self { service, kind: Kind::Event }
    }

    /// What `service` could not handle.
    pub const fn parked(service: Service) -> Self {
        Self { service, kind: Kind::Parked }
    }

    /// Every topic of every service.
    pub fn all() -> impl Iterator<Item = Self> {
        Service::ALL
            .into_iter()
            .flat_map(|service| [Self::commands(service), Self::events(service), Self::parked(service)])
    }

    /// The local name: `tracking-events`.
    pub const fn name(self) -> &'static str {
        match (self.service, self.kind) {
            (Service::Tracking, Kind::Command) => "tracking-commands",
            (Service::Tracking, Kind::Event) => "tracking-events",
            (Service::Tracking, Kind::Parked) => "tracking-parked",
            (Service::Commission, Kind::Command) => "commission-commands",
            (Service::Commission, Kind::Event) => "commission-events",
            (Service::Commission, Kind::Parked) => "commission-parked",
            (Service::Evidence, Kind::Command) => "evidence-commands",
            (Service::Evidence, Kind::Event) => "evidence-events",
            (Service::Evidence, Kind::Parked) => "evidence-parked",
            (Service::Claims, Kind::Command) => "claims-commands",
            (Service::Claims, Kind::Event) => "claims-events",
            (Service::Claims, Kind::Parked) => "claims-parked",
            (Service::Orders, Kind::Command) => "orders-commands",
            (Service::Orders, Kind::Event) => "orders-events",
            (Service::Orders, Kind::Parked) => "orders-parked",
            (Service::Notify, Kind::Command) => "notify-commands",
            (Service::Notify, Kind::Event) => "notify-events",
            (Service::Notify, Kind::Parked) => "notify-parked",
        }
    }

    /// The topic with this local name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|topic| topic.name() == name)
    }
}
