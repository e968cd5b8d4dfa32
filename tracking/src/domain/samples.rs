//! A small tenant for tests.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use shared_events::tracking::{AttributionModel, AttributionPolicy, RewardOn};
use shared_events::{CampaignId, Currency, Money, PartnerId, TenantId, TrackingEventId, VisitorId};
use uuid::Uuid;

use super::campaign::CampaignState;
use super::catalog::{Campaign, Catalog, RulesVersion};
use super::event::{EventKind, Tracked};

/// The tenant.
pub fn tenant() -> TenantId {
    TenantId::try_new("demo").expect("valid")
}

/// `minutes` after a fixed moment.
pub fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("in range") + TimeDelta::minutes(minutes)
}

/// A partner.
pub fn partner(name: &str) -> PartnerId {
    PartnerId::try_new(name).expect("valid")
}

/// The digest of a user id.
pub fn visitor(user: &str) -> VisitorId {
    VisitorId::of(&tenant(), user)
}

/// The id of a campaign.
pub fn campaign_id(code: &str) -> CampaignId {
    CampaignId::from_code(&tenant(), code)
}

/// An active campaign in which p1, p2 and p3 take part, with a click window of a day.
pub fn campaign(code: &str, model: AttributionModel) -> Campaign {
    Campaign {
        id: campaign_id(code),
        code: code.into(),
        currency: Currency::USD,
        policy: AttributionPolicy { model, click_window_days: 1 },
        states: vec![(at(-100_001), CampaignState::Draft), (at(-100_000), CampaignState::Active)],
        rules: vec![RulesVersion {
            version: 1,
            valid_from: at(-100_001),
            rewards: vec![RewardOn::Lead, RewardOn::Sale],
        }],
        enrolled: ["p1", "p2", "p3"].map(|name| (partner(name), visitor(&format!("user-{name}")))).into(),
    }
}

/// A tenant with these campaigns and no coupon or default.
pub fn catalog(campaigns: Vec<Campaign>) -> Catalog {
    Catalog::new(campaigns, HashMap::new(), None)
}

/// An event with nothing but an id, a kind and a time.
pub fn event(id: u128, kind: EventKind, minutes: i64) -> Tracked {
    Tracked {
        id: TrackingEventId(Uuid::from_u128(id)),
        kind,
        visitor: None,
        click_id: None,
        partner: None,
        campaign: None,
        coupon: None,
        order_id: None,
        amount: None,
        occurred_at: at(minutes),
        received_at: at(minutes),
        refers_to: None,
    }
}

/// A click of visitor u on a link of `name` in campaign c.
pub fn click(id: u128, name: &str, minutes: i64) -> Tracked {
    let (partner, campaign) = (Some(partner(name)), Some(campaign_id("c")));
    Tracked { visitor: Some(visitor("u")), partner, campaign, ..event(id, EventKind::Click, minutes) }
}

/// A purchase of 100 dollars by visitor u.
pub fn purchase(id: u128, minutes: i64) -> Tracked {
    let amount = Some(Money::new(10_000, Currency::USD));
    Tracked { visitor: Some(visitor("u")), amount, ..event(id, EventKind::Purchase, minutes) }
}
