use AttributionModel::{FirstClick, LastClick, Linear, PositionBased};
use proptest::prelude::*;
use shared_events::tracking::RewardOn;
use shared_events::{Currency, Money};

use super::*;
use crate::domain::catalog::RulesVersion;
use crate::domain::event::EventKind;
use crate::domain::samples::{at, campaign, campaign_id, catalog, click, event, partner, purchase, visitor};

const DAY: i64 = 24 * 60;

fn shares(decision: &Decision) -> Vec<(String, u32)> {
    decision.credits().into_iter().map(|credit| (credit.partner.to_string(), credit.weight_bps)).collect()
}

fn decide(conversion: &Tracked, clicks: &[Tracked], catalog: &Catalog) -> Decision {
    attribute(conversion, clicks.iter(), catalog)
}

#[test]
fn each_model_credits_as_it_says() {
    let clicks = [click(1, "p1", 0), click(2, "p2", 10), click(3, "p3", 20)];
    let cases: [(_, &[(&str, u32)]); 4] = [
        (LastClick, &[("p3", 10_000)]),
        (FirstClick, &[("p1", 10_000)]),
        (Linear, &[("p1", 3_334), ("p2", 3_333), ("p3", 3_333)]),
        (PositionBased, &[("p1", 4_000), ("p2", 2_000), ("p3", 4_000)]),
    ];
    for (model, expected) in cases {
        let decision = decide(&purchase(9, 30), &clicks, &catalog(vec![campaign("c", model)]));
        assert_eq!(
            shares(&decision),
            expected.iter().map(|(name, share)| ((*name).into(), *share)).collect::<Vec<_>>(),
            "{model:?}"
        );
        assert_eq!(decision.touchpoints.len(), 3);
    }
}

#[test]
fn both_edges_of_the_window_count() {
    let catalog = catalog(vec![campaign("c", LastClick)]);
    for (minutes, counts) in [(-DAY - 1, false), (-DAY, true), (0, true), (1, false)] {
        let decision = decide(&purchase(9, 0), &[click(1, "p1", minutes)], &catalog);
        assert_eq!(decision.won.is_some(), counts, "{minutes}: {}", decision.reason);
    }
}

#[test]
fn a_named_partner_wins_over_a_coupon_and_a_coupon_over_clicks() {
    let mut catalog = catalog(vec![campaign("c", LastClick)]);
    catalog.coupons.insert("SAVE".into(), (campaign_id("c"), partner("p2")));
    let clicks = [click(1, "p1", 0)];
    let with_coupon = Tracked { coupon: Some("SAVE".into()), ..purchase(9, 1) };
    assert_eq!(shares(&decide(&with_coupon, &clicks, &catalog)), [("p2".into(), 10_000)]);
    let with_both = Tracked { partner: Some(partner("p3")), ..with_coupon.clone() };
    assert_eq!(shares(&decide(&with_both, &clicks, &catalog)), [("p3".into(), 10_000)]);
    let with_unknown = Tracked { coupon: Some("OTHER".into()), ..with_coupon };
    let decision = decide(&with_unknown, &clicks, &catalog);
    assert_eq!(shares(&decision), [("p1".into(), 10_000)]);
    assert!(decision.reason.contains("OTHER") && decision.reason.contains("last of 1 click "), "{}", decision.reason);
}

#[test]
fn a_stranger_earns_nothing_and_nobody_else_does_instead() {
    let catalog = catalog(vec![campaign("c", LastClick)]);
    let named = Tracked { partner: Some(partner("stranger")), ..purchase(9, 1) };
    let decision = decide(&named, &[click(1, "p1", 0)], &catalog);
    assert_eq!((decision.won, decision.reason.as_str()), (None, "partner stranger takes part in no campaign"));
}

type Change = Box<dyn Fn(&mut Campaign, &mut Tracked)>;

#[test]
fn why_a_campaign_does_not_pay_is_said() {
    let euros = Some(Money::new(1, Currency::try_new("EUR").expect("listed")));
    let cases: [(Change, &str); 4] = [
        (Box::new(|campaign, _| campaign.states.push((at(-5), CampaignState::Paused))), "is paused"),
        (Box::new(|campaign, _| campaign.states.truncate(1)), "is draft"),
        (Box::new(move |_, event| event.amount = euros), "pays in USD, the amount is in EUR"),
        (Box::new(|campaign, _| campaign.rules[0].rewards = vec![RewardOn::Lead]), "reward no sale"),
    ];
    for (change, words) in cases {
        let (mut campaign, mut event) = (campaign("c", LastClick), purchase(9, 0));
        change(&mut campaign, &mut event);
        let decision = decide(&event, &[click(1, "p1", -1)], &catalog(vec![campaign]));
        assert!(decision.won.is_none() && decision.reason.contains(words), "{}", decision.reason);
    }
}

#[test]
fn what_happened_while_the_campaign_was_active_counts_after_its_end() {
    let mut ended = campaign("c", LastClick);
    ended.states.push((at(100), CampaignState::Ended));
    let catalog = catalog(vec![ended]);
    assert!(decide(&purchase(9, 99), &[click(1, "p1", 0)], &catalog).won.is_some());
    assert!(decide(&purchase(9, 100), &[click(1, "p1", 0)], &catalog).won.is_none());
}

#[test]
fn what_happened_before_the_first_activation_is_judged_by_it() {
    let mut opened_late = campaign("c", LastClick);
    opened_late.states =
        vec![(at(50), CampaignState::Draft), (at(60), CampaignState::Active), (at(70), CampaignState::Paused)];
    let catalog = catalog(vec![opened_late]);
    for (minutes, counts) in [(-60, true), (55, true), (60, true), (69, true), (70, false)] {
        let decision = decide(&purchase(9, minutes), &[click(1, "p1", minutes)], &catalog);
        assert_eq!(decision.won.is_some(), counts, "{minutes}: {}", decision.reason);
    }
}

