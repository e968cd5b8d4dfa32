//! Removals, shipments in, returns that never reach the stock, payments that never come, storage and parcels.

use claims::detection::{Books, Delivery, Fact, InboundItem, Parcel, Status};
use claims::policy::ClaimType;
use claims::reasons::ReimbursementReason;
use claims::reports::*;

use crate::bed::*;

const NOW: &str = "2026-06-10";

fn parcel(quantity: i64) -> Fact {
    Fact::RemovalShipment(RemovalShipment {
        order_id: "RMV-1".to_owned(),
        shipped_at: noon("2026-05-01").fixed_offset(),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        quantity,
        carrier: "UPS".to_owned(),
        tracking: Some("1Z".to_owned()),
    })
}

fn delivery(on: Option<&str>, good: i64, damaged: i64) -> Fact {
    let (order_id, tracking) = ("RMV-1".to_owned(), "1Z".to_owned());
    Fact::Delivery(Delivery { order_id, tracking, fnsku: FNSKU.to_owned(), delivered_on: on.map(day), good, damaged })
}

#[test]
fn a_removal_counts_once_the_carrier_has_told_and_from_the_right_day() {
    let silent = books("US", &[("parcel", parcel(4)), ("cost", cost(1000, "2026-01-01"))]);
    assert!(silent.evaluate_all(noon(NOW)).is_empty(), "nobody has said what arrived");
    let lost =
        books("US", &[("parcel", parcel(4)), ("told", delivery(None, 0, 0)), ("cost", cost(1000, "2026-01-01"))]);
    let found = of(&lost, ClaimType::RemovalLost, noon(NOW));
    assert_eq!((found[0].units, found[0].expected_value, found[0].status), (4, Some(usd(4000)), Status::Claimable));
    assert_eq!(
        of(&lost, ClaimType::RemovalLost, noon("2026-05-10"))[0].status,
        Status::NotYetOpen,
        "fifteen days first"
    );
    let broken = books(
        "US",
        &[("parcel", parcel(4)), ("told", delivery(Some("2026-05-09"), 2, 1)), ("cost", cost(1000, "2026-01-01"))],
    );
    let found = of(&broken, ClaimType::RemovalDamagedOrShort, noon(NOW));
    assert_eq!(
        (found[0].units, found[0].window.as_ref().map(|window| window.clock_start)),
        (2, Some(day("2026-05-09")))
    );
}

#[test]
fn a_reimbursement_of_a_removal_settles_it() {
    let paid = Reimbursement {
        order_id: Some("RMV-1".to_owned()),
        ..reimbursement("1", "2026-05-25", "Removal_Order_Lost", 1000, 3, 0)
    };
    let told = [
        ("parcel", parcel(4)),
        ("told", delivery(None, 0, 0)),
        ("cost", cost(1000, "2026-01-01")),
        ("paid", Fact::Reimbursement(paid)),
    ];
    assert_eq!(of(&books("US", &told), ClaimType::RemovalLost, noon(NOW))[0].units, 1);
}

fn shipment(closed: bool) -> Fact {
    Fact::Inbound(InboundItem {
        shipment_id: "FBA1".to_owned(),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        shipped: 50,
        received: 46,
        closed,
        delivered_on: Some(day("2026-04-01")),
        partnered: false,
    })
}

fn receipt(quantity: i64, disposition: Disposition) -> Fact {
    let Fact::Ledger(row) = adjustment("2026-04-03", "M", quantity, None) else { panic!("a ledger row") };
    let (event, reference, reason) = (EventType::Receipts, "FBA1".to_owned(), None);
    Fact::Ledger(LedgerEvent { event, reference, reason, disposition, ..row })
}

#[test]
fn a_closed_shipment_is_short_by_what_neither_page_nor_ledger_nor_money_explains() {
    let told = |closed| {
        vec![
            ("shipment", shipment(closed)),
            ("in", receipt(46, Disposition::Sellable)),
            ("late", receipt(1, Disposition::Sellable)),
            ("paid", Fact::Reimbursement(reimbursement("1", "2026-05-01", "Lost_Inbound", 1000, 1, 0))),
            ("cost", cost(1000, "2026-01-01")),
        ]
    };
    let found = of(&books("US", &told(true)), ClaimType::InboundShortage, noon(NOW));
    assert_eq!((found[0].units, found[0].expected_value), (2, Some(usd(2000))));
    assert!(
        found[0].window.as_ref().is_some_and(|window| window.certainty.is_uncertain()),
        "sources disagree about nine months"
    );
    assert!(books("US", &told(false)).evaluate_all(noon(NOW)).is_empty(), "not closed yet");
}

