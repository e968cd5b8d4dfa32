//! What matching looks at, on both sides: the subject of a request, and what a document says. Kept whole with every label.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared_events::Money;
use shared_events::evidence::ProofSubject;
use shared_events::ids::derive;

use crate::lookup;
use crate::matching::article;
use crate::matching::rules::{Facts, Item, Subject};
use crate::reading::invoice::{Invoice, Line};

/// Lines that are looked at; a document with more says nothing about one order by the rest.
const MOST_LINES: usize = 1_000;

/// Of a hundred labels, how many are held out from training.
const HELD_OUT: u128 = 40;

/// What a document says, as far as matching looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// The document's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Numbers of orders that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<String>,
    /// Its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated: Option<NaiveDate>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// Its total with tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// Its lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<SaidLine>,
}

/// One line of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaidLine {
    /// The number of the article, whoever's that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Another number of it, where the document has two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_sku: Option<String>,
    /// Still more of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_skus: Vec<String>,
    /// Units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// Whether there is a quantity that is no whole number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken_quantity: bool,
    /// What the article is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl SaidLine {
    /// Its article numbers.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        [&self.sku, &self.other_sku].into_iter().flatten().chain(&self.more_skus).map(String::as_str)
    }

    /// Whether its description names the article.
    pub fn names(&self, code: Option<&str>) -> bool {
        let named = article::codes_in(self.description.as_deref().unwrap_or_default());
        code.and_then(lookup::code).is_some_and(|code| named.contains(&code))
    }
}

impl From<&Line> for SaidLine {
    fn from(line: &Line) -> Self {
        let mut codes = [&line.sku, &line.seller_sku].into_iter().flatten().chain(&line.other_skus).cloned();
        let description = (!line.description.is_empty()).then(|| line.description.clone());
        let quantity = line.quantity.and_then(|quantity| quantity.minor(0));
        Self {
            sku: codes.next(),
            other_sku: codes.next(),
            more_skus: codes.collect(),
            quantity,
            // A part of a unit is no number of units.
            broken_quantity: line.quantity.is_some() && quantity.is_none(),
            description,
        }
    }
}

impl From<&Invoice> for Said {
    fn from(invoice: &Invoice) -> Self {
        let mut orders: Vec<String> =
            invoice.ids.iter().filter(|id| id.is_of_order()).map(|id| id.value.clone()).collect();
        orders.sort_unstable();
        orders.dedup();
        // A day that may be another one is not known.
        let dated = invoice.date.as_ref().filter(|date| date.value.or.is_none()).map(|date| date.value.date);
        Self {
            number: invoice.number.as_ref().map(|found| found.value.clone()),
            orders,
            dated,
            supplier: invoice.issuer.as_ref().map(|found| found.value.clone()),
            total: invoice.gross.as_ref().map(|found| found.value),
            lines: invoice.lines.iter().take(MOST_LINES).map(SaidLine::from).collect(),
        }
    }
}

impl Said {
    /// The same for the rules.
    pub fn facts(&self) -> Facts {
        let items = self.lines.iter().map(|line| Item {
            codes: line.codes().map(str::to_owned).collect(),
            description: line.description.clone(),
            quantity: line.quantity,
            broken: line.broken_quantity,
        });
        Facts {
            number: self.number.clone(),
            orders: self.orders.clone(),
            dated: self.dated,
            supplier: self.supplier.clone(),
            total: self.total,
            lines: items.collect(),
        }
    }
}

/// The subject for the rules.
pub fn for_rules(subject: &ProofSubject) -> Subject {
    Subject {
        order_id: subject.order_id.clone(),
        asin: subject.asin.clone(),
        sku: subject.sku.clone(),
        quantity: subject.quantity,
        amount: subject.amount,
        ordered_on: subject.order_date,
        disputed_on: subject.dispute_date,
        supplier: subject.supplier.clone(),
    }
}

/// Whether a pair is held out from training: about two in five, and the same pair always or never.
pub fn held_out(subject: &ProofSubject, said: &Said) -> bool {
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    let pair = [text(serde_json::to_string(subject)), text(serde_json::to_string(said))];
    derive(&["held out", &pair[0], &pair[1]]).as_u128() % 100 < HELD_OUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_five_pairs_are_held_out_and_always_the_same() {
        let pair = |number: u32| {
            let subject = ProofSubject { order_id: Some(format!("112-{number}")), ..ProofSubject::default() };
            (subject, Said { number: Some(number.to_string()), ..Said::default() })
        };
        let split = || (0..1_000).map(pair).map(|(subject, said)| held_out(&subject, &said));
        let share = split().filter(|held_out| *held_out).count();
        assert!((360..=440).contains(&share), "{share}");
        assert!(split().eq(split()));
    }

    #[test]
    fn an_article_with_the_same_number_twice_counts_once() {
        let twice =
            SaidLine { sku: Some("A1".into()), other_sku: Some("A1".into()), quantity: Some(2), ..SaidLine::default() };
        assert_eq!(Said { lines: vec![twice], ..Said::default() }.facts().lines.len(), 1);
    }
}
