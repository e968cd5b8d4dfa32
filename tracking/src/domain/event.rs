//! What was tracked: one event as it stands, new or stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared_events::tracking::{Credit, RewardOn};
use shared_events::{CampaignId, Money, PartnerId, TrackingEventId, VisitorId};
use utoipa::ToSchema;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something was shown.
    Impression,
    /// Somebody followed a partner's link.
    Click,
    /// Somebody signed up or filled in a form.
    Lead,
    /// Somebody bought.
    Purchase,
    /// The shop gave money back.
    Refund,
    /// The bank took money back.
    Chargeback,
}

impl EventKind {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Impression => "impression",
            Self::Click => "click",
            Self::Lead => "lead",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Impression, Self::Click, Self::Lead, Self::Purchase, Self::Refund, Self::Chargeback];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it asks who brought it. Clicks may earn too, but credit themselves.
    pub const fn is_conversion(self) -> bool {
        matches!(self, Self::Lead | Self::Purchase)
    }

    /// Whether it takes back (a part of) a purchase.
    pub const fn takes_back(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }

    /// What it may be rewarded as.
    pub const fn rewarded_as(self) -> Option<RewardOn> {
        match self {
            Self::Click => Some(RewardOn::Click),
            Self::Lead => Some(RewardOn::Lead),
            Self::Purchase => Some(RewardOn::Sale),
            Self::Impression | Self::Refund | Self::Chargeback => None,
        }
    }
}

/// The facts of an event: what was sent, resolved as far as that needs no look-up. They never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// Its id.
    pub id: TrackingEventId,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub visitor: Option<VisitorId>,
    /// Of a click: the caller's own id for it. Of a conversion: the click that led to it.
    pub click_id: Option<String>,
    /// The partner that was named.
    pub partner: Option<PartnerId>,
    /// The campaign that was named.
    pub campaign: Option<CampaignId>,
    /// The coupon that was entered, in capitals.
    pub coupon: Option<String>,
    /// The shop's order.
    pub order_id: Option<String>,
    /// What was paid or went back.
    pub amount: Option<Money>,
    /// When it happened, to the microsecond (the database keeps no more).
    pub occurred_at: DateTime<Utc>,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// Of a refund: the purchase it names.
    pub refers_to: Option<TrackingEventId>,
}

/// A new event: its facts and what is stored beside them.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The facts.
    pub facts: Tracked,
    /// The caller's own id, unique per tenant and source.
    pub event_id: Option<String>,
    /// Which of the caller's systems sent it.
    pub source: String,
    /// The code of the link that was followed.
    pub link: Option<String>,
    /// Whatever else was sent.
    pub metadata: Option<Box<RawValue>>,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to decide (impressions, clicks that earn nothing).
    #[default]
    Recorded,
    /// A conversion that partners brought.
    Attributed,
    /// A conversion that nobody brought.
    Unattributed,
    /// A refund that was taken off its purchase.
    Applied,
    /// A refund whose purchase is not here yet.
    Pending,
    /// A refund that came before its purchase and turned out not to fit it.
    Refused,
}

impl State {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Attributed => "attributed",
            Self::Unattributed => "unattributed",
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Refused => "refused",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Recorded, Self::Attributed, Self::Unattributed, Self::Applied, Self::Pending, Self::Refused];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// One contact that was looked at for a conversion, and its share of the credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Touchpoint {
    /// The partner.
    pub partner: PartnerId,
    /// Its share in basis points; 0 for a click that the model passes over.
    pub weight_bps: u32,
    /// The click; absent for a coupon, an explicit partner or the tenant's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click: Option<TrackingEventId>,
    /// When the click happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// Whose a conversion is, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The winning campaign and the version of its rules; absent = nobody's.
    pub won: Option<Won>,
    /// What was looked at, earliest first.
    pub touchpoints: Vec<Touchpoint>,
    /// Why, in one sentence.
    pub reason: String,
}

/// The campaign that pays for a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Won {
    /// The campaign.
    pub campaign: CampaignId,
    /// The rules in force at the conversion's time.
    pub rules_version: u32,
}

impl Decision {
    /// Nobody's, and why.
    pub fn nobody(reason: impl Into<String>) -> Self {
        Self { won: None, touchpoints: Vec::new(), reason: reason.into() }
    }

    /// One credit per partner, in the order of its latest credited click: several clicks of a partner are one share.
    pub fn credits(&self) -> Vec<Credit> {
        let mut credits: Vec<Credit> = Vec::with_capacity(1);
        for touch in self.touchpoints.iter().filter(|touch| touch.weight_bps > 0) {
            let earlier =
                credits.iter().position(|credit| credit.partner == touch.partner).map(|at| credits.remove(at));
            let weight_bps = touch.weight_bps + earlier.map_or(0, |credit| credit.weight_bps);
            credits.push(Credit { partner: touch.partner.clone(), weight_bps, click: touch.click });
        }
        credits
    }

    /// The latest click that earned something.
    pub fn credited_click_at(&self) -> Option<DateTime<Utc>> {
        self.touchpoints.iter().filter(|touch| touch.weight_bps > 0).filter_map(|touch| touch.at).max()
    }
}

/// An event as it stands: its facts and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The facts.
    pub facts: Tracked,
    /// Where it stands.
    pub state: State,
    /// Of conversions: whose it is. Of refunds: the reason alone.
    pub decision: Decision,
    /// How often it was decided; 0 = never.
    pub revision: u32,
    /// Of purchases: the one that was here before under the same order id.
    pub duplicate_of: Option<TrackingEventId>,
    /// Of purchases: what went back so far, in minor units.
    pub refunded_minor: i64,
    /// How many events were said about it.
    pub version: u64,
}

impl Standing {
    /// An event about which nothing is decided yet.
    pub fn fresh(facts: Tracked) -> Self {
        Self {
            facts,
            state: State::Recorded,
            decision: Decision::default(),
            revision: 0,
            duplicate_of: None,
            refunded_minor: 0,
            version: 0,
        }
    }
}