#[test]
fn only_amazons_damage_on_the_way_in_is_owed() {
    let with = |disposition| {
        books(
            "US",
            &[
                ("shipment", shipment(true)),
                ("in", receipt(44, Disposition::Sellable)),
                ("broken", receipt(2, disposition)),
                ("cost", cost(1000, "2026-01-01")),
            ],
        )
    };
    assert_eq!(of(&with(Disposition::WarehouseDamaged), ClaimType::InboundDamaged, noon(NOW))[0].units, 2);
    for disposition in [Disposition::DistributorDamaged, Disposition::CarrierDamaged] {
        assert!(
            of(&with(disposition), ClaimType::InboundDamaged, noon(NOW)).is_empty(),
            "the carrier was the seller's own"
        );
    }
}

#[test]
fn a_return_is_missing_from_stock_once_the_ledger_is_known_for_long_enough() {
    let back = Fact::Return(CustomerReturn {
        returned_at: noon("2026-03-01").fixed_offset(),
        order_id: "113-1".to_owned(),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        quantity: 1,
        center: "LGB3".to_owned(),
        disposition: Disposition::Sellable,
        license_plate: None,
    });
    let mut books = books("US", &[("return", back)]);
    let missing = |books: &Books| of(books, ClaimType::ReturnRestockMissing, noon(NOW)).len();
    books.add(key("early"), place("US"), adjustment("2026-03-20", "Q", -1, None));
    assert_eq!(missing(&books), 0, "the ledger may still come");
    books.add(key("late"), place("US"), adjustment("2026-04-20", "Q", -1, None));
    assert_eq!(missing(&books), 1);
    let Fact::Ledger(row) = adjustment("2026-03-05", "M", 1, None) else { panic!("a ledger row") };
    books.add(
        key("in stock"),
        place("US"),
        Fact::Ledger(LedgerEvent { event: EventType::CustomerReturns, reason: None, ..row }),
    );
    assert_eq!(missing(&books), 0);
}

#[test]
fn an_approved_amount_is_missed_after_five_business_days_and_not_before() {
    // Approved on a Tuesday: due by the Tuesday after.
    let mut books =
        books("US", &[("paid", Fact::Reimbursement(reimbursement("1", "2026-05-12", "Lost_Warehouse", 1000, 2, 0)))]);
    let usd_currency = shared_events::money::Currency::USD;
    let missing = |books: &Books| of(books, ClaimType::ApprovedNotPaid, noon(NOW)).len();
    assert_eq!(missing(&books), 0, "no settlement is known");
    books.settled_until(usd_currency, day("2026-05-19"));
    assert_eq!(missing(&books), 0);
    books.settled_until(usd_currency, day("2026-05-20"));
    assert_eq!(missing(&books), 1);
    let wrong = posting("2026-05-14", "other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_LOST", 1999);
    let Fact::Posting(wrong) = wrong else { panic!("a posting") };
    let wrong = claims::detection::Posting { order_id: None, ..wrong };
    books.add(key("posting"), place("US"), Fact::Posting(wrong.clone()));
    assert_eq!(missing(&books), 1, "a cent too little is another amount");
    let right = claims::detection::Posting { amount: usd(2000), ..wrong };
    books.add(key("posting"), place("US"), Fact::Posting(right));
    assert_eq!(missing(&books), 0);
}

#[test]
fn storage_is_volume_times_rate_and_a_cent_is_rounding() {
    let charge = |minor| {
        Fact::LongTermStorage(LongTermStorage {
            day: day("2026-05-15"),
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            country: "US".to_owned(),
            quantity: 4,
            unit_volume: Some(Decimal { digits: 2467, scale: 4 }),
            charged: usd(minor),
            age_tier: "365+ days".to_owned(),
            rate: Some(Decimal { digits: 690, scale: 2 }),
        })
    };
    for (charged, owed) in [(681, None), (682, None), (700, Some(usd(19)))] {
        let found = books("US", &[("charge", charge(charged))]).evaluate_all(noon(NOW));
        assert_eq!(found.first().and_then(|found| found.expected_value), owed, "{charged}");
    }
}

#[test]
fn a_parcel_of_amazon_shipping_is_owed_at_its_declared_value() {
    let parcel = Parcel {
        tracking: "TBA1".to_owned(),
        day: day("2026-05-15"),
        reason: "LOST_IN_TRANSIT".to_owned(),
        value: usd(4200),
    };
    let found = books("US", &[("parcel", Fact::Parcel(parcel))]).evaluate_all(noon(NOW));
    assert_eq!((found[0].claim_type, found[0].expected_value), (ClaimType::AmazonShippingClaim, Some(usd(4200))));
}

