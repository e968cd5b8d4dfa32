//! Rewards: the cases people ask about, and what holds for all.

use proptest::prelude::*;
use shared_events::PartnerId;
use shared_events::tracking::RewardOn;

use super::*;

fn rule(value: RewardValue) -> RewardRule {
    RewardRule {
        on: RewardOn::Sale,
        value,
        tiers: vec![],
        cap_per_event_minor: None,
        cap_per_partner_month_minor: None,
        recurring_months: None,
        hold_days: 30,
        min_payout_minor: 0,
    }
}

fn partners(count: usize) -> Vec<PartnerId> {
    (0..count).map(|n| PartnerId::try_new(format!("p{n}")).unwrap()).collect()
}

fn share(partner: &PartnerId, weight_bps: u32) -> Share<'_> {
    Share { partner, weight_bps, click: None }
}

fn one(rule: &RewardRule, amount: i64, standing: Standing) -> Reward {
    let names = partners(1);
    rewards(Some(rule), true, amount, &[share(&names[0], 10_000)], &[standing]).remove(0)
}

#[test]
fn ten_percent_of_a_hundred_dollars() {
    let reward = one(&rule(RewardValue::BasisPoints(1_000)), 10_000, Standing::default());
    assert_eq!((reward.earned_minor, reward.turnover_minor, reward.facts.full_minor), (1_000, 10_000, 1_000));
    assert!(reward.facts.limits.is_empty());
}

#[test]
fn the_conversion_that_reaches_a_tier_earns_it_whole() {
    let mut by_count = rule(RewardValue::BasisPoints(500));
    by_count.tiers = vec![
        Tier { from_count: Some(3), from_amount_minor: None, value: RewardValue::BasisPoints(1_000) },
        Tier { from_count: Some(5), from_amount_minor: None, value: RewardValue::FlatMinor(7_777) },
    ];
    let earned = |count| one(&by_count, 10_000, Standing { count, ..Standing::default() }).earned_minor;
    assert_eq!([0, 1, 2, 3, 4, 9].map(earned), [500, 500, 1_000, 1_000, 7_777, 7_777]);

    let mut by_amount = rule(RewardValue::BasisPoints(500));
    by_amount.tiers =
        vec![Tier { from_count: None, from_amount_minor: Some(20_000), value: RewardValue::BasisPoints(1_000) }];
    let earned = |amount_minor| one(&by_amount, 10_000, Standing { amount_minor, ..Standing::default() });
    assert_eq!(earned(9_999).earned_minor, 500);
    let reached = earned(10_000);
    assert_eq!((reached.earned_minor, reached.facts.tier), (1_000, Some(Threshold::AmountMinor(20_000))));
}

#[test]
fn caps_limit_the_event_and_the_month() {
    let mut capped = rule(RewardValue::BasisPoints(1_000));
    capped.cap_per_event_minor = Some(800);
    capped.cap_per_partner_month_minor = Some(2_000);
    let earned = |earned_minor| one(&capped, 10_000, Standing { earned_minor, ..Standing::default() });
    assert_eq!((earned(0).earned_minor, earned(0).facts.limits), (800, vec![Limit::EventCap]));
    assert_eq!((earned(1_500).earned_minor, earned(1_500).facts.limits), (500, vec![Limit::EventCap, Limit::MonthCap]));
    assert_eq!(earned(2_000).earned_minor, 0);
    assert_eq!(earned(9_000).earned_minor, 0);
}

#[test]
fn weights_divide_the_earnings() {
    let names = partners(3);
    let three = [share(&names[0], 3_333), share(&names[1], 3_334), share(&names[2], 3_333)];
    let found = rewards(Some(&rule(RewardValue::FlatMinor(100))), true, 0, &three, &[Standing::default(); 3]);
    assert_eq!(found.iter().map(|reward| reward.earned_minor).collect::<Vec<_>>(), [33, 34, 33]);
}

