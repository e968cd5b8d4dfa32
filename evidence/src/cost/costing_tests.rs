use super::*;
use crate::reading::invoice::{Day, Found, Source as ReadFrom};

fn line(description: &str, kind: LineKind, quantity: &str, minor: i64) -> Line {
    Line {
        id: "1".to_owned(),
        description: description.to_owned(),
        seller_sku: None,
        sku: None,
        other_skus: vec![],
        quantity: quantity.parse().ok(),
        unit: None,
        unit_price: None,
        amount: Money::new(minor, Currency::USD),
        tax_rate: None,
        kind,
        place: None,
    }
}

pub fn source() -> Source {
    let lines = vec![
        line("Water bottle 32 oz, blue", LineKind::Product, "10", 49_160),
        line("Lid", LineKind::Product, "30", 8_970),
        line("Sea freight Ningbo - Los Angeles", LineKind::Freight, "1", 6_200),
        line("Customs duty 3.4 %", LineKind::Duty, "1", 1_977),
        line("Discount 2 %", LineKind::Discount, "1", -1_163),
        line("State tax", LineKind::Tax, "1", 500),
    ];
    let mut invoice = Invoice::empty(ReadFrom::Ubl);
    invoice.lines = lines;
    invoice.number = Some(Found::certain("INV-2025-118".to_owned()));
    invoice.issuer = Some(Found::certain("Acme Supplies Ltd".to_owned()));
    invoice.date = Some(Found::certain(Day { date: "2025-01-02".parse().expect("a day"), or: None }));
    Source {
        document_id: Uuid::from_u128(1),
        sha256: Sha256::of(&[b"x"]),
        received_at: "2025-01-12T08:00:00Z".parse().expect("a time"),
        invoice,
        line: Some(1),
    }
}

#[test]
fn freight_and_duty_stay_out_of_the_sourcing_cost() {
    let costing = take_apart(&source()).expect("goods");
    let [bottle, lid] = costing.goods.as_slice() else { panic!("two lines of goods") };
    // 49,160 of 58,130: 0.84569...
    assert_eq!((bottle.discount, bottle.freight, bottle.duty), (-984, 5_243, 1_672));
    assert_eq!((lid.discount, lid.freight, lid.duty), (-179, 957, 305));
    assert_eq!((bottle.sourcing(), bottle.landed()), (48_176, 55_091));
    assert!(bottle.matched && !lid.matched && !costing.unshared);
    assert_eq!(costing.taxes, 500);
    let landed: i64 = costing.goods.iter().map(GoodsCost::landed).sum();
    assert_eq!(landed, 49_160 + 8_970 + 6_200 + 1_977 - 1_163, "nothing is lost and nothing made up");
}

#[test]
fn what_cannot_be_taken_apart_says_why() {
    let broken = |change: fn(&mut Invoice)| {
        let mut source = source();
        change(&mut source.invoice);
        take_apart(&source).err()
    };
    assert_eq!(broken(|invoice| invoice.lines.clear()), Some(NoCosting::NoGoods));
    assert_eq!(broken(|invoice| drop(invoice.lines.drain(..2))), Some(NoCosting::NoGoods));
    assert_eq!(broken(|invoice| invoice.kind = Kind::CreditNote), Some(NoCosting::CreditNote));
    let euros = |invoice: &mut Invoice| invoice.lines[1].amount.currency = Currency::try_new("EUR").expect("listed");
    assert_eq!(broken(euros), Some(NoCosting::Currencies));
    assert_eq!(broken(|invoice| invoice.lines[0].amount.minor = i64::MAX), Some(NoCosting::TooLarge));
    let free = |invoice: &mut Invoice| invoice.lines[..2].iter_mut().for_each(|line| line.amount.minor = 0);
    let mut given = source();
    free(&mut given.invoice);
    assert!(take_apart(&given).expect("goods").unshared, "nothing to share by");
}

#[test]
fn a_matched_line_that_is_no_goods_is_no_match() {
    let freight = Source { line: Some(3), ..source() };
    assert!(take_apart(&freight).expect("goods").goods.iter().all(|line| !line.matched));
}

#[test]
fn units_are_rounded_once_and_half_up() {
    let ten: Decimal = "10".parse().expect("a number");
    assert_eq!(of_units(48_176, 5, ten, Currency::USD), Some(Money::new(24_088, Currency::USD)));
    assert_eq!(of_units(5, 5, ten, Currency::USD), Some(Money::new(3, Currency::USD)));
    assert_eq!(of_units(-5, 5, ten, Currency::USD), Some(Money::new(-3, Currency::USD)));
    assert_eq!(of_units(4, 1, "2.5".parse().expect("a number"), Currency::USD), Some(Money::new(2, Currency::USD)));
    assert_eq!(of_units(5, 5, Decimal::ZERO, Currency::USD), None);
}