#[test]
fn the_rules_of_its_time_hold_and_the_first_before_them() {
    let mut revised = campaign("c", LastClick);
    revised.rules = [(1, 10), (2, 20)]
        .map(|(version, from)| RulesVersion { version, valid_from: at(from), rewards: vec![RewardOn::Sale] })
        .into();
    let catalog = catalog(vec![revised]);
    for (minutes, version) in [(5, 1), (10, 1), (19, 1), (20, 2), (30, 2)] {
        let decision = decide(&purchase(9, minutes), &[click(1, "p1", 0)], &catalog);
        assert_eq!(decision.won.map(|won| won.rules_version), Some(version), "{minutes}");
    }
}

#[test]
fn the_default_is_for_what_names_nothing() {
    let mut catalog = catalog(vec![campaign("c", LastClick)]);
    catalog.default = Some((campaign_id("c"), partner("p1")));
    assert_eq!(shares(&decide(&purchase(9, 0), &[], &catalog)), [("p1".into(), 10_000)]);
    assert_eq!(shares(&decide(&purchase(9, 0), &[click(1, "p2", 0)], &catalog)), [("p2".into(), 10_000)]);
    let named_something = [
        Tracked { coupon: Some("X".into()), ..purchase(9, 0) },
        Tracked { click_id: Some("x".into()), ..purchase(9, 0) },
        Tracked { campaign: Some(campaign_id("other")), ..purchase(9, 0) },
    ];
    for event in named_something {
        assert_eq!(decide(&event, &[], &catalog).won, None, "{event:?}");
    }
}

#[test]
fn a_partner_of_several_campaigns_needs_the_campaign_named() {
    let mut catalog = catalog(vec![campaign("c", LastClick), campaign("d", LastClick)]);
    let named = Tracked { partner: Some(partner("p1")), ..purchase(9, 0) };
    assert!(decide(&named, &[], &catalog).reason.contains("2 campaigns"));
    let with_campaign = Tracked { campaign: Some(campaign_id("d")), ..named.clone() };
    assert_eq!(decide(&with_campaign, &[], &catalog).won.map(|won| won.campaign), Some(campaign_id("d")));
    catalog.default = Some((campaign_id("c"), partner("p2")));
    assert_eq!(decide(&named, &[], &catalog).won.map(|won| won.campaign), Some(campaign_id("c")));
}

#[test]
fn several_clicks_of_a_partner_are_one_credit() {
    let decision = decide(
        &purchase(9, 30),
        &[click(1, "p1", 0), click(2, "p2", 1), click(3, "p1", 2)],
        &catalog(vec![campaign("c", Linear)]),
    );
    assert_eq!(shares(&decision), [("p2".into(), 3_333), ("p1".into(), 6_667)]);
    assert_eq!(decision.credits()[1].click, Some(click(3, "p1", 2).id));
}

#[test]
fn a_click_earns_only_where_clicks_are_rewarded() {
    assert_eq!(attribute_click(&click(1, "p1", 0), &catalog(vec![campaign("c", LastClick)])), None);
    let mut paying = campaign("c", LastClick);
    paying.rules[0].rewards.push(RewardOn::Click);
    let decision = attribute_click(&click(1, "p1", 0), &catalog(vec![paying])).expect("rewarded");
    assert_eq!(decision.credits()[0].click, Some(click(1, "p1", 0).id));
}

#[test]
fn only_the_latest_clicks_are_looked_at() {
    let clicks: Vec<Tracked> = (0..250).map(|n| click(n, "p1", n as i64)).collect();
    let decision = decide(&purchase(999, 300), &clicks, &catalog(vec![campaign("c", FirstClick)]));
    assert_eq!(decision.touchpoints.len(), MOST_CLICKS);
    assert_eq!(decision.touchpoints.last().and_then(|touch| touch.at), Some(at(249)));
    assert!(decision.reason.ends_with("only the latest 100 were looked at"), "{}", decision.reason);
}

proptest! {
    #[test]
    fn shares_add_up_and_the_order_of_the_clicks_does_not_matter(
        model in prop::sample::select(vec![LastClick, FirstClick, Linear, PositionBased]),
        clicks in prop::collection::vec((1_u128..40, 1_u8..5, -2_000_i64..50), 0..30),
        seed in any::<u64>(),
    ) {
        let clicks: Vec<Tracked> = clicks.into_iter().map(|(id, name, minutes)| click(id, &format!("p{name}"), minutes)).collect();
        let mut unique = clicks;
        unique.sort_by_key(|click| click.id);
        unique.dedup_by_key(|click| click.id);
        let mut shuffled = unique.clone();
        shuffled.sort_by_key(|click| click.id.0.as_u128().wrapping_mul(u128::from(seed) | 1) % 8_191);
        let catalog = catalog(vec![campaign("c", model)]);
        let lead = Tracked { visitor: Some(visitor("u")), ..event(999, EventKind::Lead, 0) };
        let decision = decide(&lead, &unique, &catalog);
        prop_assert_eq!(&decision, &decide(&lead, &shuffled, &catalog));
        let sum: u32 = decision.credits().iter().map(|credit| credit.weight_bps).sum();
        let counting = unique.iter().any(|click| click.partner != Some(partner("p4")) && click.occurred_at <= at(0) && click.occurred_at >= at(-DAY));
        prop_assert_eq!(sum, if counting { WHOLE } else { 0 });
    }
}