#[test]
fn recurring_months_end() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let first = at("2026-01-31T12:00:00Z");
    let mut recurring = rule(RewardValue::FlatMinor(1));
    assert!(within_recurring(&recurring, at("2036-01-01T00:00:00Z"), Some((first, false))), "absent is without end");
    recurring.recurring_months = Some(1);
    assert!(within_recurring(&recurring, at("2026-02-28T11:59:59Z"), Some((first, false))));
    assert!(!within_recurring(&recurring, at("2026-02-28T12:00:00Z"), Some((first, false))));
    recurring.recurring_months = Some(0);
    assert!(within_recurring(&recurring, first, Some((first, true))), "the first itself");
    assert!(!within_recurring(&recurring, first, Some((first, false))), "another one at the same moment");
    assert!(
        within_recurring(&recurring, at("2026-01-30T00:00:00Z"), Some((first, false))),
        "late news of an earlier one"
    );
    assert!(within_recurring(&recurring, first, None), "a customer nobody knows");
}

#[test]
fn without_a_rule_nothing_is_earned_and_that_is_said() {
    let names = partners(1);
    let found = rewards(None, true, 10_000, &[share(&names[0], 10_000)], &[Standing::default()]);
    assert_eq!((found[0].earned_minor, &found[0].facts.limits), (0, &vec![Limit::NoRule]));
}

#[test]
fn months_are_utc() {
    let last_second: DateTime<Utc> = "2026-03-01T00:30:00+01:00".parse().unwrap();
    assert_eq!(month_of(last_second).to_string(), "2026-02-01");
}

fn value() -> impl Strategy<Value = RewardValue> {
    prop_oneof![
        (0..=10_000_u32).prop_map(RewardValue::BasisPoints),
        (0..1_000_000_i64).prop_map(RewardValue::FlatMinor)
    ]
}

proptest! {
    /// Together partners earn between nothing and the cap, whatever tiers they are on, and each stays in its month's cap.
    #[test]
    fn earnings_stay_within_the_caps(
        base in value(),
        better in prop::collection::vec((1..20_u64, value()), 0..3),
        cap in prop::option::of(0..50_000_i64),
        month_cap in prop::option::of(0..50_000_i64),
        amount in 0..10_000_000_i64,
        cuts in prop::collection::vec(0..=10_000_u32, 0..4),
        counts in prop::collection::vec((0..25_i64, 0..60_000_i64), 5),
    ) {
        let mut edges = cuts;
        edges.extend([0, 10_000]);
        edges.sort_unstable();
        let weights: Vec<u32> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let names = partners(weights.len());
        let all: Vec<Share<'_>> = names.iter().zip(&weights).map(|(name, weight)| share(name, *weight)).collect();
        let standings: Vec<Standing> =
            counts.iter().take(all.len()).map(|(count, earned_minor)| Standing { count: *count, amount_minor: 0, earned_minor: *earned_minor }).collect();
        let rule = RewardRule {
            tiers: better.iter().map(|(from, value)| Tier { from_count: Some(*from), from_amount_minor: None, value: *value }).collect(),
            cap_per_event_minor: cap,
            cap_per_partner_month_minor: month_cap,
            ..rule(base)
        };
        let found = rewards(Some(&rule), true, amount, &all, &standings);
        prop_assert_eq!(found.len(), all.len());
        let total: i64 = found.iter().map(|reward| reward.earned_minor).sum();
        prop_assert!(found.iter().all(|reward| reward.earned_minor >= 0));
        if let Some(cap) = cap {
            prop_assert!(total <= cap);
        }
        if let Some(cap) = month_cap {
            for (reward, standing) in found.iter().zip(&standings) {
                prop_assert!(reward.earned_minor == 0 || standing.earned_minor + reward.earned_minor <= cap);
            }
        }
        prop_assert_eq!(found.iter().map(|reward| reward.turnover_minor).sum::<i64>(), amount);
        if rule.tiers.is_empty() && cap.is_none() && month_cap.is_none() {
            prop_assert_eq!(total, found[0].facts.full_minor, "undivided and divided earnings agree");
        }
    }
}
