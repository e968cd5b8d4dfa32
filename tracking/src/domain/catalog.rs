//! What a tenant's conversions are judged by: its campaigns, who takes part, coupons, the default.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use shared_events::tracking::{AttributionPolicy, RewardOn};
use shared_events::{CampaignId, Currency, PartnerId, VisitorId};

use super::campaign::CampaignState;

/// A campaign, as far as attribution needs it.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its code, for explanations.
    pub code: String,
    /// The currency it pays in.
    pub currency: Currency,
    /// Who gets the credit.
    pub policy: AttributionPolicy,
    /// Since when it is in which state, oldest first.
    pub states: Vec<(DateTime<Utc>, CampaignState)>,
    /// Its rules, oldest first.
    pub rules: Vec<RulesVersion>,
    /// Who takes part, with the digest of the partner's own user id.
    pub enrolled: HashMap<PartnerId, VisitorId>,
}

/// Which rules hold from when.
#[derive(Debug, Clone)]
pub struct RulesVersion {
    /// Counted from 1.
    pub version: u32,
    /// From when.
    pub valid_from: DateTime<Utc>,
    /// What they reward.
    pub rewards: Vec<RewardOn>,
}

impl Campaign {
    /// The state at `time`. What happened before the first activation is judged by it: a campaign may be told of earlier purchases.
    pub fn state_at(&self, time: DateTime<Utc>) -> CampaignState {
        let activated = self.states.iter().find(|(_, state)| *state == CampaignState::Active);
        let Some((activated, _)) = activated else { return CampaignState::Draft };
        let time = time.max(*activated);
        self.states.iter().rev().find(|(since, _)| *since <= time).map_or(CampaignState::Draft, |(_, state)| *state)
    }

    /// The rules in force at `time`; before the first ones, the first.
    pub fn rules_at(&self, time: DateTime<Utc>) -> Option<&RulesVersion> {
        self.rules.iter().rev().find(|rules| rules.valid_from <= time).or(self.rules.first())
    }

    /// How long before a conversion a click may have been.
    pub fn window(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.policy.click_window_days))
    }
}

/// Everything a tenant's conversions are judged by.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Campaigns by id.
    pub campaigns: HashMap<CampaignId, Campaign>,
    /// Whose a coupon is.
    pub coupons: HashMap<String, (CampaignId, PartnerId)>,
    /// Who gets what carries nothing to go by.
    pub default: Option<(CampaignId, PartnerId)>,
    /// The campaigns that a partner takes part in, by code.
    pub by_partner: HashMap<PartnerId, Vec<CampaignId>>,
    /// The longest click window of any campaign.
    pub longest_window: TimeDelta,
    /// Whether any campaign ever rewarded clicks.
    pub rewards_clicks: bool,
}

impl Catalog {
    /// Puts the parts together.
    pub fn new(
        campaigns: Vec<Campaign>,
        coupons: HashMap<String, (CampaignId, PartnerId)>,
        default: Option<(CampaignId, PartnerId)>,
    ) -> Self {
        let longest_window = campaigns.iter().map(Campaign::window).max().unwrap_or_default();
        let rewards_clicks =
            campaigns.iter().flat_map(|campaign| &campaign.rules).any(|rules| rules.rewards.contains(&RewardOn::Click));
        let mut in_order: Vec<&Campaign> = campaigns.iter().collect();
        in_order.sort_by(|a, b| a.code.cmp(&b.code));
        let mut by_partner: HashMap<PartnerId, Vec<CampaignId>> = HashMap::new();
        for campaign in in_order {
            for partner in campaign.enrolled.keys() {
                by_partner.entry(partner.clone()).or_default().push(campaign.id);
            }
        }
        let campaigns = campaigns.into_iter().map(|campaign| (campaign.id, campaign)).collect();
        Self { campaigns, coupons, default, by_partner, longest_window, rewards_clicks }
    }
}
