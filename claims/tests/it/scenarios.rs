//! Stories from real texts: the numbers that were told, exactly.

use claims::detection::{Change, Fact, Status, changes};
use claims::policy::ClaimType;
use claims::reports::*;

use crate::bed::*;

const REIMBURSEMENTS: &str = "approval-date\treimbursement-id\tcase-id\tamazon-order-id\treason\tsku\tfnsku\tasin\tproduct-name\tcondition\tcurrency-unit\tamount-per-unit\tamount-total\tquantity-reimbursed-cash\tquantity-reimbursed-inventory\tquantity-reimbursed-total\toriginal-reimbursement-id\toriginal-reimbursement-type\n";

#[test]
fn the_same_reimbursements_asked_for_two_marketplaces_count_once() {
    let row = "2026-05-12T09:59:13+00:00\t98\t\t\tLost_Warehouse\tSKU1\tX1\tB0\tKit\tNewItem\tUSD\t11.88\t35.64\t3\t0\t3\t\t\n";
    let file = format!("{REIMBURSEMENTS}{row}");
    let mut books =
        books("US", &[("loss", adjustment("2026-05-01", "M", -5, Some(0))), ("cost", cost(1188, "2026-01-01"))]);
    for code in ["US", "CA"] {
        for row in Reader::<_, Reimbursement>::open(file.as_bytes(), Options::default()).expect("a header") {
            let row = row.expect("good");
            books.add(row.key, place(code), Fact::Reimbursement(row.row));
        }
    }
    assert_eq!(of(&books, ClaimType::FcLost, noon("2026-06-10"))[0].units, 2);
}

#[test]
fn of_sixteen_lost_five_found_three_paid_and_two_given_leave_six() {
    let told = [
        ("loss", adjustment("2026-05-26", "M", -16, Some(5))),
        ("found", adjustment("2026-05-27", "F", 5, Some(5))),
        ("cash", Fact::Reimbursement(reimbursement("1", "2026-06-01", "Lost_Warehouse", 1188, 3, 0))),
        ("units", Fact::Reimbursement(reimbursement("2", "2026-06-02", "Lost_Warehouse", 1188, 0, 2))),
        ("cost", cost(1188, "2026-01-01")),
    ];
    let now = noon("2026-06-10");
    let mut world = books("US", &told);
    let before = world.evaluate(&stock(), now);
    assert_eq!((before.len(), before[0].units, before[0].status), (1, 6, Status::Claimable));
    assert_eq!(before[0].expected_value, Some(usd(6 * 1188)));
    assert!(
        before[0].arithmetic.iter().any(|step| step == "less 5 reconciled by Amazon"),
        "{:?}",
        before[0].arithmetic
    );

    // The row of the loss may be stale: the found row alone says the same.
    let mut stale = told.clone();
    stale[0].1 = adjustment("2026-05-26", "M", -16, Some(0));
    assert_eq!(books("US", &stale).evaluate(&stock(), now)[0].units, 6);

    // Later one more is found, and Amazon takes the money for it back: still six, and nothing to dispute.
    world.add(key("found later"), place("US"), adjustment("2026-06-05", "F", 1, Some(0)));
    let touched =
        world.add(key("reversal"), place("US"), Fact::Reimbursement(reversal("3", "2026-06-08", "1", 1188, 1)));
    assert!(touched.contains(&stock()));
    let after = world.evaluate(&stock(), now);
    assert_eq!((after.len(), after[0].units), (1, 6), "{after:?}");

    // Taken back without anything found: that is disputed, and not claimed a second time as lost.
    let mut unmatched = books("US", &told);
    unmatched.add(key("reversal"), place("US"), Fact::Reimbursement(reversal("3", "2026-06-08", "1", 1188, 1)));
    let disputed = of(&unmatched, ClaimType::ReimbursementReversedUnmatched, now);
    assert_eq!((disputed.len(), disputed[0].expected_value), (1, Some(usd(1188))));
    assert_eq!(of(&unmatched, ClaimType::FcLost, now)[0].units, 6);
}

#[test]
fn what_was_found_before_the_payment_explains_that_some_of_it_is_taken_back() {
    let told = [
        ("loss", adjustment("2026-05-26", "M", -6, Some(0))),
        ("paid", Fact::Reimbursement(reimbursement("1", "2026-06-02", "Lost_Warehouse", 1188, 6, 0))),
        ("back", Fact::Reimbursement(reversal("2", "2026-06-08", "1", 1188, 2))),
        ("cost", cost(1188, "2026-01-01")),
    ];
    let now = noon("2026-06-10");
    let disputed = |found: i64| {
        let mut books = books("US", &told);
        if found > 0 {
            books.add(key("found"), place("US"), adjustment("2026-06-01", "F", found, Some(0)));
        }
        let disputed = of(&books, ClaimType::ReimbursementReversedUnmatched, now);
        disputed.iter().map(|finding| finding.units).sum::<i64>()
    };
    // Six were missing and six were paid: for each that had been found by then, one was paid too many.
    assert_eq!([disputed(0), disputed(1), disputed(2), disputed(3)], [2, 1, 0, 0]);
}

