//! Subjects and invoices that tests of matching are made of.

use chrono::NaiveDate;
use evidence::reading::decimal::Decimal;
use evidence::reading::invoice::{Day, Found, Id, Invoice, Line, LineKind, Source};
use shared_events::evidence::ProofSubject;
use shared_events::{Currency, Money};

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// The subject of the table of rules.
pub fn subject() -> ProofSubject {
    ProofSubject {
        order_id: Some("112-1234567-1234567".into()),
        asin: Some("B08XYZ1234".into()),
        sku: Some("WTR-BTL-32OZ".into()),
        title: Some("Steel water bottle".into()),
        quantity: Some(5),
        amount: Some(usd(24580)),
        order_date: Some(day("2025-01-01")),
        dispute_date: Some(day("2025-01-10")),
        supplier: Some("Acme Supplies Ltd".into()),
    }
}

/// An invoice that says nothing.
pub fn invoice() -> Invoice {
    Invoice::empty(Source::Ubl)
}

pub fn numbered(number: &str) -> Invoice {
    Invoice { number: Some(Found::certain(number.into())), ..invoice() }
}

pub fn dated(date: &str, invoice: Invoice) -> Invoice {
    Invoice { date: Some(Found::certain(Day { date: day(date), or: None })), ..invoice }
}

pub fn of_supplier(supplier: &str, minor: i64, invoice: Invoice) -> Invoice {
    Invoice { issuer: Some(Found::certain(supplier.into())), ..of_total(minor, invoice) }
}

pub fn of_total(minor: i64, invoice: Invoice) -> Invoice {
    Invoice { gross: Some(Found::certain(usd(minor))), currency: Some(Found::certain(Currency::USD)), ..invoice }
}

pub fn with_line(sku: &str, quantity: i64, mut invoice: Invoice) -> Invoice {
    invoice.lines.push(Line {
        id: (invoice.lines.len() + 1).to_string(),
        description: "Bottle".into(),
        seller_sku: Some(sku.into()),
        sku: None,
        other_skus: vec![],
        quantity: Decimal::new(i128::from(quantity), 0),
        unit: None,
        unit_price: Decimal::new(4916, 2),
        amount: usd(4916 * quantity),
        tax_rate: None,
        kind: LineKind::Product,
        place: None,
    });
    invoice
}

pub fn with_order_reference(order: &str, mut invoice: Invoice) -> Invoice {
    invoice.ids.push(Id { path: "OrderReference/ID".into(), scheme: None, value: order.into() });
    invoice
}
