//! Orders: what came back, what was paid, and what fees were taken.

use claims::detection::{Books, Fact, Status};
use claims::policy::ClaimType;
use claims::reasons::ReimbursementReason;
use claims::reports::*;

use crate::bed::*;

fn sale(units: i64) -> Fact {
    Fact::Sale(Sale {
        shipped_at: noon("2026-01-05").fixed_offset(),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        quantity: units,
        order_id: "113-1".to_owned(),
        unit_price: usd(2500),
    })
}

fn back(date: &str, disposition: Disposition) -> Fact {
    Fact::Return(CustomerReturn {
        returned_at: noon(date).fixed_offset(),
        order_id: "113-1".to_owned(),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        quantity: 1,
        center: "LGB3".to_owned(),
        disposition,
        license_plate: None,
    })
}

fn preview(fulfilment: i64) -> Fact {
    Fact::FeePreview(
        day("2026-01-01"),
        FeePreview {
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            store: "US".to_owned(),
            price: Some(usd(2500)),
            referral: Some(usd(375)),
            fulfilment: Some(usd(fulfilment)),
            fulfilment_abroad: Vec::new(),
        },
    )
}

/// Two units sold at 25.00 each, referral fee 3.75 and fulfilment 4.26 each.
fn sold() -> Vec<(&'static str, Fact)> {
    vec![
        ("sale", sale(2)),
        ("price", posting("2026-01-06", "Order", "ItemPrice", "Principal", 5000)),
        ("referral", posting("2026-01-06", "Order", "ItemFees", "Commission", -750)),
        ("fulfilment", posting("2026-01-06", "Order", "ItemFees", "FBAPerUnitFulfillmentFee", -852)),
        ("preview", preview(426)),
    ]
}

fn refunded(minor: i64) -> Fact {
    posting("2026-01-10", "Refund", "ItemPrice", "Principal", -minor)
}