#[test]
fn a_refund_can_be_claimed_from_day_60_to_day_120_in_america_and_45_to_105_in_europe() {
    let sale = |currency: &str| {
        let header = "shipment-date\tsku\tfnsku\tquantity\tamazon-order-id\tcurrency\titem-price-per-unit\n";
        let file = format!("{header}2026-01-05T20:00:00+00:00\tSKU1\tX1\t1\t113-1\t{currency}\t25.00\n");
        let row = Reader::<_, Sale>::open(file.as_bytes(), Options::default()).expect("a header").next();
        Fact::Sale(row.expect("a row").expect("good").row)
    };
    for (code, currency, opens, closes) in [("US", "USD", 60, 120), ("DE", "EUR", 45, 105)] {
        let euro = |fact| match fact {
            Fact::Posting(posting) => Fact::Posting(claims::detection::Posting {
                amount: shared_events::money::Money { currency: place(code).currency(), ..posting.amount },
                ..posting
            }),
            other => other,
        };
        let books = books(
            code,
            &[
                ("sale", sale(currency)),
                ("price", euro(posting("2026-01-06", "Order", "ItemPrice", "Principal", 2500))),
                ("fee", euro(posting("2026-01-06", "Order", "ItemFees", "Commission", -375))),
                ("refund", euro(posting("2026-01-10", "Refund", "ItemPrice", "Principal", -2500))),
            ],
        );
        let status = |number: i64| {
            let now = place(code).start_of(day("2026-01-10") + chrono::TimeDelta::days(number));
            let found = of(&books, ClaimType::ReturnNotReceived, now);
            assert_eq!(
                (found.len(), found[0].units, found[0].expected_value.map(|value| value.minor)),
                (1, 1, Some(2125))
            );
            found[0].status
        };
        assert_eq!(status(opens - 1), Status::NotYetOpen, "{code}");
        assert_eq!(status(opens), Status::Claimable, "{code}");
        assert_eq!(status(closes), Status::Claimable, "{code}");
        assert_eq!(status(closes + 1), Status::Expired, "{code}");
    }
}

#[test]
fn half_of_the_approved_cost_opens_a_dispute_at_once_for_sixty_days() {
    let books = books(
        "US",
        &[
            ("paid", Fact::Reimbursement(reimbursement("1", "2026-05-12", "Lost_Warehouse", 37_730, 1, 0))),
            ("cost", cost(75_460, "2026-04-01")),
        ],
    );
    let found = of(&books, ClaimType::ReimbursedUndervalued, noon("2026-05-12"));
    assert_eq!((found[0].expected_value, found[0].status), (Some(usd(37_730)), Status::Claimable));
    let window = found[0].window.as_ref().expect("policy is known");
    assert_eq!((window.clock_start, place("US").date_of(&window.closes_at)), (day("2026-05-12"), day("2026-07-11")));
    // A cost that was approved later does not act backwards.
    let later = crate::bed::books(
        "US",
        &[
            ("paid", Fact::Reimbursement(reimbursement("1", "2026-05-12", "Lost_Warehouse", 37_730, 1, 0))),
            ("cost", cost(75_460, "2026-05-13")),
        ],
    );
    assert!(of(&later, ClaimType::ReimbursedUndervalued, noon("2026-05-20")).is_empty());
}

#[test]
fn findings_are_raised_shrink_resolve_and_expire_and_say_why() {
    let mut world =
        books("US", &[("loss", adjustment("2026-05-26", "M", -4, Some(0))), ("cost", cost(1000, "2026-01-01"))]);
    let now = noon("2026-06-10");
    let first = world.evaluate(&stock(), now);
    assert!(matches!(&changes(Vec::new(), first.clone())[..], [Change::Raised(found)] if found.units == 4));
    world.add(key("found"), place("US"), adjustment("2026-06-01", "F", 1, Some(0)));
    let second = world.evaluate(&stock(), now);
    match &changes(first, second.clone())[..] {
        [Change::Changed { units_before: 4, now, why, .. }] => {
            assert_eq!(now.units, 3);
            assert_eq!(why[0], "less 1 found again");
        }
        other => panic!("{other:?}"),
    }
    let late = world.evaluate(&stock(), noon("2026-08-01"));
    assert!(matches!(&changes(second.clone(), late)[..], [Change::Expired(_)]));
    world.add(
        key("paid"),
        place("US"),
        Fact::Reimbursement(reimbursement("1", "2026-06-05", "Lost_Warehouse", 1000, 3, 0)),
    );
    let third = world.evaluate(&stock(), now);
    assert!(matches!(&changes(second, third)[..], [Change::Resolved { .. }]));
}
