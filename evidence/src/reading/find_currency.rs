//! The currency of a printed invoice: what stands beside its amounts, then what its seller's country suggests.

use std::collections::BTreeMap;

use shared_events::money::Currency;

use super::invoice::{Found, Place};
use super::layout::Row;

/// Signs and words; of signs that several countries use, the likeliest currency.
const SIGNS: &[(&str, &str)] = &[
    ("€", "EUR"),
    ("eur", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("£", "GBP"),
    ("gbp", "GBP"),
    ("us$", "USD"),
    ("usd", "USD"),
    ("ca$", "CAD"),
    ("c$", "CAD"),
    ("cad", "CAD"),
    ("a$", "AUD"),
    ("au$", "AUD"),
    ("aud", "AUD"),
    ("nz$", "NZD"),
    ("nzd", "NZD"),
    ("hk$", "HKD"),
    ("hkd", "HKD"),
    ("s$", "SGD"),
    ("sgd", "SGD"),
    ("r$", "BRL"),
    ("brl", "BRL"),
    ("mx$", "MXN"),
    ("mxn", "MXN"),
    ("$", "USD"),
    ("₹", "INR"),
    ("rs", "INR"),
    ("inr", "INR"),
    ("rupees", "INR"),
    ("¥", "JPY"),
    ("￥", "JPY"),
    ("円", "JPY"),
    ("jpy", "JPY"),
    ("cny", "CNY"),
    ("rmb", "CNY"),
    ("元", "CNY"),
    ("zł", "PLN"),
    ("zl", "PLN"),
    ("pln", "PLN"),
    ("chf", "CHF"),
    ("fr.", "CHF"),
    ("sek", "SEK"),
    ("nok", "NOK"),
    ("dkk", "DKK"),
    ("kr", "SEK"),
    ("kč", "CZK"),
    ("kc", "CZK"),
    ("czk", "CZK"),
    ("huf", "HUF"),
    ("ft", "HUF"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₩", "KRW"),
    ("aed", "AED"),
    ("zar", "ZAR"),
    ("lei", "RON"),
    ("ron", "RON"),
    ("thb", "THB"),
    ("ils", "ILS"),
    ("₪", "ILS"),
    ("sar", "SAR"),
    ("myr", "MYR"),
    ("idr", "IDR"),
    ("php", "PHP"),
];

/// Country codes before tax and bank numbers, and their currency.
const COUNTRIES: &[(&str, &str)] = &[
    ("DE", "EUR"),
    ("FR", "EUR"),
    ("NL", "EUR"),
    ("BE", "EUR"),
    ("IT", "EUR"),
    ("ES", "EUR"),
    ("AT", "EUR"),
    ("PT", "EUR"),
    ("IE", "EUR"),
    ("FI", "EUR"),
    ("LU", "EUR"),
    ("GB", "GBP"),
    ("PL", "PLN"),
    ("SE", "SEK"),
    ("DK", "DKK"),
    ("CZ", "CZK"),
    ("CH", "CHF"),
    ("HU", "HUF"),
    ("NO", "NOK"),
];

/// Weight and first place by code.
type Votes<'a> = BTreeMap<&'a str, (u32, Option<Place>)>;

/// Finds it.
pub fn find(rows: &[Row]) -> Option<Found<Currency>> {
    let mut votes: Votes = BTreeMap::new();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        for (at, word) in cell.words.iter().enumerate() {
            let Some((code, sign)) = of_word(&word.text) else { continue };
            let digit = |at: Option<usize>| {
                at.and_then(|at| cell.words.get(at))
                    .is_some_and(|word| word.text.contains(|letter: char| letter.is_ascii_digit()))
            };
            let beside = word.text.contains(|letter: char| letter.is_ascii_digit())
                || digit(at.checked_sub(1))
                || digit(Some(at + 1));
            // Letters that may be half a word count only beside a number; a code in capitals counts anywhere.
            let is_code = word.text.trim_matches(|letter: char| !letter.is_alphanumeric()) == code;
            let weight = match (beside, is_code || !sign.is_ascii()) {
                (true, true) => 6,
                (true, false) => 4,
                (false, true) => 2,
                (false, false) if matches!(sign, "$" | "us$" | "euro" | "euros") => 1,
                (false, false) => 0,
            };
            let vote = votes.entry(code).or_default();
            vote.0 += weight;
            vote.1 = vote.1.or((weight > 0).then(|| cell.place_of(at, at + 1)));
        }
        let text = cell.text().to_lowercase();
        if ["us dollars", "u.s. dollars", "us-dollar"].iter().any(|name| text.contains(name)) {
            votes.entry("USD").or_default().0 += 4;
        }
    }
    // A dollar or crown of another country says so somewhere, if only in the name of its tax.
    prefer(
        &mut votes,
        rows,
        "USD",
        &[("CAD", "hst"), ("AUD", "abn"), ("NZD", "nzbn"), ("HKD", ""), ("SGD", "uen"), ("MXN", "rfc")],
    );
    prefer(&mut votes, rows, "SEK", &[("NOK", "mva"), ("DKK", "cvr")]);
    prefer(&mut votes, rows, "JPY", &[("CNY", "")]);
    let best = votes.iter().filter(|(_, (weight, _))| *weight > 0).max_by_key(|(_, (weight, _))| *weight);
    if let Some((code, (weight, place))) = best {
        let all: u32 = votes.values().map(|(weight, _)| weight).sum();
        let share = u8::try_from(weight * 100 / all.max(1)).unwrap_or(100);
        return Some(Found { value: Currency::try_new(code).ok()?, confidence: share.clamp(40, 97), place: *place });
    }
    let code = country(rows)?;
    Some(Found { value: Currency::try_new(code).ok()?, confidence: 45, place: None })
}

/// Gives the votes of a sign that several countries share to the one whose code, or whose tax, is named.
fn prefer<'a>(votes: &mut Votes<'a>, rows: &[Row], general: &'a str, special: &[(&'a str, &str)]) {
    let Some(vote) = votes.get(general).copied() else { return };
    let word_named =
        |wanted: &str| rows.iter().flat_map(|row| &row.cells).any(|cell| cell.folded.iter().any(|word| word == wanted));
    // The general one by its own code is no shared sign.
    if word_named(&general.to_lowercase()) {
        return;
    }
    let by_code = special.iter().find(|(code, _)| votes.get(code).is_some_and(|(weight, _)| *weight >= 2));
    let by_tax = || special.iter().find(|(_, tax)| !tax.is_empty() && word_named(tax));
    if let Some((code, _)) = by_code.or_else(by_tax) {
        let own = votes.entry(code).or_default();
        own.0 += vote.0;
        own.1 = own.1.or(vote.1);
        votes.remove(general);
    }
}

