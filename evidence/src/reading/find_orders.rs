//! Numbers of orders that a printed invoice refers to.

use super::invoice::Id;
use super::layout::{Cell, Row};
use super::near::{How, Near, of};
use super::vocabulary::Match;

/// Where such a number would stand in UBL: whoever asks for the orders of an invoice finds them there.
const PATH: &str = "OrderReference/ID";

/// What stands before the number of an order, folded; small words between them do not matter.
const LABELS: &[&str] = &[
    "order number",
    "order no",
    "order nr",
    "order id",
    "order #",
    "order ref",
    "order reference",
    "purchase order",
    "po number",
    "po no",
    "po #",
    "bestellnummer",
    "bestellnr",
    "bestell nr",
    "auftragsnummer",
    "auftragsnr",
    "numero commande",
    "n° commande",
    "no commande",
    "commande n°",
    "reference commande",
    "numero pedido",
    "n° pedido",
    "pedido n°",
    "numero ordine",
    "n° ordine",
    "ordine n°",
    "ordernummer",
    "bestelnummer",
    "numer zamowienia",
    "nr zamowienia",
    "注文番号",
];

const MOST: usize = 500;

/// Finds them: what has the shape of a marketplace's number, wherever it stands, and what a label names.
pub fn find(rows: &[Row]) -> Vec<Id> {
    let mut numbers: Vec<String> = vec![];
    let mut keep = |number: String| {
        if numbers.len() < MOST && !numbers.contains(&number) {
            numbers.push(number);
        }
    };
    for (row, cells) in rows.iter().map(|row| &row.cells).enumerate() {
        for (at, cell) in cells.iter().enumerate() {
            cell.words.iter().filter_map(|word| marketplace_number(&word.text)).for_each(&mut keep);
            for (from, to) in LABELS.iter().filter_map(|label| cell.find(label, 0)) {
                let near = of(rows, row, at, Match { from, to, weight: 0 });
                // What stands right behind the label is its value, or it has none.
                let count = if near.first().is_some_and(|near| near.how == How::Behind) { 1 } else { near.len() };
                near[..count].iter().find_map(value_in).into_iter().for_each(&mut keep);
            }
        }
    }
    numbers.into_iter().map(|value| Id { path: PATH.into(), scheme: None, value }).collect()
}

/// Amazon's shape: three digits, seven and seven.
fn marketplace_number(word: &str) -> Option<String> {
    let bare = word.trim_matches(|letter: char| !letter.is_ascii_digit());
    let lengths: Vec<usize> = bare.split('-').map(str::len).collect();
    let digits = bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    (digits && lengths == [3, 7, 7]).then(|| bare.to_owned())
}

/// The number behind, beside or below a label: one word with digits that is no date and no amount.
fn value_in(near: &Near) -> Option<String> {
    let Cell { words, folded, .. } = near.cell;
    let filler = |at: &usize| matches!(folded[*at].as_str(), "" | "no" | "nr" | "n°" | "#" | "number" | "id" | "is");
    let at = (near.from..near.to).find(|at| !filler(at))?;
    let value = words[at].text.trim_matches([':', '.', ',', ';', '#', '(', ')']);
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let shape = value.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '/'));
    let alone = near.how == How::Behind || words.len() == at + 1;
    let date = !super::date_text::dates(value, false).is_empty();
    (shape && alone && !date && digits >= 3 && (4..=40).contains(&value.chars().count())).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::invoice::Place;
    use super::super::layout::rows;
    use super::super::words::Word;
    use super::*;

    fn read(lines: &[&str]) -> Vec<String> {
        let mut words = vec![];
        for (line, text) in (0_i32..).zip(lines) {
            let mut left = 4_000;
            for text in text.split(' ') {
                let right = left + 500 * i32::try_from(text.chars().count()).expect("short");
                let place = Place { page: 1, left, top: 2_000 * line, right, bottom: 2_000 * line + 1_000 };
                words.push(Word { text: text.into(), place, confidence: 100 });
                left = right + 300;
            }
        }
        find(&rows(words)).into_iter().map(|id| id.value).collect()
    }

    #[test]
    fn orders_are_named_by_labels_or_by_their_shape() {
        assert_eq!(read(&["Amazon sale (112-1234567-1234567)"]), ["112-1234567-1234567"]);
        assert_eq!(read(&["Order no.: PO-4711", "Date 2025-01-20"]), ["PO-4711"]);
        assert_eq!(read(&["Numéro de commande : C20250117"]), ["C20250117"]);
        assert_eq!(read(&["Ihre Bestellnummer 99887"]), ["99887"]);
        assert_eq!(read(&["Order number date 2025-01-20", "Order no 2025-01-20", "112-1234567-12345678"]), [""; 0]);
    }
}
