//! A pair as two records with the same columns: what the subject has, and what the document says about it.

use shared_events::evidence::ProofSubject;

use crate::match_facts::{Said, SaidLine};
use crate::matching::record::Record;
use crate::matching::rules;
use crate::matching::text;

/// Share of a title's words that a line has to have to be taken for its line.
const SAME_TITLE: (usize, usize) = (1, 2);

/// The pair to compare, and the line of the document that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// The subject.
    pub subject: Record,
    /// The document.
    pub document: Record,
    /// The line, counted from 1.
    pub line: Option<u32>,
}

/// Columns of both records, in their order.
pub const COLUMNS: [&str; 9] = ["order", "sku", "asin", "title", "quantity", "amount", "currency", "supplier", "date"];

/// Lays a pair side by side.
pub fn sides(subject: &ProofSubject, said: &Said) -> Sides {
    let chosen = line_of(subject, said);
    let line = chosen.map(|at| &said.lines[at]);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let day = |value: Option<chrono::NaiveDate>| value.map(|day| day.to_string()).unwrap_or_default();
    let company = |name: &Option<String>| rules::supplier_words(name.as_deref().unwrap_or_default()).join(" ");
    let units = |value: Option<i64>| value.map(|units| units.to_string()).unwrap_or_default();
    let amount = |value: Option<shared_events::Money>| match value {
        Some(money) => [money.decimal(), money.currency.code().to_owned()],
        None => Default::default(),
    };
    let [our_amount, our_currency] = amount(subject.amount);
    let [their_amount, their_currency] = amount(said.total);
    let order = said.number.iter().chain(&said.orders).find(|number| same(subject.order_id.as_deref(), number));
    let asin = line.and_then(|line| line.codes().find(|code| same(subject.asin.as_deref(), code)));
    let sku = line.and_then(|line| {
        let own = line.codes().find(|code| same(subject.sku.as_deref(), code));
        let in_words = || subject.sku.as_deref().filter(|sku| line.names(Some(sku)));
        own.or_else(in_words).or_else(|| line.codes().find(|code| Some(*code) != asin))
    });
    let ours = [
        text(&subject.order_id),
        text(&subject.sku),
        text(&subject.asin),
        text(&subject.title),
        units(subject.quantity),
        our_amount,
        our_currency,
        company(&subject.supplier),
        day(subject.order_date),
    ];
    let theirs = [
        order.or(said.number.as_ref()).cloned().unwrap_or_default(),
        sku.unwrap_or_default().to_owned(),
        asin.unwrap_or_default().to_owned(),
        line.map(|line| text(&line.description)).unwrap_or_default(),
        units(line.and_then(|line| quantity(subject, said, line))),
        their_amount,
        their_currency,
        company(&said.supplier),
        day(said.dated),
    ];
    Sides {
        subject: COLUMNS.into_iter().zip(ours).collect(),
        document: COLUMNS.into_iter().zip(theirs).collect(),
        line: chosen.and_then(|at| u32::try_from(at + 1).ok()),
    }
}

fn same(ours: Option<&str>, theirs: &str) -> bool {
    rules::same_code(ours, Some(theirs))
}

/// Units of the line's article: those of all its lines, when they add up to what is wanted.
fn quantity(subject: &ProofSubject, said: &Said, line: &SaidLine) -> Option<i64> {
    let shares = |other: &&SaidLine| line.codes().any(|code| other.codes().any(|theirs| same(Some(code), theirs)));
    let sum = said.lines.iter().filter(shares).try_fold(0_i64, |sum, other| sum.checked_add(other.quantity?));
    if sum.is_some() && sum == subject.quantity { sum } else { line.quantity }
}

/// The line that a subject is about: by its article number and quantity, its article number, or its title. Which of several equal ones
/// does not depend on their order, as far as what they say goes.
fn line_of(subject: &ProofSubject, said: &Said) -> Option<usize> {
    let wanted = words(subject.title.as_deref());
    let worth = |line: &SaidLine| {
        let has = |code: &Option<String>| line.codes().any(|own| same(code.as_deref(), own));
        let found = line.description.as_deref().map_or(0, |description| {
            let own = words(Some(description));
            wanted.iter().filter(|word| own.contains(word)).count()
        });
        let named = found > 0 && found * SAME_TITLE.1 >= wanted.len() * SAME_TITLE.0;
        let numbers = [&subject.sku, &subject.asin];
        let code = if has(numbers[0]) {
            4
        } else if has(numbers[1]) {
            3
        } else {
            u8::from(numbers.iter().any(|code| line.names(code.as_deref())))
        };
        let units = subject.quantity.is_some() && line.quantity == subject.quantity;
        (code > 0 || named).then_some((code, units, found))
    };
    let best =
        said.lines.iter().filter_map(|line| Some((worth(line)?, line))).max_by(|(worth, line), (other, rival)| {
            worth.cmp(other).then_with(|| (&rival.sku, &rival.description).cmp(&(&line.sku, &line.description)))
        });
    let (_, chosen) = best?;
    said.lines.iter().position(|line| line == chosen)
}

fn words(title: Option<&str>) -> Vec<String> {
    let mut words = text::tokens(&text::fold(title.unwrap_or_default()));
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: i64, description: &str) -> SaidLine {
        SaidLine {
            sku: Some(sku.into()),
            quantity: Some(quantity),
            description: Some(description.into()),
            ..SaidLine::default()
        }
    }

    fn subject() -> ProofSubject {
        ProofSubject {
            order_id: Some("112-1".into()),
            sku: Some("WTR-BTL".into()),
            asin: Some("B08XYZ1234".into()),
            title: Some("Steel water bottle 32 oz".into()),
            quantity: Some(5),
            ..ProofSubject::default()
        }
    }

    fn chosen(lines: Vec<SaidLine>) -> (Option<u32>, String) {
        let sides = sides(&subject(), &Said { lines, ..Said::default() });
        (sides.line, sides.document.get("quantity").to_owned())
    }

    #[test]
    fn the_line_is_found_by_number_then_quantity_then_title() {
        let (tea, right) = (line("TEA", 5, "Green tea"), line("wtr btl", 5, "Bottle"));
        assert_eq!(chosen(vec![tea.clone(), line("WTR-BTL", 2, "Bottle"), right]), (Some(3), "5".into()));
        assert_eq!(chosen(vec![tea.clone(), line("B08XYZ1234", 2, "Bottle")]), (Some(2), "2".into()));
        assert_eq!(chosen(vec![tea.clone(), line("X", 3, "Water bottle, steel")]), (Some(2), "3".into()));
        assert_eq!(chosen(vec![tea]), (None, String::new()));
    }

    #[test]
    fn lines_of_one_article_add_up() {
        assert_eq!(chosen(vec![line("WTR-BTL", 2, "a"), line("WTR-BTL", 3, "b")]).1, "5");
        assert_eq!(chosen(vec![line("WTR-BTL", 2, "a"), line("WTR-BTL", 4, "b")]).1, "2");
    }

    #[test]
    fn the_order_that_a_document_refers_to_stands_for_its_number() {
        let said = Said { number: Some("R-7".into()), orders: vec!["1121".into()], ..Said::default() };
        assert_eq!(sides(&subject(), &said).document.get("order"), "1121");
    }
}