/// The currency that a word names or carries: `EUR`, `€12`, `12,00€`, `Rs.`.
fn of_word(word: &str) -> Option<(&'static str, &'static str)> {
    let trimmed = word.trim_matches(|letter: char| {
        letter.is_ascii_digit()
            || matches!(letter, '.' | ',' | '-' | '(' | ')' | ':' | ';' | '\'' | '+' | '*' | '[' | ']')
    });
    if trimmed.is_empty() || trimmed.chars().count() > 6 {
        return None;
    }
    let lower = trimmed.to_lowercase();
    // "FT 2020/1" is a Portuguese invoice, "KR" part of a code.
    if matches!(lower.as_str(), "ft" | "kr" | "kc" | "zl" | "rs" | "lei") && trimmed.chars().all(char::is_uppercase) {
        return None;
    }
    let found = SIGNS.iter().find(|(sign, _)| lower == *sign)?;
    Some((found.1, found.0))
}

/// What tax and bank numbers tell of the seller's country, and then the names of taxes.
fn country(rows: &[Row]) -> Option<&'static str> {
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let by_number = cells().flat_map(|cell| &cell.words).find_map(|word| {
        let digits = word.text.chars().skip(2).filter(char::is_ascii_digit).count();
        COUNTRIES
            .iter()
            .find(|(code, _)| word.text.starts_with(code) && digits >= 7 && word.text.len() <= 34)
            .map(|(_, currency)| *currency)
    });
    let by_word = || {
        let has = |wanted: &[&str]| cells().any(|cell| cell.folded.iter().any(|word| wanted.contains(&word.as_str())));
        match () {
            () if has(&["gstin", "igst", "cgst", "rupees"]) => Some("INR"),
            () if has(&["mwst", "tva", "btw", "iva", "ust"]) => Some("EUR"),
            () => None,
        }
    };
    by_number.or_else(by_word).or_else(|| by_address(rows))
}

const STATES: &str = " AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA \
    RI SC SD TN TX UT VT VA WA WV WI WY ";

/// "MI 49417" is an address in the United States, "YO1 7HH" one in the United Kingdom.
fn by_address(rows: &[Row]) -> Option<&'static str> {
    let of_pair = |first: &str, second: &str| {
        let digits = second.bytes().take_while(u8::is_ascii_digit).count();
        let zip = digits == 5 && (second.len() == 5 || second.as_bytes()[5] == b'-');
        let inward = second.len() == 3 && digits == 1 && second.bytes().skip(1).all(|byte| byte.is_ascii_uppercase());
        let outward = (2..=4).contains(&first.len())
            && first.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && first.bytes().any(|byte| byte.is_ascii_digit())
            && first.starts_with(|letter: char| letter.is_ascii_uppercase());
        match () {
            () if zip && first.len() == 2 && STATES.contains(&format!(" {first} ")) => Some("USD"),
            () if inward && outward => Some("GBP"),
            () => None,
        }
    };
    let bare = |text: &'_ str| text.trim_end_matches([',', '.']).to_owned();
    rows.iter()
        .flat_map(|row| &row.cells)
        .find_map(|cell| cell.words.windows(2).find_map(|pair| of_pair(&bare(&pair[0].text), &bare(&pair[1].text))))
}
