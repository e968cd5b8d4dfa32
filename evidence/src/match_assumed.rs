//! What each field is worth before a tenant has data of its own: assumed, not measured, and told so. It explains decisions in bits and
//! orders what the rules hold equal; it opens no gate.

use std::sync::LazyLock;

use crate::match_records::COLUMNS;
use crate::matching::fellegi_sunter::{Assumed, FellegiSunter};
use crate::matching::levels::{LEVELS, Style};
use crate::matching::schema::{Column, Kind};

/// Share of matches among candidates.
const PRIOR: f64 = 0.05;

/// The assumed model.
pub static ASSUMED: LazyLock<FellegiSunter> = LazyLock::new(|| {
    let columns = COLUMNS.into_iter().zip(FIELDS).map(|(name, (style, of_matches, of_others))| {
        let kind = match style {
            Style::Number => Kind::Number,
            Style::Date => Kind::Date,
            Style::Letters | Style::Words | Style::Digits => Kind::Text,
        };
        (Column { name: name.to_owned(), kind }, Assumed { style, of_matches, of_others })
    });
    FellegiSunter::assumed(columns.collect(), PRIOR)
});

/// How the levels of each column are found.
pub const STYLES: [Style; COLUMNS.len()] = {
    let mut styles = [Style::Letters; COLUMNS.len()];
    let mut at = 0;
    while at < styles.len() {
        styles[at] = FIELDS[at].0;
        at += 1;
    }
    styles
};

/// For each column: its style, and per hundred pairs how many have each level (missing, different, a little alike, alike, nearly equal,
/// equal), among matches and among others. Numbers that name something hardly ever agree by accident; quantities often do.
const FIELDS: [(Style, [f64; LEVELS], [f64; LEVELS]); COLUMNS.len()] = [
    // Most suppliers do not know the marketplace's number of the order.
    (Style::Digits, [0.0, 35.0, 1.0, 2.0, 4.0, 58.0], [0.0, 99.1, 0.3, 0.3, 0.2, 0.1]),
    (Style::Digits, [0.0, 15.0, 2.0, 5.0, 8.0, 70.0], [0.0, 96.0, 1.5, 1.2, 0.8, 0.5]),
    (Style::Digits, [0.0, 20.0, 2.0, 3.0, 5.0, 70.0], [0.0, 98.0, 0.8, 0.5, 0.4, 0.3]),
    (Style::Words, [0.0, 20.0, 10.0, 35.0, 20.0, 15.0], [0.0, 93.0, 3.0, 3.0, 0.6, 0.4]),
    (Style::Number, [0.0, 8.0, 1.0, 2.0, 2.0, 87.0], [0.0, 75.0, 1.0, 8.0, 2.0, 14.0]),
    (Style::Number, [0.0, 25.0, 1.0, 12.0, 24.0, 38.0], [0.0, 92.5, 0.5, 5.5, 1.0, 0.5]),
    (Style::Letters, [0.0, 3.0, 0.1, 0.1, 0.1, 96.7], [0.0, 30.0, 0.1, 0.1, 0.1, 69.7]),
    (Style::Letters, [0.0, 8.0, 1.0, 5.0, 14.0, 72.0], [0.0, 93.0, 1.0, 4.0, 1.0, 1.0]),
    (Style::Date, [0.0, 5.0, 25.0, 30.0, 25.0, 15.0], [0.0, 62.0, 20.0, 11.0, 5.0, 2.0]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::record::Record;

    fn bits(column: &str, ours: &str, theirs: &str) -> f64 {
        let ready = |value: &str| ASSUMED.ready(&[(column, value)].into_iter().collect::<Record>());
        let judged = ASSUMED.judge(&ready(ours), &ready(theirs));
        judged.fields.iter().find(|evidence| evidence.field == column).unwrap().bits
    }

    #[test]
    fn names_say_much_quantities_little_and_what_is_missing_nothing() {
        assert!(bits("order", "112-1234567-1234567", "112-1234567-1234567") > 9.0);
        assert!(bits("order", "112-1234567-1234567", "4711") < -1.0);
        assert!((2.0..3.0).contains(&bits("quantity", "5", "5")) && bits("quantity", "5", "999") < -3.0);
        assert!(bits("supplier", "acme supplies", "acme suplies") > 3.0);
        assert!(bits("currency", "USD", "USD") < 1.0 && bits("currency", "USD", "EUR") < -3.0);
        assert_eq!(bits("sku", "WTR-BTL-32OZ", ""), 0.0);
        for column in COLUMNS {
            assert_eq!(bits(column, "", ""), 0.0, "{column}");
        }
    }
}