fn with(more: &[(&'static str, Fact)]) -> Books {
    let mut facts = sold();
    facts.extend(more.iter().cloned());
    books("US", &facts)
}

const NOW: &str = "2026-03-20";

#[test]
fn a_refund_of_both_with_one_back_leaves_one_at_price_less_fees() {
    let books = with(&[("refund", refunded(5000)), ("return", back("2026-01-20", Disposition::Sellable))]);
    let found = of(&books, ClaimType::ReturnNotReceived, noon(NOW));
    assert_eq!((found.len(), found[0].units, found[0].expected_value), (1, 1, Some(usd(2500 - 375 - 426))));
    let part = with(&[("refund", refunded(1000))]);
    assert!(of(&part, ClaimType::ReturnNotReceived, noon(NOW)).is_empty(), "part of a price is no unit");
}

#[test]
fn a_reimbursement_for_the_order_or_our_claim_settles_it() {
    let paid = Reimbursement {
        order_id: Some("113-1".to_owned()),
        ..reimbursement("1", "2026-02-01", "CustomerReturn", 1699, 1, 0)
    };
    let books = with(&[("refund", refunded(2500)), ("paid", Fact::Reimbursement(paid))]);
    assert!(books.evaluate_all(noon(NOW)).iter().all(|found| found.claim_type != ClaimType::ReturnNotReceived));
    let claimed = with(&[
        ("claim", taken("c", ClaimType::ReturnNotReceived, None, &[("refund", 1)])),
        ("refund", refunded(2500)),
    ]);
    assert!(of(&claimed, ClaimType::ReturnNotReceived, noon(NOW)).is_empty(), "also when the claim was told first");
}

#[test]
fn a_unit_broken_by_the_carrier_is_owed_though_it_came_back() {
    let books = with(&[("refund", refunded(2500)), ("return", back("2026-01-20", Disposition::CarrierDamaged))]);
    let found = of(&books, ClaimType::ReturnAmazonFaultUnsellable, noon(NOW));
    assert_eq!((found.len(), found[0].units, found[0].status), (1, 1, Status::Claimable));
    assert!(of(&books, ClaimType::ReturnNotReceived, noon(NOW)).is_empty());
    let faulty = with(&[("refund", refunded(2500)), ("return", back("2026-01-20", Disposition::CustomerDamaged))]);
    assert!(of(&faulty, ClaimType::ReturnAmazonFaultUnsellable, noon(NOW)).is_empty());
}

#[test]
fn a_replacement_counts_from_its_own_day() {
    let replacement = Fact::Replacement(Replacement {
        shipped_at: noon("2026-01-15").fixed_offset(),
        sku: SKU.to_owned(),
        quantity: 1,
        order_id: "113-2".to_owned(),
        original_order_id: "113-1".to_owned(),
    });
    let found = of(&with(&[("replacement", replacement)]), ClaimType::ReplacementNotReturned, noon(NOW));
    assert_eq!(found[0].window.as_ref().map(|window| window.clock_start), Some(day("2026-01-15")));
}

#[test]
fn more_refunded_than_charged_is_owed_back() {
    let found = of(&with(&[("refund", refunded(5600))]), ClaimType::OverRefund, noon("2026-02-01"));
    assert_eq!(found[0].expected_value, Some(usd(600)));
}

#[test]
fn fees_are_owed_beyond_the_preview_charge_by_charge() {
    let mut facts = sold();
    facts[3].1 = posting("2026-01-06", "Order", "ItemFees", "FBAPerUnitFulfillmentFee", -1200);
    facts[2].1 = posting("2026-01-06", "Order", "ItemFees", "Commission", -900);
    let books = books("US", &facts);
    let now = noon("2026-02-01");
    assert_eq!(of(&books, ClaimType::FeeFulfilmentOvercharge, now)[0].expected_value, Some(usd(1200 - 852)));
    assert_eq!(of(&books, ClaimType::FeeCommissionOvercharge, now)[0].expected_value, Some(usd(150)));
    assert!(with(&[]).evaluate_all(now).is_empty(), "right fees");
    facts.push(("claim", taken("c", ClaimType::FeeFulfilmentOvercharge, None, &[("fulfilment", 1)])));
    let claimed = crate::bed::books("US", &facts);
    assert!(of(&claimed, ClaimType::FeeFulfilmentOvercharge, now).is_empty(), "one claim a charge");
}

#[test]
fn a_refund_gives_the_referral_fee_back_less_a_fifth() {
    let now = noon("2026-02-01");
    let nothing_back = with(&[("refund", refunded(2500))]);
    assert_eq!(of(&nothing_back, ClaimType::RefundCommissionNotReturned, now)[0].expected_value, Some(usd(375 - 75)));
    let right = with(&[
        ("refund", refunded(2500)),
        ("back", posting("2026-01-10", "Refund", "ItemFees", "Commission", 375)),
        ("kept", posting("2026-01-10", "Refund", "ItemFees", "RefundCommission", -75)),
    ]);
    assert!(of(&right, ClaimType::RefundCommissionNotReturned, now).is_empty());
}

#[test]
fn a_new_preview_touches_the_orders_of_its_article_only() {
    let mut books = with(&[]);
    let touched = books.add(key("newer"), place("US"), preview(300));
    assert_eq!(touched.into_iter().collect::<Vec<_>>(), [claims::detection::Subject::Order("113-1".to_owned())]);
    assert_eq!(
        of(&books, ClaimType::FeeFulfilmentOvercharge, noon("2026-02-01")).len(),
        0,
        "the first preview of that day stays"
    );
}

#[test]
fn a_reimbursement_taken_back_is_disputed_as_long_as_nothing_was_sent_back() {
    let reason = ReimbursementReason::CustomerReturn;
    let of_order = |row: Reimbursement| {
        Fact::Reimbursement(Reimbursement { order_id: Some("113-1".to_owned()), per_unit: row.per_unit, ..row })
    };
    let paid = of_order(reimbursement("1", "2026-03-16", "CustomerReturn", 1699, 1, 0));
    let row = Reimbursement { original_reason: Some(reason), ..reversal("2", "2026-03-31", "1", 1699, 1) };
    let told = [("refund", refunded(2500)), ("paid", paid), ("back", of_order(row))];
    let disputed = |books: &Books| {
        let found = of(books, ClaimType::ReimbursementReversedUnmatched, noon("2026-04-05"));
        found.iter().map(|found| found.expected_value).collect::<Vec<_>>()
    };
    assert_eq!(disputed(&with(&told)), [Some(usd(1699))]);
    assert!(of(&with(&told), ClaimType::ReturnNotReceived, noon("2026-04-05")).is_empty(), "the return is not claimed");
    let mut returned = told.to_vec();
    returned.push(("return", back("2026-03-25", Disposition::Sellable)));
    assert_eq!(disputed(&with(&returned)), [], "the return has settled it");
    // Of our own claim, too: it was paid, and its unit came back later.
    let case = |fact: &Fact| match fact {
        Fact::Reimbursement(row) => {
            Fact::Reimbursement(Reimbursement { case_id: Some("77".to_owned()), ..row.clone() })
        }
        other => other.clone(),
    };
    let ours = taken("c1", ClaimType::ReturnNotReceived, Some("77"), &[("refund", 1)]);
    let mut of_case: Vec<_> = returned.iter().map(|(name, fact)| (*name, case(fact))).collect();
    of_case.push(("ours", ours));
    assert_eq!(disputed(&with(&of_case)), []);
    of_case.retain(|(name, _)| *name != "return");
    assert_eq!(disputed(&with(&of_case)), [Some(usd(1699))]);
}
