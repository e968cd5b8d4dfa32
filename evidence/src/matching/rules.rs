//! The first cascade: fixed rules over what a document says about one order.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use shared_events::money::Money;

use super::{article, similarity, text};

/// What has to be proved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The marketplace's number of the order.
    pub order_id: Option<String>,
    /// The marketplace's number of the article.
    pub asin: Option<String>,
    /// The seller's number of the article.
    pub sku: Option<String>,
    /// Units ordered.
    pub quantity: Option<i64>,
    /// What they cost.
    pub amount: Option<Money>,
    /// When it was ordered.
    pub ordered_on: Option<NaiveDate>,
    /// When it was disputed.
    pub disputed_on: Option<NaiveDate>,
    /// Who delivered it.
    pub supplier: Option<String>,
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The invoice's number.
    pub number: Option<String>,
    /// Numbers of orders that it refers to.
    #[serde(default)]
    pub orders: Vec<String>,
    /// The invoice's date.
    pub dated: Option<NaiveDate>,
    /// Who wrote it.
    pub supplier: Option<String>,
    /// Its total.
    pub total: Option<Money>,
    /// Its lines.
    pub lines: Vec<Item>,
}

/// An article on a line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its numbers, whoever's they are.
    pub codes: Vec<String>,
    /// What it is called, which may hold a number of it too.
    pub description: Option<String>,
    /// Units.
    pub quantity: Option<i64>,
    /// Whether there is a quantity that is no whole number: it is none that was ordered.
    pub broken: bool,
}

/// The rule that a document fits best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The invoice number is the order's, or the invoice refers to the order.
    ExactInvoice,
    /// The article, its quantity and the date.
    SkuMatch,
    /// The supplier, and nearly the total.
    SupplierMatch,
    /// The article's marketplace number stands where the seller's is expected.
    AsinMatch,
    /// The number of the order or article is right, and something that should agree is wrong or not there.
    IncompleteMatch,
    /// Only the date fits.
    DateMatch,
    /// Only the total is near.
    AmountMatch,
    /// Nothing usable.
    PartialMatch,
}

/// An invoice is written within this many days of the order and of the dispute.
const DAYS: i64 = 30;

/// Within this many days a date still says something.
const DAYS_AT_ALL: i64 = 60;

/// Per cent by which a total may be off, beside the supplier and alone.
const OFF: i128 = 5;
const OFF_AT_ALL: i128 = 10;

impl Rule {
    /// The score before calibration, in hundredths.
    #[must_use]
    pub fn hundredths(self) -> u8 {
        match self {
            Self::ExactInvoice => 95,
            Self::SkuMatch => 90,
            Self::SupplierMatch => 70,
            Self::AsinMatch | Self::IncompleteMatch => 60,
            Self::DateMatch => 40,
            Self::AmountMatch => 30,
            Self::PartialMatch => 0,
        }
    }

    /// The score before calibration.
    #[must_use]
    pub fn score(self) -> f64 {
        f64::from(self.hundredths()) / 100.0
    }

    /// Why, in a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ExactInvoice => "The invoice has the number of the order.",
            Self::SkuMatch => "A line has the article in the right quantity, and the date fits the order.",
            Self::SupplierMatch => "The supplier is the right one and the total is within 5 %.",
            Self::AsinMatch => "A line has the marketplace's number of the article as its article number.",
            Self::IncompleteMatch => "The order or article number is right, but quantity or date is wrong or missing.",
            Self::DateMatch => "Only the date fits.",
            Self::AmountMatch => "Only the total is near.",
            Self::PartialMatch => "Nothing in the document fits.",
        }
    }
}

/// How a quantity stands to the one that was ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Right,
    Wrong,
    Unknown,
}

/// How a date stands to the order and the dispute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dated {
    Near,
    Far,
    TooFar,
    Unknown,
}

/// The strongest rule that holds.
#[must_use]
pub fn judge(subject: &Subject, facts: &Facts) -> Rule {
    let by_sku = quantity(subject, facts, subject.sku.as_deref());
    let by_asin = quantity(subject, facts, subject.asin.as_deref());
    let wrong = wrong_quantity(subject, facts);
    let dated = dated(subject, facts);
    let date_may_fit = matches!(dated, Dated::Near | Dated::Unknown);
    let numbers = facts.number.iter().chain(&facts.orders);
    if numbers.into_iter().any(|number| same_code(subject.order_id.as_deref(), Some(number))) {
        // A wrong quantity never passes as exact.
        return if wrong { Rule::IncompleteMatch } else { Rule::ExactInvoice };
    }
    if by_sku == Some(Quantity::Right) && dated == Dated::Near {
        return Rule::SkuMatch;
    }
    if same_supplier(subject, facts) && off_by(subject, facts, OFF) {
        return Rule::SupplierMatch;
    }
    if by_asin.is_some() && !wrong && date_may_fit {
        return Rule::AsinMatch;
    }
    if by_sku.is_some() && !wrong && date_may_fit {
        return Rule::IncompleteMatch;
    }
    match dated {
        Dated::Near | Dated::Far => Rule::DateMatch,
        _ if off_by(subject, facts, OFF_AT_ALL) => Rule::AmountMatch,
        _ => Rule::PartialMatch,
    }
}

