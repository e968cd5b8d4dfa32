//! Lines whose figures follow the description as running text: `WTR-BTL-32OZ 5 x 49.16 = 245.80`, with or without the headers of a table.

use super::amount_text::{Mark, Written, numbers};
use super::decimal::Decimal;
use super::words::Word;

/// Words between the figures: signs, units and what names a figure, folded.
const BETWEEN: &str = "x × * @ = à a pcs pc ea each stk stuck st units unit qty quantity menge anzahl qte quantite cantidad quantita aantal \
     ilosc price einzelpreis preis prix precio prezzo prijs cena total amount gesamt betrag montant importe importo kwota usd eur gbp cad aud \
     chf pln sek jpy";
const TIMES: &str = "x × * @ à";
const QUANTITY: &str = "qty quantity menge anzahl qte quantite cantidad quantita aantal ilosc 数量";

/// What follows a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// How many words are the description.
    pub words: usize,
    /// The numbers behind it, each with the index of its word.
    pub numbers: Vec<(Written, usize)>,
    /// Quantity, price and amount, if the figures say by themselves which is which.
    pub product: Option<(Decimal, Decimal, Decimal)>,
}

/// The figures at the end of a run of words, if there are at least two and an amount among them.
pub fn figures(words: &[Word], folded: &[String], mark: Mark) -> Option<Figures> {
    let known = |list: &str, at: usize| {
        let word = folded.get(at).map_or("", String::as_str);
        let raw = words[at].text.to_lowercase();
        list.split_whitespace().any(|known| known == word || known == raw)
    };
    let mut from = words.len();
    let mut found = vec![];
    while from > 0 {
        if let Some(number) = number(&words[from - 1].text, mark) {
            found.push((number, from - 1));
        } else if !known(BETWEEN, from - 1) {
            break;
        }
        from -= 1;
    }
    found.reverse();
    let described = words[..from].iter().any(|word| word.text.chars().any(char::is_alphabetic));
    if found.len() < 2 || !described || !found.iter().any(|(number, _)| number.is_money()) {
        return None;
    }
    let multiplied = (from..words.len()).any(|at| known(TIMES, at) || words[at].text.ends_with(['x', '×']));
    let labelled = found[0].1 > 0 && known(QUANTITY, found[0].1 - 1);
    let figures = found.iter().map(|(number, _)| number).filter(|number| !number.percent);
    let values: Vec<Decimal> = figures.clone().map(|number| number.value).collect();
    let whole = figures.clone().next().is_some_and(|number| number.decimals == 0 && !number.has_currency);
    let product = match values[..] {
        [quantity, price, amount] if whole && quantity.times(price) == Some(amount) => Some((quantity, price, amount)),
        [quantity, price] if whole && (multiplied || labelled) => {
            quantity.times(price).map(|amount| (quantity, price, amount))
        }
        _ => None,
    };
    Some(Figures { words: from, numbers: found, product })
}

/// The number that a word is: nothing but digits, marks, a currency and a sign of multiplication.
fn number(word: &str, mark: Mark) -> Option<Written> {
    let bare = word.trim_matches(['x', '×', '@', '=', ':', ';']);
    let letters = bare.chars().filter(|letter| letter.is_alphabetic()).count();
    let mut inside = numbers(bare, mark);
    let only = inside.pop().filter(|_| inside.is_empty() && letters <= 3)?;
    let length = bare.chars().filter(char::is_ascii_digit).count();
    (length <= 12).then_some(only)
}

#[cfg(test)]
mod tests {
    use super::super::invoice::Place;
    use super::super::layout::bare;
    use super::*;

    fn read(text: &str) -> Option<(usize, usize, Option<String>)> {
        let place = Place { page: 1, left: 0, top: 0, right: 1, bottom: 1 };
        let words: Vec<Word> = text.split(' ').map(|text| Word { text: text.into(), place, confidence: 100 }).collect();
        let folded: Vec<String> = words.iter().map(|word| bare(&word.text)).collect();
        let figures = figures(&words, &folded, Mark::Point)?;
        let product = figures.product.map(|(quantity, price, amount)| format!("{quantity} x {price} = {amount}"));
        Some((figures.words, figures.numbers.len(), product))
    }

    #[test]
    fn figures_behind_a_description_are_told_apart() {
        let product = |text: &str| Some(text.to_owned());
        assert_eq!(read("WTR-BTL-32OZ 5 x 49.16 = 245.80"), Some((1, 3, product("5 x 49.16 = 245.80"))));
        assert_eq!(read("WTR-BTL-32OZ 999 x 49.16"), Some((1, 2, product("999 x 49.16 = 49110.84"))));
        assert_eq!(read("Bottle Qty: 5 Price: $49.16"), Some((1, 2, product("5 x 49.16 = 245.80"))));
        assert_eq!(read("Water bottle 5 49.16 245.80"), Some((2, 3, product("5 x 49.16 = 245.80"))));
        assert_eq!(read("Water bottle 5 49.16 245.90"), Some((2, 3, None)), "nothing says which is which");
        assert_eq!(read("Invoice 2025 of 20 January"), None);
        assert_eq!(read("Total 5 49.16 245.80"), None);
        assert_eq!(read("Bottle 5 7"), None);
    }
}
