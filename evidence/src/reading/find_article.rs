//! The number of the article on a printed line: below a header of its own, or the first word of the description.

use super::layout::{Cell, Row, around};
use crate::matching::article;

/// Headers of one word, folded.
const ALONE: &str = "sku skus asin mpn ean gtin upc ref reference referencia riferimento referentie code codigo codice indeks artikelnr \
     artikelnummer art.-nr art.nr artnr art.no artno itemno item-no partno productcode produktnr produktnummer itemcode 品番 型番 商品コード";

/// Headers of two words: what has the number, and the number, in either order.
const THINGS: &str = "item article articulo articolo artikel art product produkt produit producto prodotto part material stock catalog \
     catalogue model style merchant seller";
const NUMBERS: &str = "no nr n° num number numero nummer code codigo codice id ref reference sku #";

/// Before a one-word header, these make it another thing: "tax code", "order reference".
const OF_OTHERS: &str =
    "tax vat hs tariff customs currency country zip your our order customer invoice payment bank promo";

fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// How many words of a cell are the header of article numbers, if they begin here.
pub fn header(folded: &[String], at: usize) -> Option<usize> {
    let (word, next) = (folded[at].as_str(), folded.get(at + 1).map_or("", String::as_str));
    if (among(THINGS, word) && among(NUMBERS, next)) || (among(NUMBERS, word) && among(THINGS, next)) {
        return Some(2);
    }
    let of_another = at > 0 && among(OF_OTHERS, &folded[at - 1]);
    (among(ALONE, word) && !of_another).then_some(1)
}

/// Takes the number out of a row of a table that has a column for it; `inside` tells whether a place is in that column.
pub fn take(row: &Row, inside: impl Fn(super::invoice::Place) -> bool) -> (Option<String>, Row) {
    let mut number: Vec<String> = vec![];
    let mut cells = vec![];
    for cell in &row.cells {
        let from = cell.words.iter().position(|word| inside(word.place)).unwrap_or(cell.words.len());
        let within = cell.words[from..].iter().take_while(|word| inside(word.place)).count();
        // Of a cell that goes on with the description only what looks like a number.
        let whole = within == cell.words.len();
        let like = |at: usize| whole || looks_like_number(&cell.words[at].text);
        let count = (from..from + within).take_while(|at| like(*at)).count();
        if !number.is_empty() || count == 0 || !cell.part(from, from + count).chars().any(char::is_alphanumeric) {
            cells.push(cell.clone());
            continue;
        }
        number.push(cell.part(from, from + count));
        let rest = [&cell.words[..from], &cell.words[from + count..]];
        cells.extend(rest.into_iter().filter(|words| !words.is_empty()).map(|words| Cell::of(words.to_vec())));
    }
    let place = if cells.is_empty() { row.place } else { around(cells.iter().map(|cell| cell.place)) };
    (number.pop().filter(|_| !cells.is_empty()), Row { cells, place })
}

/// Digits, or nothing but capitals: a word of a description has small letters.
fn looks_like_number(word: &str) -> bool {
    word.chars().any(|letter| letter.is_ascii_digit())
        || (word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase))
}

/// The number that a description begins with, behind the position of the line.
pub fn leading(description: &str) -> Option<String> {
    let mut words = description.split_whitespace();
    let word = words.find(|word| !(word.len() <= 4 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')))?;
    let word = word.trim_matches([',', ';', ':', '(', ')', '[', ']']);
    article::leads(word).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_in_the_languages_of_the_markets() {
        let length = |text: &str| {
            let folded: Vec<String> = text.split(' ').map(super::super::layout::bare).collect();
            header(&folded, 0)
        };
        for (text, expected) in [
            ("SKU", Some(1)),
            ("Item no.", Some(2)),
            ("Art.-Nr.", Some(1)),
            ("Artikel-Nr.", Some(1)),
            ("Art. Nr.", Some(2)),
            ("Réf.", Some(1)),
            ("Code article", Some(2)),
            ("品番", Some(1)),
            ("Item", None),
            ("Product", None),
            ("Artikel", None),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
        assert_eq!(header(&["tax".into(), "code".into()], 1), None);
    }

    #[test]
    fn a_description_may_begin_with_it() {
        assert_eq!(leading("1 WTR-BTL-32OZ Water bottle").as_deref(), Some("WTR-BTL-32OZ"));
        assert_eq!(leading("B08XYZ1234: bottle").as_deref(), Some("B08XYZ1234"));
        assert_eq!(leading("Water bottle WTR-BTL-32OZ"), None);
        assert_eq!(leading("32OZ bottle"), None);
    }
}
