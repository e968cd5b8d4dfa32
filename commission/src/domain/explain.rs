//! Why a commission is what it is, in sentences made from the stored facts.

use shared_events::Money;
use shared_events::tracking::RewardValue;

use super::rewards::{Facts, Limit, Threshold};

/// What is known of a commission.
#[derive(Debug, Clone)]
pub struct Story<'a> {
    /// The campaign's code, where known.
    pub campaign: &'a str,
    /// The version of its rules.
    pub rules_version: i32,
    /// `click`, `lead` or `sale`.
    pub rewarded_on: &'a str,
    /// The whole conversion.
    pub base: Money,
    /// The partner's weight.
    pub weight_bps: i32,
    /// What it earned.
    pub earned: Money,
    /// What was taken back of it, claw-backs included.
    pub taken_minor: i64,
    /// The facts of the calculation.
    pub facts: &'a Facts,
    /// Why tracking credited the partner.
    pub attribution: &'a str,
    /// The month whose counts applied: `2026-11`.
    pub month: &'a str,
}

/// Basis points as a percentage: 1050 is `10.5 %`.
pub fn percent(bps: u32) -> String {
    let text = format!("{}.{:02}", bps / 100, bps % 100);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The sentences, in the order of the calculation.
pub fn lines(story: &Story<'_>) -> Vec<String> {
    let money = |minor| Money::new(minor, story.base.currency);
    let mut lines = vec![format!("attribution: {}", story.attribution)];
    let rules = format!("campaign {}, rules version {}", story.campaign, story.rules_version);
    let Some(value) = story.facts.value else {
        let reason = if story.facts.limits.contains(&Limit::RecurringOver) {
            "the customer's first conversion was too long ago for the rule's recurring months"
        } else {
            "the campaign has no rule for this kind of conversion"
        };
        lines.push(format!("rule: {rules}: nothing is paid for this {}: {reason}", story.rewarded_on));
        return lines;
    };
    let words = match value {
        RewardValue::BasisPoints(bps) => format!("{} of the amount", percent(bps)),
        RewardValue::FlatMinor(minor) => format!("{} flat", money(minor)),
    };
    let tier = match story.facts.tier {
        None => String::new(),
        Some(Threshold::Count(from)) => format!(" (tier from {from} conversions in {} reached)", story.month),
        Some(Threshold::AmountMinor(from)) => {
            format!(" (tier from {} turnover in {} reached)", money(from), story.month)
        }
    };
    lines.push(format!("rule: {rules}: {words} for each {}{tier}", story.rewarded_on));
    lines.push(match value {
        RewardValue::BasisPoints(bps) => {
            format!("base: {}; {} of it is {}", story.base, percent(bps), money(story.facts.full_minor))
        }
        RewardValue::FlatMinor(_) => format!("base: {} per {}", money(story.facts.full_minor), story.rewarded_on),
    });
    if let (true, Ok(weight)) = (story.weight_bps != 10_000, u32::try_from(story.weight_bps)) {
        lines.push(format!("share: the partner has {} of the conversion", percent(weight)));
    }
    for limit in &story.facts.limits {
        lines.push(match limit {
            Limit::EventCap => "limit: the cap for one conversion was reached".to_owned(),
            Limit::MonthCap => format!("limit: the partner's cap for {} was reached", story.month),
            Limit::NoRule | Limit::RecurringOver => continue,
        });
    }
    lines.push(format!("earned: {}", story.earned));
    if story.taken_minor > 0 {
        lines.push(format!(
            "taken back: {}; left: {}",
            money(story.taken_minor),
            money(story.earned.minor - story.taken_minor)
        ));
    }
    lines
}

/// Why a conversion earned nothing, for the event that says so.
pub fn nothing_earned(facts: &Facts) -> &'static str {
    match facts.limits.first() {
        Some(Limit::NoRule) => "the campaign has no rule for this kind of conversion",
        Some(Limit::RecurringOver) => {
            "the customer's first conversion was too long ago for the rule's recurring months"
        }
        Some(Limit::EventCap) => "the cap for one conversion is zero",
        Some(Limit::MonthCap) => "the partner's cap for the month was reached",
        None => "the reward rounds to nothing",
    }
}

#[cfg(test)]
mod tests {
    use shared_events::Currency;

    use super::*;

    fn story(facts: &Facts) -> Story<'_> {
        Story {
            campaign: "camp123",
            rules_version: 2,
            rewarded_on: "sale",
            base: Money::new(10_000, Currency::USD),
            weight_bps: 4_000,
            earned: Money::new(420, Currency::USD),
            taken_minor: 20,
            facts,
            attribution: "last click, 3 h before",
            month: "2026-11",
        }
    }

    #[test]
    fn the_arithmetic_can_be_followed() {
        let facts = Facts {
            value: Some(RewardValue::BasisPoints(1_050)),
            tier: Some(Threshold::Count(5)),
            full_minor: 1_050,
            limits: vec![Limit::MonthCap],
        };
        assert_eq!(
            lines(&story(&facts)),
            [
                "attribution: last click, 3 h before",
                "rule: campaign camp123, rules version 2: 10.5 % of the amount for each sale (tier from 5 conversions in 2026-11 reached)",
                "base: 100.00 USD; 10.5 % of it is 10.50 USD",
                "share: the partner has 40 % of the conversion",
                "limit: the partner's cap for 2026-11 was reached",
                "earned: 4.20 USD",
                "taken back: 0.20 USD; left: 4.00 USD",
            ]
        );
    }

    #[test]
    fn nothing_is_explained_too() {
        let facts = Facts { value: None, tier: None, full_minor: 0, limits: vec![Limit::NoRule] };
        assert!(lines(&story(&facts))[1].ends_with("no rule for this kind of conversion"));
        assert_eq!(percent(10_000), "100 %");
        assert_eq!(percent(5), "0.05 %");
    }
}
