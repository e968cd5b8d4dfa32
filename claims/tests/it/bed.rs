//! Short ways to say what happened to one seller.

use chrono::{DateTime, NaiveDate, Utc};
use claims::detection::{Books, Fact, Finding, Posting, SourcingCost, Subject, Taken};
use claims::marketplace::Marketplace;
use claims::policy::{ClaimType, Policy};
use claims::reasons::{LedgerReason, ReimbursementReason};
use claims::reports::*;
use shared_events::money::{Currency, Money};

pub const FNSKU: &str = "X1";
pub const SKU: &str = "SKU1";

pub fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub fn noon(text: &str) -> DateTime<Utc> {
    format!("{text}T20:00:00Z").parse().expect("a moment")
}

pub fn key(name: &str) -> RowKey {
    RowKey::of(&["test", name])
}

pub fn place(code: &str) -> Marketplace {
    Marketplace::of_country(code).expect("listed")
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn adjustment(date: &str, code: &str, quantity: i64, reconciled: Option<i64>) -> Fact {
    Fact::Ledger(LedgerEvent {
        day: day(date),
        fnsku: FNSKU.to_owned(),
        msku: SKU.to_owned(),
        event: EventType::Adjustments,
        reference: "21188081".to_owned(),
        quantity,
        center: "LGB3".to_owned(),
        disposition: Disposition::Sellable,
        reason: Some(LedgerReason::of(code)),
        country: "US".to_owned(),
        reconciled,
        unreconciled: reconciled.map(|units| quantity.abs() - units),
    })
}

pub fn reimbursement(id: &str, date: &str, reason: &str, per_unit: i64, cash: i64, inventory: i64) -> Reimbursement {
    Reimbursement {
        approved_at: noon(date).fixed_offset(),
        reimbursement_id: id.to_owned(),
        case_id: None,
        order_id: None,
        reason: ReimbursementReason::of(reason),
        sku: SKU.to_owned(),
        fnsku: FNSKU.to_owned(),
        per_unit: usd(per_unit),
        total: usd(per_unit.abs() * cash),
        cash_units: cash,
        inventory_units: inventory,
        original_id: None,
        original_reason: None,
    }
}

pub fn reversal(id: &str, date: &str, original: &str, per_unit: i64, units: i64) -> Reimbursement {
    Reimbursement {
        original_id: Some(original.to_owned()),
        original_reason: Some(ReimbursementReason::LostWarehouse),
        ..reimbursement(id, date, "Reimbursement_Reversal", -per_unit, -units, 0)
    }
}

pub fn cost(minor: i64, since: &str) -> Fact {
    Fact::Cost(SourcingCost {
        fnsku: FNSKU.to_owned(),
        unit: usd(minor),
        valid_from: day(since),
        source: "invoice".to_owned(),
    })
}

pub fn taken(claim: &str, claim_type: ClaimType, case: Option<&str>, rows: &[(&str, i64)]) -> Fact {
    let rows = rows.iter().map(|(name, units)| (key(name), *units)).collect();
    Fact::Taken(Taken { claim: claim.to_owned(), claim_type, case_id: case.map(str::to_owned), rows })
}

pub fn posting(date: &str, transaction: &str, amount_type: &str, description: &str, minor: i64) -> Fact {
    Fact::Posting(Posting {
        day: day(date),
        transaction: transaction.to_owned(),
        order_id: Some("113-1".to_owned()),
        sku: Some(SKU.to_owned()),
        amount_type: amount_type.to_owned(),
        description: description.to_owned(),
        amount: usd(minor),
        quantity: None,
    })
}

/// Books of facts told for one marketplace; each fact by a name of its own.
pub fn books(code: &str, facts: &[(&str, Fact)]) -> Books {
    let mut books = Books::new(Policy::embedded());
    for (name, fact) in facts {
        books.add(key(name), place(code), fact.clone());
    }
    books
}

pub fn of(books: &Books, claim_type: ClaimType, now: DateTime<Utc>) -> Vec<Finding> {
    books.evaluate_all(now).into_iter().filter(|finding| finding.claim_type == claim_type).collect()
}

pub fn stock() -> Subject {
    Subject::Stock(FNSKU.to_owned(), Currency::USD)
}
