use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use shared_events::tracking::AttributionModel::{self, FirstClick, LastClick, Linear, PositionBased};
use shared_events::tracking::RewardOn;
use shared_events::{Currency, Money};

use super::*;
use crate::domain::event::EventKind;
use crate::domain::samples::{at, campaign, catalog, click, event, partner, purchase, visitor};

/// What a database would hold, and what was said.
#[derive(Default)]
struct World {
    stored: BTreeMap<TrackingEventId, Standing>,
    said: Vec<Fact>,
}

impl World {
    /// One group of events through the rules; everything stored counts as loaded.
    fn take(&mut self, events: &[Tracked], catalog: &Catalog) -> Vec<Verdict> {
        let new: Vec<NewEvent> = events
            .iter()
            .map(|facts| NewEvent {
                facts: facts.clone(),
                event_id: None,
                source: "api".into(),
                link: None,
                metadata: None,
            })
            .collect();
        let new: Vec<&NewEvent> = new.iter().collect();
        let known: Vec<Standing> = self.stored.values().cloned().collect();
        let again = touched_by_late_clicks(&new, &known, catalog);
        let plan = plan(&new, &known, &again, catalog);
        for (_, standing) in plan.inserts {
            assert!(self.stored.insert(standing.facts.id, standing).is_none(), "inserted twice");
        }
        for update in plan.updates {
            let before = self.stored.insert(update.standing.facts.id, update.standing).expect("stored before");
            assert_eq!(before.version, update.read_version);
        }
        self.said.extend(plan.facts.into_iter().map(|(_, fact)| fact));
        plan.verdicts
    }

    fn get(&self, id: u128) -> &Standing {
        &self.stored[&TrackingEventId(uuid::Uuid::from_u128(id))]
    }

    /// Versions of each conversion go up by one with each fact.
    fn check_versions(&self) {
        let mut versions: HashMap<_, u64> = HashMap::new();
        for fact in &self.said {
            let (version, id) = match fact {
                Fact::Attributed(version, fact) => (version, fact.conversion_id),
                Fact::Unattributed(version, fact) => (version, fact.conversion_id),
                Fact::Refunded(version, fact) => (version, fact.conversion_id),
            };
            let last = versions.entry(id).or_default();
            *last += 1;
            assert_eq!(version, last, "{fact:?}");
        }
        for standing in self.stored.values() {
            assert_eq!(versions.get(&standing.facts.id.into()).copied().unwrap_or_default(), standing.version);
        }
    }
}

fn refund(id: u128, order: &str, minor: Option<i64>) -> Tracked {
    let amount = minor.map(|minor| Money::new(minor, Currency::USD));
    Tracked { order_id: Some(order.into()), amount, ..event(id, EventKind::Refund, 50) }
}

fn ordered(id: u128, order: &str) -> Tracked {
    Tracked { order_id: Some(order.into()), ..purchase(id, 30) }
}

fn field(verdict: &Verdict) -> Option<&str> {
    if let Verdict::Rejected(refused) = verdict { refused.field.as_deref() } else { None }
}

#[test]
fn the_same_id_counts_once() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
    let other_amount = Tracked { amount: Some(Money::new(1, Currency::USD)), ..purchase(1, 0) };
    assert_eq!(world.take(&[purchase(1, 0), other_amount], &catalog), [Verdict::Recorded, Verdict::Duplicate]);
    assert_eq!(world.take(&[purchase(1, 5)], &catalog), [Verdict::Duplicate]);
    assert_eq!(world.get(1).facts, purchase(1, 0));
    assert_eq!(world.said.len(), 1);
}

#[test]
fn a_late_click_changes_whose_it_is() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
    world.take(&[click(1, "p1", 0)], &catalog);
    world.take(&[purchase(2, 30)], &catalog);
    assert_eq!(world.get(2).decision.credits()[0].partner, partner("p1"));
    world.take(&[click(3, "p2", 10)], &catalog);
    assert_eq!((world.get(2).decision.credits()[0].partner.clone(), world.get(2).revision), (partner("p2"), 2));
    world.take(&[click(4, "p3", 5)], &catalog);
    assert_eq!(
        (world.get(2).revision, world.get(2).decision.touchpoints.len()),
        (2, 3),
        "looked at, but the last click is the same"
    );
    world.take(&[click(5, "p3", 31)], &catalog);
    assert_eq!(world.get(2).revision, 2, "after the purchase");
    let Some(Fact::Attributed(2, fact)) = world.said.last() else { panic!("{:?}", world.said) };
    assert_eq!(
        (fact.revision, fact.signals.millis_from_click, fact.signals.clicks_last_hour),
        (2, Some(20 * 60_000), 2)
    );
    world.check_versions();
}

