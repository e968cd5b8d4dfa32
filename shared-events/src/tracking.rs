//! What tracking is asked and what it tells: campaigns, enrolments, links, coupons, conversions and their refunds.

mod checks;
mod commands;
mod events;
mod origin;
mod rules;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use checks::{CAMPAIGN_CODE, LINK_CODE, check_campaign, check_code, check_metadata};
pub use commands::*;
pub use events::*;
pub use origin::{MOST_ORIGINS, is_origin};
pub use rules::check_rules;

/// Declares messages: type, wire name, topic and key in one place.
#[macro_export]
macro_rules! messages {
    ($topic:expr; $($name:ident $wire:literal $key:ident),+ $(,)?) => {$(
        impl Message for $name {
            const TYPE: &'static str = $wire;
            const TOPIC: Topic = $topic;
            fn key(&self) -> String {
                self.$key.to_string()
            }
        }
    )+};
}

/// How the credit for a conversion is divided among the clicks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributionModel {
    /// All to the latest click in the window.
    LastClick,
    /// All to the earliest click in the window.
    FirstClick,
    /// In equal parts to every click in the window.
    Linear,
    /// 40 % to the first, 40 % to the last, the rest in equal parts to those between; two clicks share equally.
    PositionBased,
}

/// Attribution policy of a campaign. A coupon and an explicitly named partner always win over clicks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributionPolicy {
    /// How credit is divided.
    pub model: AttributionModel,
    /// A click earns credit for this many days (1 to 3,650).
    pub click_window_days: u32,
}

/// What a reward is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardOn {
    /// A click.
    Click,
    /// A lead (a sign-up, a form).
    Lead,
    /// A purchase.
    Sale,
}

impl RewardOn {
    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Lead => "lead",
            Self::Sale => "sale",
        }
    }
}

/// The size of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardValue {
    /// Hundredths of a percent of the amount (1,000 = 10 %), 0 to 10,000.
    BasisPoints(u32),
    /// A fixed amount in minor units of the campaign's currency.
    FlatMinor(i64),
}

/// From this many conversions, or this much turnover, in the calendar month (UTC), another value applies.
/// The conversion that reaches the threshold already earns it; earlier ones keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Conversions of the partner in the month, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_count: Option<u64>,
    /// Turnover of the partner in the month in minor units, this conversion included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_amount_minor: Option<i64>,
    /// What applies from there.
    pub value: RewardValue,
}

/// One rule of a campaign: what is paid for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RewardRule {
    /// What it rewards; a campaign has at most one rule for each.
    pub on: RewardOn,
    /// The base reward.
    pub value: RewardValue,
    /// Better rewards for more; either all by count or all by amount, rising.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Most that one conversion earns, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_per_event_minor: Option<i64>,
    /// Most that one partner earns by this rule in a calendar month (UTC), in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_per_partner_month_minor: Option<i64>,
    /// For how many months after a customer's first conversion later ones earn too: absent = without end, 0 = the first only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring_months: Option<u32>,
    /// Days that a commission waits before it is approved.
    pub hold_days: u32,
    /// Smallest payout, in minor units.
    #[serde(default)]
    pub min_payout_minor: i64,
}
