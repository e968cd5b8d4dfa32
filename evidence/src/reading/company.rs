//! Names of companies within text: words before a legal form, and what is no name.

use super::layout::{Cell, bare, fold};
use super::vocabulary::words;

/// Names that end in a legal form: word ranges of the cell.
pub fn companies(cell: &Cell) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = vec![];
    for at in 1..cell.words.len() {
        if !is_legal_form(cell, at) || found.last().is_some_and(|(_, to)| at < *to) {
            continue;
        }
        let mut from = at;
        while from > 0 && at - from < 6 && belongs_to_name(cell, from - 1, at) {
            from -= 1;
        }
        // Not "sold by Foo Ltd", not "and Foo Ltd".
        for phrases in [&words().seller, &words().buyer] {
            let label = phrases.best_in(&cell.folded[from..at]).filter(|label| label.from == 0);
            from += label.map_or(0, |label| label.to);
        }
        while from < at && is_small(&cell.folded[from]) {
            from += 1;
        }
        let mut to = at + 1;
        while to < cell.words.len()
            && (is_legal_form(cell, to) || matches!(cell.words[to].text.as_str(), "&" | "z" | "o.o." | "Co."))
            && !cell.words[to - 1].text.ends_with(',')
        {
            to += 1;
        }
        if from < at {
            found.push((from, to));
        }
    }
    found
}

fn is_legal_form(cell: &Cell, at: usize) -> bool {
    let written = &cell.words[at].text;
    let folded = cell.folded[at].trim_end_matches('.');
    if !words().legal_forms.has(folded) {
        return false;
    }
    // "as", "se" and "co" are words too, "kg" is a weight.
    let letters: Vec<char> = written.chars().filter(|letter| letter.is_alphabetic()).collect();
    let capital = letters.first().is_some_and(|letter| letter.is_uppercase() || !letter.is_ascii());
    let all_capital = letters.iter().all(|letter| letter.is_uppercase());
    let risky = matches!(
        folded,
        "as" | "se"
            | "kg"
            | "sa"
            | "ag"
            | "sl"
            | "sp"
            | "ab"
            | "lp"
            | "ek"
            | "ev"
            | "nv"
            | "bv"
            | "ug"
            | "sc"
            | "kk"
            | "spa"
            | "plc"
            | "oy"
    );
    let numbered = at > 0 && cell.words[at - 1].text.ends_with(|letter: char| letter.is_ascii_digit());
    capital && (!risky || all_capital || folded == "spa") && !(risky && numbered)
}

fn belongs_to_name(cell: &Cell, at: usize, form: usize) -> bool {
    let written = &cell.words[at].text;
    // A comma or colon ends what stood before, but "Foo, Inc." is one name.
    if written.ends_with([':', ';', '|', '•', '·', '.']) && !(written.ends_with('.') && written.chars().count() <= 5)
    {
        return false;
    }
    if written.ends_with(',') && at + 1 != form {
        return false;
    }
    if matches!(written.as_str(), "-" | "–" | "—" | "|" | "·" | "•" | "/" | "*" | "©" | ",") {
        return false;
    }
    let first = written.chars().find(|letter| letter.is_alphanumeric());
    let starts_large =
        first.is_some_and(|letter| letter.is_uppercase() || letter.is_ascii_digit() || !letter.is_ascii());
    let camel = written.chars().any(char::is_uppercase) || written.contains('.') && !written.ends_with('.');
    let label = words().seller.has(&cell.folded[at]) || words().buyer.has(&cell.folded[at]);
    let year = first.is_some_and(|letter| letter.is_ascii_digit()) && written.chars().count() >= 4;
    (starts_large || camel || is_small(&cell.folded[at])) && !label && !year
}

fn is_small(folded: &str) -> bool {
    matches!(
        folded,
        "&" | "of"
            | "and"
            | "de"
            | "du"
            | "des"
            | "la"
            | "le"
            | "et"
            | "von"
            | "und"
            | "y"
            | "e"
            | "the"
            | "+"
            | "i"
            | "do"
            | "da"
            | "di"
            | "van"
            | "der"
            | "en"
            | ""
    )
}

/// Words of titles rather than of names.
pub fn is_title(folded: &str) -> bool {
    matches!(
        folded,
        "invoice"
            | "rechnung"
            | "facture"
            | "factuur"
            | "factura"
            | "fattura"
            | "fatura"
            | "faktura"
            | "receipt"
            | "tax"
            | "original"
            | "copy"
            | "page"
            | "seite"
            | "bill"
            | "statement"
            | "quittung"
            | "gutschrift"
            | "credit"
            | "note"
            | "commercial"
            | "proforma"
            | "duplicate"
            | "vat"
            | "請求書"
            | "payment"
            | "kopie"
            | "copie"
            | "duplicata"
            | "1"
            | "1/1"
            | "of"
    )
}

/// A name without the punctuation around it.
pub fn tidy(name: &str) -> String {
    let name = name.trim().trim_matches(|letter: char| {
        matches!(letter, ',' | ':' | ';' | '|' | '-' | '–' | '·' | '*' | '•' | '"' | '“' | '”' | '©')
    });
    name.trim().to_owned()
}

/// Letters, not too many, and no title.
pub fn is_name(name: &str) -> bool {
    const COUNTRIES: &str = "|united states|usa|united kingdom|germany|deutschland|france|nederland|netherlands|belgie|espana|italia|italy|india|canada|polska|osterreich|schweiz|portugal|";
    let words_of_it: Vec<String> = name.split_whitespace().map(bare).collect();
    // "Mrs J Smith" is a person, and then the buyer.
    const PERSONS: &str = "|mr|mrs|ms|dr|herr|herrn|frau|mevr|dhr|mme|mlle|monsieur|madame|sig|egr|sra|sr|dott|m|attn|";
    if words_of_it.len() > 1 && PERSONS.contains(&format!("|{}|", words_of_it[0])) {
        return false;
    }
    let label = [&words().seller, &words().buyer].iter().any(|phrases| phrases.has(&words_of_it.join(" ")));
    if label || COUNTRIES.contains(&format!("|{}|", words_of_it.join(" "))) {
        return false;
    }
    let letters = name.chars().filter(|letter| letter.is_alphabetic()).count();
    letters >= 2 && (2..=80).contains(&name.chars().count()) && !is_title(&fold(name)) && !name.contains("://")
}
