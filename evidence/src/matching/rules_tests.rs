//! The table of the rules, row by row, and their edges.

use super::*;
use crate::matching::decision::{Decision, decide};

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

fn usd(minor: i64) -> Option<Money> {
    Some(Money::new(minor, shared_events::money::Currency::try_new("USD").unwrap()))
}

fn subject() -> Subject {
    Subject {
        order_id: Some("112-1234567-1234567".into()),
        asin: Some("B08XYZ1234".into()),
        sku: Some("WTR-BTL-32OZ".into()),
        quantity: Some(5),
        amount: usd(24580),
        ordered_on: day("2025-01-01"),
        disputed_on: day("2025-01-10"),
        supplier: Some("Acme Supplies Ltd".into()),
    }
}

fn line(sku: &str, quantity: i64) -> Vec<Item> {
    vec![Item { codes: vec![sku.into()], quantity: Some(quantity), ..Item::default() }]
}

fn described(description: &str, quantity: Option<i64>) -> Item {
    Item { description: Some(description.into()), quantity, ..Item::default() }
}

fn outcome(facts: &Facts) -> (Rule, u8, Decision) {
    let rule = judge(&subject(), facts);
    (rule, rule.hundredths(), decide(rule.score(), None, true))
}

fn with_line(quantity: i64, date: &str) -> Facts {
    Facts { lines: line("WTR-BTL-32OZ", quantity), dated: day(date), ..Facts::default() }
}

fn with_total(minor: i64) -> Facts {
    Facts { supplier: Some("Acme Supplies Ltd.".into()), total: usd(minor), ..Facts::default() }
}

#[test]
fn the_invoice_number_is_the_order_id() {
    let facts = Facts { number: Some("112-1234567-1234567".into()), ..Facts::default() };
    assert_eq!(outcome(&facts), (Rule::ExactInvoice, 95, Decision::Automatic));
}

#[test]
fn the_invoice_refers_to_the_order() {
    let orders = vec!["4711".into(), "112 1234567 1234567".into()];
    let facts = Facts { number: Some("R-1".into()), orders, ..Facts::default() };
    assert_eq!(outcome(&facts), (Rule::ExactInvoice, 95, Decision::Automatic));
}

#[test]
fn the_line_item_and_a_near_date() {
    assert_eq!(outcome(&with_line(5, "2025-01-20")), (Rule::SkuMatch, 90, Decision::Automatic));
}

#[test]
fn the_line_item_and_a_date_31_days_off() {
    // Whichever date it is off from, and in whichever direction.
    for date in ["2025-02-01", "2024-12-01", "2025-02-10", "2024-12-10"] {
        assert_eq!(outcome(&with_line(5, date)), (Rule::DateMatch, 40, Decision::None), "{date}");
    }
    assert_eq!(outcome(&with_line(5, "2025-01-31")).0, Rule::SkuMatch, "30 days are within");
}

#[test]
fn a_wrong_quantity_is_never_exact_nor_automatic() {
    let mut facts = with_line(999, "2025-01-20");
    assert_eq!(outcome(&facts), (Rule::DateMatch, 40, Decision::None));
    facts.supplier = Some("Acme Supplies Ltd".into());
    facts.total = usd(24580);
    assert_ne!(outcome(&facts).2, Decision::Automatic);
    facts.number = Some("112-1234567-1234567".into());
    assert_eq!(outcome(&facts), (Rule::IncompleteMatch, 60, Decision::Prompt));
}

#[test]
fn the_supplier_and_a_total_within_five_per_cent() {
    for total in [24580, 25809, 23351] {
        assert_eq!(outcome(&with_total(total)), (Rule::SupplierMatch, 70, Decision::Prompt), "{total}");
    }
    assert_ne!(outcome(&with_total(25810)).0, Rule::SupplierMatch, "a cent more is more than 5 %");
}

#[test]
fn the_supplier_and_a_total_six_per_cent_off() {
    assert_eq!(outcome(&with_total(26055)), (Rule::AmountMatch, 30, Decision::None));
}

#[test]
fn the_line_item_has_the_asin_as_its_sku() {
    let facts = Facts { lines: line("B08XYZ1234", 5), ..Facts::default() };
    assert_eq!(outcome(&facts), (Rule::AsinMatch, 60, Decision::Prompt));
}