/// Whether the document has the article in another quantity than the one that was ordered: it then never proves it by itself.
#[must_use]
pub fn wrong_quantity(subject: &Subject, facts: &Facts) -> bool {
    [&subject.sku, &subject.asin]
        .into_iter()
        .any(|code| quantity(subject, facts, code.as_deref()) == Some(Quantity::Wrong))
}

/// Whether the document has the article, and in which quantity: all its lines together.
fn quantity(subject: &Subject, facts: &Facts, code: Option<&str>) -> Option<Quantity> {
    let wanted = squashed(code);
    if wanted.is_empty() {
        return None;
    }
    let (lines, sure) = lines_of(facts, &wanted)?;
    let Some(ordered) = subject.quantity else { return Some(Quantity::Unknown) };
    let known = lines.iter().filter_map(|item| item.quantity).fold(0_i64, i64::saturating_add);
    let all_known = lines.iter().all(|item| item.quantity.is_some());
    let wrong = lines.iter().any(|item| item.broken) || known > ordered || (all_known && known != ordered);
    Some(match (wrong, all_known && sure) {
        (true, _) => Quantity::Wrong,
        (false, true) => Quantity::Right,
        (false, false) => Quantity::Unknown,
    })
}

/// The lines about an article, and whether that is sure. Those with its number come first; without any, those that have no number and
/// name it in their description; then those that name it and have another number, which may be the supplier's, or that of a lid to it.
fn lines_of<'a>(facts: &'a Facts, wanted: &str) -> Option<(Vec<&'a Item>, bool)> {
    let has = |item: &&Item| item.codes.iter().any(|code| squashed(Some(code)) == wanted);
    let numbered: Vec<&Item> = facts.lines.iter().filter(has).collect();
    if !numbered.is_empty() {
        return Some((numbered, true));
    }
    let names = |item: &&Item| {
        let description = item.description.as_deref().unwrap_or_default();
        article::codes_in(description).iter().any(|code| code == wanted)
    };
    let (bare, other): (Vec<&Item>, Vec<&Item>) =
        facts.lines.iter().filter(names).partition(|item| item.codes.is_empty());
    // A line without a quantity beside one that has it is a remark.
    let counted: Vec<&Item> = bare.iter().copied().filter(|item| item.quantity.is_some() || item.broken).collect();
    [(counted, true), (bare, true), (other, false)].into_iter().find(|(lines, _)| !lines.is_empty())
}

fn dated(subject: &Subject, facts: &Facts) -> Dated {
    let Some(date) = facts.dated else { return Dated::Unknown };
    let known = [subject.ordered_on, subject.disputed_on];
    let days: Vec<i64> = known.into_iter().flatten().map(|day| (date - day).num_days().abs()).collect();
    match (days.iter().max(), days.iter().min()) {
        (Some(most), _) if *most <= DAYS => Dated::Near,
        (_, Some(least)) if *least <= DAYS_AT_ALL => Dated::Far,
        (Some(_), _) => Dated::TooFar,
        (None, _) => Dated::Unknown,
    }
}

/// Whether both codes are known and have equal letters and digits.
#[must_use]
pub fn same_code(ours: Option<&str>, theirs: Option<&str>) -> bool {
    let ours = squashed(ours);
    !ours.is_empty() && ours == squashed(theirs)
}

fn squashed(code: Option<&str>) -> String {
    text::squash(&text::fold(code.unwrap_or_default()))
}

/// Words that say what kind of company it is, not which.
const LEGAL_FORMS: [&str; 22] = [
    "ltd",
    "limited",
    "inc",
    "incorporated",
    "llc",
    "llp",
    "plc",
    "corp",
    "corporation",
    "co",
    "company",
    "gmbh",
    "ag",
    "kg",
    "ug",
    "sa",
    "sarl",
    "srl",
    "spa",
    "bv",
    "nv",
    "ab",
];

/// The words of a company's name that say which company it is: folded, without its legal form.
#[must_use]
pub fn supplier_words(name: &str) -> Vec<String> {
    text::tokens(&text::fold(name)).into_iter().filter(|word| !LEGAL_FORMS.contains(&word.as_str())).collect()
}

fn same_supplier(subject: &Subject, facts: &Facts) -> bool {
    let name = |supplier: &Option<String>| supplier_words(supplier.as_deref().unwrap_or_default()).join(" ");
    let (ours, theirs) = (name(&subject.supplier), name(&facts.supplier));
    !ours.is_empty() && !theirs.is_empty() && similarity::jaro_winkler(&ours, &theirs) >= 0.95
}

fn off_by(subject: &Subject, facts: &Facts, per_cent: i128) -> bool {
    let (Some(ours), Some(theirs)) = (subject.amount, facts.total) else { return false };
    let off = (i128::from(ours.minor) - i128::from(theirs.minor)).abs();
    ours.currency == theirs.currency && ours.minor > 0 && off * 100 <= per_cent * i128::from(ours.minor)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
