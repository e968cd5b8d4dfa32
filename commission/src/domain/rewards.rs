//! What a conversion earns: the value of the rule or of the tier reached, weighted, within the caps.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use shared_events::tracking::{RewardRule, RewardValue, Tier};

use super::shares::{Share, WHOLE_BPS, rounded_ratio, split};

/// The calendar month (UTC) of a moment, by its first day.
pub fn month_of(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive().with_day(1).expect("every month has a first day")
}

/// What a partner did by one rule in one calendar month, before the conversion at hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Conversions.
    pub count: i64,
    /// Turnover (weighted) in minor units.
    pub amount_minor: i64,
    /// Earnings in minor units, before reversals.
    pub earned_minor: i64,
}

impl Standing {
    /// Adds what one conversion brought.
    pub fn add(&mut self, reward: &Reward) {
        self.count += 1;
        self.amount_minor = self.amount_minor.saturating_add(reward.turnover_minor);
        self.earned_minor = self.earned_minor.saturating_add(reward.earned_minor);
    }
}

/// Why a conversion earns nothing, or less than its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The campaign rewards nothing of this kind.
    NoRule,
    /// The customer's first conversion was too long ago (or not this one).
    RecurringOver,
    /// The cap for one conversion.
    EventCap,
    /// The cap for one partner and month.
    MonthCap,
}

/// The facts behind an amount; sentences are made of them when somebody reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The value that applied; absent without a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<RewardValue>,
    /// The tier reached, where the value is a tier's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Threshold>,
    /// What the whole conversion is worth by that value, before weight and caps.
    pub full_minor: i64,
    /// What limited it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
}

/// Where a tier begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// From so many conversions in the month.
    Count(u64),
    /// From so much turnover in the month, in minor units.
    AmountMinor(i64),
}

/// What one partner earns by one conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reward {
    /// The earnings.
    pub earned_minor: i64,
    /// The partner's weighted part of the amount, for its turnover.
    pub turnover_minor: i64,
    /// How it came about.
    pub facts: Facts,
}

/// Whether a conversion still counts for its customer.
///
/// `first` is the customer's first conversion known so far: when, and whether it is this very one.
pub fn within_recurring(rule: &RewardRule, occurred_at: DateTime<Utc>, first: Option<(DateTime<Utc>, bool)>) -> bool {
    let (Some(months), Some((first_at, is_first))) = (rule.recurring_months, first) else {
        return true;
    };
    // A purchase that came in late but happened earlier is the first one.
    is_first
        || occurred_at < first_at
        || first_at.checked_add_months(Months::new(months)).is_none_or(|end| occurred_at < end)
}

/// What each of the partners earns. `standings` are theirs before this conversion, in the same order as `shares`.
pub fn rewards(
    rule: Option<&RewardRule>,
    counts: bool,
    amount_minor: i64,
    shares: &[Share<'_>],
    standings: &[Standing],
) -> Vec<Reward> {
    let weights = shares.iter().map(|share| share.weight_bps);
    let turnovers = split(amount_minor.max(0), weights.clone());
    let Some(rule) = rule.filter(|_| counts) else {
        let limit = if rule.is_none() { Limit::NoRule } else { Limit::RecurringOver };
        let facts = Facts { value: None, tier: None, full_minor: 0, limits: vec![limit] };
        return turnovers
            .into_iter()
            .map(|turnover_minor| Reward { earned_minor: 0, turnover_minor, facts: facts.clone() })
            .collect();
    };
    let mut rewards: Vec<Reward> = Vec::with_capacity(shares.len());
    for (index, standing) in standings.iter().enumerate().take(shares.len()) {
        let turnover_minor = turnovers[index];
        let (value, tier) = value_for(rule, standing, turnover_minor);
        let full_minor = full_value(value, amount_minor);
        let mut limits = Vec::new();
        let mut within = |earned: i64, most: i64, limit: Limit| {
            if earned > most && !limits.contains(&limit) {
                limits.push(limit);
            }
            earned.min(most)
        };
        let event_cap = rule.cap_per_event_minor.unwrap_or(i64::MAX).max(0);
        let worth = within(full_minor, event_cap, Limit::EventCap);
        let weighted = split(worth, weights.clone())[index];
        // Partners on different tiers divide different totals: together they still stay within the cap.
        let others: i64 = rewards.iter().map(|reward| reward.earned_minor).sum();
        let earned = within(weighted, event_cap - others, Limit::EventCap);
        let month_left = rule.cap_per_partner_month_minor.map_or(i64::MAX, |cap| (cap - standing.earned_minor).max(0));
        let earned_minor = within(earned, month_left, Limit::MonthCap);
        rewards.push(Reward {
            earned_minor,
            turnover_minor,
            facts: Facts { value: Some(value), tier, full_minor, limits },
        });
    }
    rewards
}

/// The value that applies with this conversion included: of the highest tier reached, or the base value.
fn value_for(rule: &RewardRule, standing: &Standing, turnover_minor: i64) -> (RewardValue, Option<Threshold>) {
    let count = u64::try_from(standing.count).unwrap_or(0) + 1;
    let amount = standing.amount_minor.saturating_add(turnover_minor);
    let reached = |tier: &Tier| match (tier.from_count, tier.from_amount_minor) {
        (Some(from), _) if count >= from => Some((i128::from(from), Threshold::Count(from))),
        (None, Some(from)) if amount >= from => Some((i128::from(from), Threshold::AmountMinor(from))),
        _ => None,
    };
    rule.tiers
        .iter()
        .filter_map(|tier| reached(tier).map(|(from, threshold)| (from, tier.value, threshold)))
        .max_by_key(|(from, _, _)| *from)
        .map_or((rule.value, None), |(_, value, threshold)| (value, Some(threshold)))
}

fn full_value(value: RewardValue, amount_minor: i64) -> i64 {
    match value {
        RewardValue::BasisPoints(bps) => {
            rounded_ratio(amount_minor.max(0), i64::from(bps.min(WHOLE_BPS)), i64::from(WHOLE_BPS))
        }
        RewardValue::FlatMinor(minor) => minor.max(0),
    }
}

/// Whether a rule looks at what the partner did before in the month.
pub fn looks_back(rule: &RewardRule) -> bool {
    !rule.tiers.is_empty() || rule.cap_per_partner_month_minor.is_some()
}

#[cfg(test)]
#[path = "rewards_tests.rs"]
mod tests;