#[test]
fn an_unattributed_lead_is_attributed_by_its_late_click_id() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
    let lead = Tracked { click_id: Some("abc".into()), ..event(1, EventKind::Lead, 5) };
    world.take(&[lead], &catalog);
    assert_eq!(world.get(1).state, State::Unattributed);
    world.take(&[Tracked { visitor: None, click_id: Some("abc".into()), ..click(2, "p1", 0) }], &catalog);
    assert_eq!(world.get(1).state, State::Attributed);
    world.check_versions();
}

#[test]
fn our_own_id_of_a_click_is_a_click_id() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
    world.take(&[Tracked { visitor: None, ..click(77, "p1", 0) }], &catalog);
    let lead = Tracked { click_id: Some(click(77, "p1", 0).id.to_string()), ..event(1, EventKind::Lead, 5) };
    world.take(&[lead], &catalog);
    assert_eq!(world.get(1).state, State::Attributed);
}

#[test]
fn refunds_add_up_to_the_purchase_at_most() {
    let (mut world, catalog) = (World::default(), catalog(vec![]));
    world.take(&[ordered(1, "o")], &catalog);
    assert_eq!(
        world
            .take(&[refund(2, "o", Some(4_000)), refund(3, "o", Some(6_001)), refund(3, "o", Some(6_001))], &catalog)
            .iter()
            .map(field)
            .collect::<Vec<_>>(),
        [None, Some("amount"), Some("amount")]
    );
    assert_eq!(world.take(&[refund(4, "o", None)], &catalog), [Verdict::Recorded]);
    assert_eq!(field(&world.take(&[refund(5, "o", None)], &catalog)[0]), Some("amount"));
    assert_eq!(
        (world.get(1).refunded_minor, world.get(4).facts.amount.map(|money| money.minor)),
        (10_000, Some(6_000))
    );
    let Some(Fact::Refunded(3, last)) = world.said.last() else { panic!("{:?}", world.said) };
    assert_eq!((last.refunded_total_minor, last.purchase_minor, last.amount.minor), (10_000, 10_000, 6_000));
    world.check_versions();
}

#[test]
fn a_refund_waits_for_its_purchase() {
    let (mut world, catalog) = (World::default(), catalog(vec![]));
    let by_id = Tracked { refers_to: Some(ordered(9, "o").id), order_id: None, ..refund(1, "", Some(1_000)) };
    assert_eq!(
        world.take(&[by_id, refund(2, "o", Some(3_000)), refund(3, "o", Some(6_500))], &catalog),
        vec![Verdict::Recorded; 3]
    );
    assert_eq!(world.get(1).state, State::Pending);
    world.take(&[ordered(9, "o")], &catalog);
    assert_eq!([1, 2, 3].map(|id| world.get(id).state), [State::Applied, State::Applied, State::Refused]);
    assert!(world.get(3).decision.reason.contains("more than"), "{}", world.get(3).decision.reason);
    assert_eq!(world.get(9).refunded_minor, 4_000);
    world.check_versions();
}

#[test]
fn a_refund_of_something_else_is_refused() {
    let (mut world, catalog) = (World::default(), catalog(vec![]));
    world.take(&[click(1, "p1", 0), ordered(2, "o")], &catalog);
    let of_a_click = Tracked { refers_to: Some(click(1, "p1", 0).id), ..event(3, EventKind::Chargeback, 1) };
    let in_euros =
        Tracked { amount: Some(Money::new(1, Currency::try_new("EUR").expect("listed"))), ..refund(4, "o", None) };
    assert_eq!(
        world.take(&[of_a_click, in_euros], &catalog).iter().map(field).collect::<Vec<_>>(),
        [Some("refers_to"), Some("currency")]
    );
}

#[test]
fn the_second_purchase_of_an_order_is_told() {
    let (mut world, catalog) = (World::default(), catalog(vec![]));
    world.take(&[ordered(5, "o"), ordered(4, "o")], &catalog);
    world.take(&[ordered(3, "o")], &catalog);
    let first = Some(ordered(5, "o").id);
    assert_eq!([5, 4, 3].map(|id| world.get(id).duplicate_of), [None, first, first]);
    world.take(&[refund(9, "o", None)], &catalog);
    assert_eq!(world.get(5).refunded_minor, 10_000, "the refund is of the first");
}

