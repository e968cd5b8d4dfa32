//! Never more is claimed than was lost, whatever arrives and in whatever order.

use claims::detection::{Books, Fact, Status};
use claims::policy::{ClaimType, Policy};
use claims::reports::Stock;
use proptest::prelude::*;

use crate::bed::*;

/// Something that happens to the article on a day of May or June.
#[derive(Debug, Clone)]
enum Event {
    Lost { day: u32, units: i64, reconciled: Option<i64> },
    Found { day: u32, units: i64 },
    Given { day: u32, units: i64 },
    Cash { day: u32, units: i64, case: bool },
    Inventory { day: u32, units: i64 },
    Claimed { units: i64 },
    Researching { units: i64 },
}

fn event() -> impl Strategy<Value = Event> {
    let (day, units) = (1..28_u32, 1..6_i64);
    prop_oneof![
        (day.clone(), units.clone(), proptest::option::of(0..6_i64)).prop_map(|(day, units, reconciled)| Event::Lost {
            day,
            units,
            reconciled: reconciled.map(|it| it.min(units))
        }),
        (day.clone(), units.clone()).prop_map(|(day, units)| Event::Found { day, units }),
        (day.clone(), units.clone()).prop_map(|(day, units)| Event::Given { day, units }),
        (day.clone(), units.clone(), any::<bool>()).prop_map(|(day, units, case)| Event::Cash { day, units, case }),
        (day, units.clone()).prop_map(|(day, units)| Event::Inventory { day, units }),
        units.clone().prop_map(|units| Event::Claimed { units }),
        units.prop_map(|units| Event::Researching { units }),
    ]
}

fn fact(at: usize, event: &Event, losses: &[String]) -> Option<(String, Fact)> {
    let date = |day: u32| format!("2026-06-{day:02}");
    let name = format!("row {at}");
    let fact = match event {
        Event::Lost { day, units, reconciled } => adjustment(&date(*day), "M", -units, *reconciled),
        Event::Found { day, units } => adjustment(&date(*day), "F", *units, Some(0)),
        Event::Given { day, units } => adjustment(&date(*day), "N", *units, Some(0)),
        Event::Cash { day, units, case } => {
            let mut paid = reimbursement(&name, &date(*day), "Lost_Warehouse", 1000, *units, 0);
            paid.case_id = case.then(|| "case".to_owned());
            Fact::Reimbursement(paid)
        }
        Event::Inventory { day, units } => {
            Fact::Reimbursement(reimbursement(&name, &date(*day), "Lost:Warehouse", 1000, 0, *units))
        }
        Event::Claimed { units } => {
            taken(&name, ClaimType::FcLost, Some("case"), &[(losses.get(at % losses.len().max(1))?, *units)])
        }
        Event::Researching { units } => Fact::Stock(Stock {
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            warehouse: 9,
            fulfillable: 9,
            unsellable: 0,
            reserved: 0,
            researching: *units,
            inbound: [0; 3],
        }),
    };
    Some((name, fact))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn claimed_found_and_reimbursed_are_never_more_than_lost_in_any_order(
        events in proptest::collection::vec(event(), 1..14).prop_shuffle(),
        seed in any::<u64>(),
    ) {
        let losses: Vec<String> =
            events.iter().enumerate().filter(|(_, it)| matches!(it, Event::Lost { .. })).map(|(at, _)| format!("row {at}")).collect();
        let facts: Vec<_> = events.iter().enumerate().filter_map(|(at, event)| fact(at, event, &losses)).collect();
        let now = noon("2026-07-10");
        let mut orders = vec![facts.clone(), facts.iter().rev().cloned().collect()];
        let mut shuffled = facts.clone();
        let length = shuffled.len();
        for at in 0..length {
            shuffled.swap(at, usize::try_from(seed.rotate_left(at as u32)).unwrap_or(0) % length);
        }
        orders.push(shuffled);
        let mut results = Vec::new();
        for order in orders {
            let mut books = Books::new(Policy::embedded());
            books.add(key("cost"), place("US"), cost(1000, "2026-01-01"));
            for (name, fact) in &order {
                books.add(key(name), place("US"), fact.clone());
                // At every moment, not only in the end.
                let claimable: i64 = books.evaluate(&stock(), now).iter().map(|found| found.units).sum();
                let so_far = order.iter().take_while(|(other, _)| other != name).chain([&(name.clone(), fact.clone())]).cloned().collect::<Vec<_>>();
                let (lost, found, paid) = totals(&so_far);
                prop_assert!(claimable <= (lost - found - paid).max(0), "{claimable} of {lost} lost, {found} found, {paid} paid");
            }
            results.push(books.evaluate(&stock(), now));
        }
        prop_assert!(results.iter().all(|result| *result == results[0]), "the order of arrival does not matter");
    }
}

/// Units lost, found and reimbursed.
fn totals(facts: &[(String, Fact)]) -> (i64, i64, i64) {
    let (mut lost, mut found, mut paid) = (0, 0, 0);
    for (_, fact) in facts {
        match fact {
            Fact::Ledger(row) if row.quantity < 0 => lost -= row.quantity,
            Fact::Ledger(row) if row.reason == Some(claims::reasons::LedgerReason::of("F")) => found += row.quantity,
            Fact::Reimbursement(row) => paid += row.cash_units + row.inventory_units,
            _ => {}
        }
    }
    (lost, found, paid)
}