#[test]
fn only_the_date_or_only_a_near_total() {
    let date = Facts { dated: day("2025-01-05"), ..Facts::default() };
    assert_eq!(outcome(&date), (Rule::DateMatch, 40, Decision::None));
    let total = Facts { total: usd(24600), ..Facts::default() };
    assert_eq!(outcome(&total), (Rule::AmountMatch, 30, Decision::None));
}

#[test]
fn nothing_usable() {
    assert_eq!(outcome(&Facts::default()), (Rule::PartialMatch, 0, Decision::None));
    let strange = Facts {
        number: Some("4711".into()),
        dated: day("2019-01-01"),
        supplier: Some("Other GmbH".into()),
        total: usd(1),
        lines: line("OTHER", 5),
        ..Facts::default()
    };
    assert_eq!(outcome(&strange), (Rule::PartialMatch, 0, Decision::None));
    // Two unknown numbers are not the same number.
    assert_eq!(judge(&Subject::default(), &Facts::default()), Rule::PartialMatch);
}

#[test]
fn what_is_not_known_is_asked() {
    let undated = Facts { lines: line("wtr btl 32oz", 5), ..Facts::default() };
    assert_eq!(outcome(&undated), (Rule::IncompleteMatch, 60, Decision::Prompt));
    let mut halves = with_line(2, "2025-01-20");
    halves.lines.extend(line("WTR-BTL-32OZ", 3));
    assert_eq!(outcome(&halves).0, Rule::SkuMatch, "lines of one article add up");
    let euro = Money::new(24580, shared_events::money::Currency::try_new("EUR").unwrap());
    assert_eq!(outcome(&Facts { total: Some(euro), ..Facts::default() }).0, Rule::PartialMatch);
}

#[test]
fn two_lines_of_which_one_is_right_are_not_right() {
    let mut facts = with_line(5, "2025-01-20");
    facts.lines.extend(line("WTR-BTL-32OZ", 999));
    assert_ne!(outcome(&facts).2, Decision::Automatic);
    facts.number = Some("112-1234567-1234567".into());
    assert_eq!(outcome(&facts), (Rule::IncompleteMatch, 60, Decision::Prompt));
    // More than was ordered is too much, whatever the line without a quantity holds.
    facts.lines[0].quantity = None;
    assert_eq!(outcome(&facts).0, Rule::IncompleteMatch);
}

#[test]
fn a_part_of_a_unit_is_wrong() {
    let mut facts = with_line(5, "2025-01-20");
    facts.lines[0] = Item { quantity: None, broken: true, ..facts.lines[0].clone() };
    facts.number = Some("112-1234567-1234567".into());
    assert_eq!(outcome(&facts), (Rule::IncompleteMatch, 60, Decision::Prompt));
}

#[test]
fn an_article_is_found_in_the_description_of_a_line_without_a_number() {
    let facts = |item| Facts { lines: vec![item], dated: day("2025-01-20"), ..Facts::default() };
    let bottle = |quantity| described("Steel bottle (WTR-BTL-32OZ), blue", quantity);
    assert_eq!(outcome(&facts(bottle(Some(5)))), (Rule::SkuMatch, 90, Decision::Automatic));
    assert_eq!(outcome(&facts(described("ASIN B08XYZ1234", Some(5)))).0, Rule::AsinMatch);
    let mut wrong = facts(bottle(Some(999)));
    wrong.number = Some("112-1234567-1234567".into());
    assert_eq!(outcome(&wrong), (Rule::IncompleteMatch, 60, Decision::Prompt));
    // A remark beside the line that counts says nothing.
    let mut remark = facts(bottle(Some(5)));
    remark.lines.push(described("WTR-BTL-32OZ: gift wrapped", None));
    assert_eq!(outcome(&remark).0, Rule::SkuMatch);
    // What has another number may be something else: a person is asked.
    let other = Item { codes: vec!["LID-1".into()], ..bottle(Some(5)) };
    assert_eq!(outcome(&facts(other)), (Rule::IncompleteMatch, 60, Decision::Prompt));
    assert_eq!(outcome(&facts(described("Lid for WTR-BTL-32OZ", Some(5)))).0, Rule::DateMatch);
}
