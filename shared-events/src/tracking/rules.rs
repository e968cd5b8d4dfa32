//! What reward rules must look like.

use super::{RewardOn, RewardRule, RewardValue, Tier};
use crate::money::Money;
use crate::outcome::Rejection;

const MOST_TIERS: usize = 20;
const MOST_HOLD_DAYS: u32 = 3_650;
const MOST_RECURRING_MONTHS: u32 = 1_200;

/// Whether a campaign may have these rules.
///
/// # Errors
/// A [`Rejection`] with the path of the first field at fault (`rules[1].tiers[0].value`).
pub fn check_rules(rules: &[RewardRule]) -> Result<(), Rejection> {
    if rules.is_empty() {
        return Err(invalid("rules", "a campaign has at least one rule"));
    }
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].iter().any(|earlier| earlier.on == rule.on) {
            return Err(invalid(
                &format!("rules[{index}].on"),
                format!("there is already a rule for each {}", rule.on.name()),
            ));
        }
        check_rule(rule, &format!("rules[{index}]"))?;
    }
    Ok(())
}

fn invalid(field: &str, detail: impl Into<String>) -> Rejection {
    Rejection::new("rules_invalid", detail).at(field)
}

fn check_rule(rule: &RewardRule, path: &str) -> Result<(), Rejection> {
    check_value(rule.value, rule.on, &format!("{path}.value"))?;
    check_tiers(rule, &format!("{path}.tiers"))?;
    for (name, cap) in [
        ("cap_per_event_minor", rule.cap_per_event_minor),
        ("cap_per_partner_month_minor", rule.cap_per_partner_month_minor),
    ] {
        if cap.is_some_and(|cap| cap < 1) {
            return Err(invalid(&format!("{path}.{name}"), "a cap is at least 1 minor unit"));
        }
    }
    if rule.hold_days > MOST_HOLD_DAYS {
        return Err(invalid(&format!("{path}.hold_days"), format!("a hold lasts at most {MOST_HOLD_DAYS} days")));
    }
    if rule.recurring_months.is_some_and(|months| months > MOST_RECURRING_MONTHS) {
        return Err(invalid(
            &format!("{path}.recurring_months"),
            format!("at most {MOST_RECURRING_MONTHS} months; leave it out for no end"),
        ));
    }
    if rule.min_payout_minor < 0 {
        return Err(invalid(&format!("{path}.min_payout_minor"), "a smallest payout is not negative"));
    }
    Ok(())
}

fn check_value(value: RewardValue, on: RewardOn, path: &str) -> Result<(), Rejection> {
    match value {
        RewardValue::BasisPoints(_) if on == RewardOn::Click => {
            Err(invalid(path, "a click has no amount to take a part of: use flat_minor"))
        }
        RewardValue::BasisPoints(points) if points > 10_000 => {
            Err(invalid(path, "at most 10,000 basis points, the whole amount"))
        }
        RewardValue::FlatMinor(minor) if minor < 0 => Err(invalid(path, "a reward is not negative")),
        RewardValue::FlatMinor(minor) if minor > Money::LARGEST_MINOR => Err(invalid(path, "out of range")),
        RewardValue::BasisPoints(_) | RewardValue::FlatMinor(_) => Ok(()),
    }
}

/// Tiers go all by count or all by amount, and rise.
fn check_tiers(rule: &RewardRule, path: &str) -> Result<(), Rejection> {
    if rule.tiers.len() > MOST_TIERS {
        return Err(invalid(path, format!("at most {MOST_TIERS} tiers")));
    }
    let by_amount = rule.tiers.first().is_some_and(|tier| tier.from_amount_minor.is_some());
    if by_amount && rule.on == RewardOn::Click {
        return Err(invalid(path, "clicks have no amounts: use from_count"));
    }
    let mut before = 0;
    for (index, tier) in rule.tiers.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let from = threshold(tier, by_amount)
            .ok_or_else(|| invalid(&path, "each tier has from_count, or each has from_amount_minor"))?;
        if from <= before {
            return Err(invalid(&path, "thresholds start above 0 and rise"));
        }
        before = from;
        check_value(tier.value, rule.on, &format!("{path}.value"))?;
    }
    Ok(())
}

fn threshold(tier: &Tier, by_amount: bool) -> Option<i128> {
    match (tier.from_count, tier.from_amount_minor) {
        (None, Some(minor)) if by_amount => Some(i128::from(minor)),
        (Some(count), None) if !by_amount => Some(i128::from(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale() -> RewardRule {
        RewardRule {
            on: RewardOn::Sale,
            value: RewardValue::BasisPoints(1_000),
            tiers: vec![],
            cap_per_event_minor: None,
            cap_per_partner_month_minor: None,
            recurring_months: None,
            hold_days: 30,
            min_payout_minor: 0,
        }
    }

    fn count(from: u64) -> Tier {
        Tier { from_count: Some(from), from_amount_minor: None, value: RewardValue::FlatMinor(5) }
    }

    fn field_at_fault(rules: &[RewardRule]) -> Option<String> {
        check_rules(rules).err().and_then(|rejection| rejection.field)
    }

    #[test]
    fn sensible_rules_pass() {
        let lead = RewardRule {
            on: RewardOn::Lead,
            value: RewardValue::FlatMinor(0),
            tiers: vec![count(1), count(2)],
            ..sale()
        };
        assert_eq!(check_rules(&[sale(), lead]), Ok(()));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        assert_eq!(field_at_fault(&[]).as_deref(), Some("rules"));
        assert_eq!(field_at_fault(&[sale(), sale()]).as_deref(), Some("rules[1].on"));
        let amount =
            |minor| Tier { from_count: None, from_amount_minor: Some(minor), value: RewardValue::BasisPoints(1) };
        let cases = [
            (RewardRule { value: RewardValue::BasisPoints(10_001), ..sale() }, "rules[0].value"),
            (RewardRule { value: RewardValue::FlatMinor(-1), ..sale() }, "rules[0].value"),
            (RewardRule { value: RewardValue::FlatMinor(i64::MAX), ..sale() }, "rules[0].value"),
            (RewardRule { on: RewardOn::Click, ..sale() }, "rules[0].value"),
            (RewardRule { tiers: vec![count(2), count(2)], ..sale() }, "rules[0].tiers[1]"),
            (RewardRule { tiers: vec![count(0)], ..sale() }, "rules[0].tiers[0]"),
            (RewardRule { tiers: vec![count(2), amount(5)], ..sale() }, "rules[0].tiers[1]"),
            (RewardRule { tiers: vec![amount(-5)], ..sale() }, "rules[0].tiers[0]"),
            (RewardRule { cap_per_event_minor: Some(0), ..sale() }, "rules[0].cap_per_event_minor"),
            (RewardRule { cap_per_partner_month_minor: Some(-1), ..sale() }, "rules[0].cap_per_partner_month_minor"),
            (RewardRule { hold_days: 4_000, ..sale() }, "rules[0].hold_days"),
            (RewardRule { recurring_months: Some(u32::MAX), ..sale() }, "rules[0].recurring_months"),
            (RewardRule { min_payout_minor: -1, ..sale() }, "rules[0].min_payout_minor"),
        ];
        for (rule, field) in cases {
            assert_eq!(field_at_fault(std::slice::from_ref(&rule)).as_deref(), Some(field), "{rule:?}");
        }
    }
}