#[test]
fn what_is_settled_is_taken_from_the_oldest_and_units_point_to_their_rows() {
    let books = books(
        "US",
        &[
            ("old", adjustment("2026-05-01", "M", -3, Some(0))),
            ("new", adjustment("2026-05-20", "5", -4, Some(0))),
            ("paid", Fact::Reimbursement(reimbursement("1", "2026-05-25", "WAREHOUSE_LOST", 1000, 4, 0))),
            ("cost", cost(1000, "2026-01-01")),
        ],
    );
    let found = books.evaluate(&stock(), noon("2026-06-10"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rows[0].key, found[0].rows[0].units), (key("new"), 3));
}

#[test]
fn two_identical_rows_of_one_day_are_one_finding_of_both() {
    let books = books(
        "US",
        &[
            ("one", adjustment("2026-05-01", "M", -1, Some(0))),
            ("two", adjustment("2026-05-01", "M", -1, Some(0))),
            ("cost", cost(1000, "2026-01-01")),
        ],
    );
    let found = books.evaluate(&stock(), noon("2026-06-10"));
    assert_eq!((found.len(), found[0].units, found[0].rows.len()), (1, 2, 2));
}

#[test]
fn a_claim_holds_its_units_and_its_payment_is_not_counted_twice() {
    let told = [
        ("old", adjustment("2026-05-01", "M", -3, Some(0))),
        ("new", adjustment("2026-05-20", "M", -4, Some(0))),
        ("claim", taken("c1", ClaimType::FcLost, Some("77"), &[("new", 4)])),
        ("cost", cost(1000, "2026-01-01")),
    ];
    let now = noon("2026-06-10");
    let mut world = books("US", &told);
    assert_eq!(world.evaluate(&stock(), now)[0].rows[0].key, key("old"));
    let paid = claims::reports::Reimbursement {
        case_id: Some("77".to_owned()),
        ..reimbursement("1", "2026-06-05", "Lost_Warehouse", 1000, 4, 0)
    };
    world.add(key("paid"), place("US"), Fact::Reimbursement(paid));
    assert_eq!(world.evaluate(&stock(), now)[0].units, 3, "the old loss is still owed");
    world.add(
        key("more"),
        place("US"),
        Fact::Reimbursement(reimbursement("2", "2026-06-05", "Lost_Warehouse", 1000, 1, 0)),
    );
    assert_eq!(world.evaluate(&stock(), now)[0].units, 2, "paid without a case: from the oldest");
}

#[test]
fn units_that_amazon_looks_for_wait_and_fresh_losses_are_left_to_it_for_a_week() {
    let researching = |units| {
        Fact::Stock(Stock {
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            warehouse: 0,
            fulfillable: 0,
            unsellable: 0,
            reserved: 0,
            researching: units,
            inbound: [0; 3],
        })
    };
    let mut world = books(
        "US",
        &[
            ("loss", adjustment("2026-05-26", "M", -4, Some(0))),
            ("stock", researching(1)),
            ("cost", cost(1000, "2026-01-01")),
        ],
    );
    let found = world.evaluate(&stock(), noon("2026-06-10"));
    assert_eq!((found[0].units, found[0].status), (3, Status::Claimable));
    assert_eq!(world.evaluate(&stock(), noon("2026-05-30"))[0].status, Status::AwaitingAuto);
    world.add(key("stock"), place("US"), researching(9));
    assert_eq!(world.evaluate(&stock(), noon("2026-06-10"))[0].status, Status::Researching);
}

#[test]
fn never_claimable_codes_find_nothing_and_disposals_are_for_a_person() {
    for code in ["O", "P", "Q", "3", "4", "Z", "F"] {
        let world = books("US", &[("row", adjustment("2026-05-26", code, -4, Some(0)))]);
        assert!(world.evaluate_all(noon("2026-06-10")).is_empty(), "{code}");
    }
    for code in ["D", "G"] {
        let found =
            books("US", &[("row", adjustment("2026-05-26", code, -4, Some(0)))]).evaluate_all(noon("2026-06-10"));
        assert_eq!((found[0].claim_type, found[0].status), (ClaimType::DisposedWithoutRequest, Status::Review));
        assert_eq!(found[0].claimable(), None);
    }
}

#[test]
fn a_value_in_another_currency_is_no_value_and_the_cap_holds() {
    let dear =
        books("US", &[("row", adjustment("2026-05-26", "E", -1, Some(0))), ("cost", cost(900_000, "2026-01-01"))]);
    assert_eq!(dear.evaluate_all(noon("2026-06-10"))[0].expected_value, Some(usd(500_000)));
    let mut foreign = books("US", &[("row", adjustment("2026-05-26", "E", -1, Some(0)))]);
    let euro = shared_events::money::Money::new(1000, shared_events::money::Currency::try_new("EUR").expect("listed"));
    let Fact::Cost(cost) = cost(1000, "2026-01-01") else { panic!("a cost") };
    foreign.add(key("cost"), place("DE"), Fact::Cost(claims::detection::SourcingCost { unit: euro, ..cost }));
    let found = foreign.evaluate_all(noon("2026-06-10"));
    assert_eq!((found[0].expected_value, found[0].status), (None, Status::Review));
}
