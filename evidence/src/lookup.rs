//! What documents and requests are looked up by: codes without punctuation, and the words of a supplier's name.
//!
//! Both sides are reduced in the same way, so that whatever the rules call equal meets here.

use std::collections::HashSet;

use crate::matching::text;
use crate::matching::{article, rules};
use crate::reading::invoice::{Id, Invoice, Line};
use shared_events::evidence::ProofSubject;

/// Codes kept of one document at most: more lines than that say nothing about one order.
const MOST_CODES: usize = 2_000;

/// A code as it is looked up: letters and digits alone, folded. Nothing is left of a code without any.
pub fn code(text: &str) -> Option<String> {
    let squashed = text::squash(&text::fold(text));
    (!squashed.is_empty()).then_some(squashed)
}

/// The codes of a request.
pub fn codes_of_subject(subject: &ProofSubject) -> Vec<String> {
    let codes = [&subject.order_id, &subject.asin, &subject.sku];
    sorted(codes.into_iter().flatten().filter_map(|text| code(text)))
}

/// The codes of a document: its number and those of orders first, then every article number, then what else it holds; where there are too
/// many, the last ones are left out.
pub fn codes_of_invoice(invoice: &Invoice) -> Vec<String> {
    let number = invoice.number.as_ref().map(|found| found.value.as_str());
    let (orders, others): (Vec<&Id>, Vec<&Id>) = invoice.ids.iter().partition(|id| id.is_of_order());
    let ids = |ids: Vec<&Id>| ids.into_iter().filter_map(|id| code(&id.value)).collect::<Vec<String>>();
    let articles = invoice.lines.iter().flat_map(Line::codes).filter_map(code);
    let described = invoice.lines.iter().flat_map(|line| article::codes_in(&line.description));
    let own = number.and_then(code).into_iter().chain(ids(orders)).chain(articles).chain(described);
    let mut seen = HashSet::new();
    own.chain(ids(others)).filter(|code| seen.insert(code.clone())).take(MOST_CODES).collect()
}

/// The words of a company's name that say which company it is.
pub fn supplier_words(name: Option<&str>) -> Vec<String> {
    sorted(rules::supplier_words(name.unwrap_or_default()).into_iter())
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = texts.collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_case_and_legal_form_do_not_matter() {
        assert_eq!(code("112-1234567 1234567"), code("11212345671234567"));
        assert_eq!(code("wtr-btl-32oz"), code("WTR BTL 32OZ"));
        assert_eq!(code("--"), None);
        assert_eq!(supplier_words(Some("Acme Supplies Ltd.")), supplier_words(Some("ACME supplies")));
        assert_eq!(supplier_words(None), Vec::<String>::new());
    }
}