#[test]
fn before_sourcing_cost_became_the_rule_a_loss_was_worth_its_price_less_fees() {
    let sale = |minor: i64| {
        Fact::Sale(Sale {
            shipped_at: noon("2025-03-01").fixed_offset(),
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            quantity: 1,
            order_id: format!("113-{minor}"),
            unit_price: usd(minor),
        })
    };
    let preview = Fact::FeePreview(
        day("2025-01-01"),
        FeePreview {
            sku: SKU.to_owned(),
            fnsku: FNSKU.to_owned(),
            store: "US".to_owned(),
            price: Some(usd(2500)),
            referral: Some(usd(375)),
            fulfilment: Some(usd(426)),
            fulfilment_abroad: Vec::new(),
        },
    );
    let value = |date: &str| {
        let told = [
            ("loss", adjustment(date, "M", -1, Some(0))),
            ("a", sale(2300)),
            ("b", sale(2500)),
            ("c", sale(9900)),
            ("preview", preview.clone()),
            ("cost", cost(900, "2024-01-01")),
        ];
        let found = books("US", &told).evaluate(&stock(), noon("2025-04-15"));
        (found[0].expected_value, found[0].basis)
    };
    assert_eq!(value("2025-03-30"), (Some(usd(2500 - 375 - 426)), claims::detection::Basis::SalesPrice));
    assert_eq!(value("2025-03-31"), (Some(usd(900)), claims::detection::Basis::SourcingCost));
}

/// A reimbursement of this reason, taken back whole later.
fn paid_and_taken_back(reason: &str, original: ReimbursementReason, order: Option<&str>) -> [(&'static str, Fact); 2] {
    let order_id = order.map(str::to_owned);
    let paid = Reimbursement { order_id: order_id.clone(), ..reimbursement("1", "2026-05-01", reason, 1000, 4, 0) };
    let back = Reimbursement { original_reason: Some(original), order_id, ..reversal("2", "2026-05-20", "1", 1000, 4) };
    [("paid", Fact::Reimbursement(paid)), ("back", Fact::Reimbursement(back))]
}

fn disputed(told: Vec<(&str, Fact)>) -> Vec<(i64, Option<shared_events::money::Money>)> {
    let found = of(&books("US", &told), ClaimType::ReimbursementReversedUnmatched, noon(NOW));
    found.iter().map(|found| (found.units, found.expected_value)).collect()
}

#[test]
fn what_is_taken_back_of_a_shipment_in_is_disputed_unless_units_came_after_all() {
    let told = |late: i64| {
        let mut told = vec![("shipment", shipment(true)), ("in", receipt(46, Disposition::Sellable))];
        told.extend((late > 0).then(|| ("late", receipt(late, Disposition::Sellable))));
        told.extend(paid_and_taken_back("Lost_Inbound", ReimbursementReason::LostInbound, None));
        told
    };
    assert_eq!(disputed(told(0)), [(4, Some(usd(4000)))]);
    assert_eq!(disputed(told(3)), [(1, Some(usd(1000)))], "three came");
    assert_eq!(disputed(told(4)), []);
    assert!(
        of(&books("US", &told(0)), ClaimType::InboundShortage, noon(NOW)).is_empty(),
        "the loss is not claimed again"
    );
    let mut claimed = told(0);
    claimed.push(("ours", taken("c1", ClaimType::ReimbursementReversedUnmatched, None, &[("back", 4)])));
    assert_eq!(disputed(claimed), [], "in our claim");
    let unknown: Vec<_> = told(0).into_iter().filter(|(name, _)| *name != "paid").collect();
    assert_eq!(disputed(unknown), [], "nobody knows what was paid");
}

#[test]
fn what_is_taken_back_of_a_removal_is_disputed_unless_it_arrived() {
    let told = |delivered: Fact| {
        let mut told = vec![("parcel", parcel(4)), ("told", delivered)];
        told.extend(paid_and_taken_back("Removal_Order_Lost", ReimbursementReason::Removal, Some("RMV-1")));
        told
    };
    assert_eq!(disputed(told(delivery(None, 0, 0))), [(4, Some(usd(4000)))]);
    assert_eq!(disputed(told(delivery(Some("2026-05-15"), 3, 1))), [(1, Some(usd(1000)))]);
    assert_eq!(disputed(told(delivery(Some("2026-05-15"), 4, 0))), []);
}