#[test]
fn partners_who_buy_themselves_are_told() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
    let own = |event: Tracked| Tracked { visitor: Some(visitor("user-p1")), ..event };
    world.take(&[own(click(1, "p1", 0)), own(purchase(2, 0))], &catalog);
    let Some(Fact::Attributed(_, fact)) = world.said.last() else { panic!("{:?}", world.said) };
    assert_eq!(
        (fact.signals.self_referral.as_slice(), fact.signals.millis_from_click),
        ([partner("p1")].as_slice(), Some(0))
    );
}

#[test]
fn the_click_of_a_named_partner_counts_for_how_soon_it_bought() {
    for (clicked, millis) in [("p1", Some(0)), ("p2", None)] {
        let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", LastClick)]));
        let named = Tracked { partner: Some(partner("p1")), ..purchase(2, 0) };
        world.take(&[click(1, clicked, 0), named], &catalog);
        let Some(Fact::Attributed(_, fact)) = world.said.last() else { panic!("{:?}", world.said) };
        assert_eq!(fact.signals.millis_from_click, millis, "{clicked} was clicked, and p1 named");
    }
}

#[test]
fn a_plain_click_says_nothing_and_a_rewarded_one_does() {
    let mut world = World::default();
    world.take(&[click(1, "p1", 0), event(2, EventKind::Impression, 0)], &catalog(vec![campaign("c", LastClick)]));
    assert!(world.said.is_empty() && world.get(1).state == State::Recorded);
    let mut paying = campaign("c", LastClick);
    paying.rules[0].rewards.push(RewardOn::Click);
    world.take(&[click(3, "p1", 1)], &catalog(vec![paying]));
    let Some(Fact::Attributed(1, fact)) = world.said.last() else { panic!("{:?}", world.said) };
    assert_eq!((fact.on, fact.signals.clicks_last_hour, fact.signals.millis_from_click), (RewardOn::Click, 1, None));
}

fn some_events() -> impl Strategy<Value = Vec<Tracked>> {
    let one = (0_u8..4, 0_i64..3_000, 1_u8..4, 1_u8..3, any::<bool>());
    prop::collection::vec(one, 1..14).prop_map(|shapes| {
        let shape = |(id, (kind, minutes, name, user, by_click_id)): (u128, (u8, i64, u8, u8, bool))| {
            let user = Some(visitor(&format!("u{user}")));
            let click_id = by_click_id.then(|| format!("click-{name}"));
            match kind {
                0 | 1 => Tracked { visitor: user, click_id, ..click(id, &format!("p{name}"), minutes) },
                2 => Tracked { visitor: user, click_id, order_id: Some(format!("o{id}")), ..purchase(id, minutes) },
                // At most four refunds of a fifth each: they fit in any order.
                _ => Tracked {
                    received_at: at(0),
                    ..refund(id, &format!("o{}", id.saturating_sub(u128::from(name))), Some(2_000))
                },
            }
        };
        (0_u128..).zip(shapes).map(shape).collect()
    })
}

proptest! {
    #[test]
    fn however_events_arrive_the_result_is_the_same(
        model in prop::sample::select(vec![LastClick, FirstClick, Linear, PositionBased] as Vec<AttributionModel>),
        (events, shuffled) in some_events().prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        group in 1_usize..5,
    ) {
        let catalog = catalog(vec![campaign("c", model)]);
        let (mut in_order, mut mixed) = (World::default(), World::default());
        in_order.take(&events, &catalog);
        for events in shuffled.chunks(group) {
            mixed.take(events, &catalog);
        }
        mixed.check_versions();
        in_order.check_versions();
        for (id, standing) in &in_order.stored {
            let other = &mixed.stored[id];
            prop_assert_eq!((&standing.decision.won, &standing.decision.touchpoints, standing.state), (&other.decision.won, &other.decision.touchpoints, other.state));
            prop_assert_eq!(standing.refunded_minor, other.refunded_minor);
        }
    }
}

#[test]
fn a_click_that_is_found_twice_counts_once() {
    let (mut world, catalog) = (World::default(), catalog(vec![campaign("c", Linear)]));
    let ours = click(77, "p1", 0);
    let id = ours.id.to_string();
    world.take(
        &[Tracked { click_id: Some(id.clone()), ..ours }, Tracked { visitor: None, ..click(78, "p2", 1) }],
        &catalog,
    );
    world.take(&[Tracked { click_id: Some(id), ..purchase(1, 5) }], &catalog);
    assert_eq!(world.get(1).decision.touchpoints.len(), 1);
}
