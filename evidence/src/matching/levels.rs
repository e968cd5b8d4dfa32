//! Levels of agreement: each column of a pair in a few steps from missing to equal, which a person can read.

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::schema::{Kind, Schema};
use super::similarity as like;
use super::text::{self, Id};

/// How a column's levels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Short texts, by Jaro-Winkler .92 and .80.
    Letters,
    /// Long texts, by the share of words in common .8 and .4.
    Words,
    /// Numbers that are names, by Levenshtein .85 and .70.
    Digits,
    /// Numbers, by relative difference 1 % and 10 %; one digit off is the second.
    Number,
    /// Dates, by 3, 14 and 60 days; one digit off is the second.
    Date,
}

/// Nothing to compare.
pub const MISSING: u8 = 0;

/// Compared, and different.
pub const DIFFERENT: u8 = 1;

/// Equal. Levels between are nearly equal.
pub const EQUAL: u8 = 5;

/// One more than the highest level.
pub const LEVELS: usize = EQUAL as usize + 1;

/// What a level is called.
#[must_use]
pub fn name(level: u8) -> &'static str {
    ["missing", "different", "a little alike", "alike", "nearly equal", "equal"][usize::from(level.min(EQUAL))]
}

/// A value made ready.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// The folded text; empty when missing.
    pub text: String,
    /// The hash of the text.
    pub id: Id,
    /// The different ids of its tokens, sorted; only of long texts.
    pub words: Vec<(Id, f32)>,
    /// As a number or days.
    pub number: Option<f64>,
}

/// The styles of a schema's columns.
pub fn styles<'r>(schema: &Schema, records: impl Iterator<Item = &'r Record> + Clone) -> Vec<Style> {
    let style = |column: &super::schema::Column| match column.kind {
        Kind::Number => Style::Number,
        Kind::Date => Style::Date,
        Kind::Text => {
            let (mut filled, mut words, mut digits) = (0_usize, 0_usize, 0_usize);
            for value in records
                .clone()
                .map(|record| record.get(&column.name))
                .filter(|value| !value.trim().is_empty())
                .take(500)
            {
                filled += 1;
                words += value.split_whitespace().count();
                digits += usize::from(value.bytes().filter(u8::is_ascii_digit).count() * 2 > value.len());
            }
            if words > 4 * filled {
                Style::Words
            } else if digits * 2 > filled {
                Style::Digits
            } else {
                Style::Letters
            }
        }
    };
    schema.columns.iter().map(style).collect()
}

/// Makes a record's values ready.
#[must_use]
pub fn fields(schema: &Schema, styles: &[Style], record: &Record) -> Vec<Field> {
    let ready = |(column, style): (&super::schema::Column, &Style)| {
        let text = text::fold(record.get(&column.name));
        let number = match style {
            Style::Number => text::number(&text),
            Style::Date => text::date(&text).map(f64::from),
            Style::Letters | Style::Words | Style::Digits => None,
        };
        let mut words = Vec::new();
        if *style == Style::Words {
            words = text::tokens(&text).iter().map(|token| (text::id_of(token.as_bytes()), 1.0)).collect();
            words.sort_unstable_by_key(|(id, _)| *id);
            words.dedup_by_key(|(id, _)| *id);
        }
        Field { id: text::id_of(text.as_bytes()), text, words, number }
    };
    schema.columns.iter().zip(styles).map(ready).collect()
}

/// The levels of all columns of a pair.
#[must_use]
pub fn of(styles: &[Style], left: &[Field], right: &[Field]) -> Vec<u8> {
    styles.iter().zip(left.iter().zip(right)).map(|(style, (l, r))| level(*style, l, r)).collect()
}

/// The level of one column of a pair.
#[must_use]
pub fn level(style: Style, left: &Field, right: &Field) -> u8 {
    if left.text.is_empty() || right.text.is_empty() {
        return MISSING;
    }
    if left.id == right.id {
        return EQUAL;
    }
    let numbers = left.number.zip(right.number);
    match style {
        Style::Letters => steps(f64::from(like::jaro_winkler(&left.text, &right.text)), [(0.92, 4), (0.80, 3)]),
        Style::Digits => steps(f64::from(like::levenshtein(&left.text, &right.text)), [(0.85, 4), (0.70, 3)]),
        Style::Words => {
            let common = f64::from(like::dot(&left.words, &right.words));
            let all = (left.words.len() + right.words.len()) as f64 - common;
            steps(common / all.max(1.0), [(0.8, 4), (0.4, 3)])
        }
        Style::Number => {
            let near =
                numbers.map_or(DIFFERENT, |(l, r)| steps(-like::relative_difference(l, r), [(-0.01, 4), (-0.1, 3)]));
            near.max(if like::one_letter_off(&left.text, &right.text) { 3 } else { DIFFERENT })
        }
        Style::Date => {
            let days = numbers.map_or(f64::INFINITY, |(l, r)| (l - r).abs());
            let near = steps(-days, [(-3.0, 4), (-14.0, 3)]).max(if days <= 60.0 { 2 } else { DIFFERENT });
            near.max(if like::levenshtein(&left.text, &right.text) >= 0.75 { 3 } else { DIFFERENT })
        }
    }
}

fn steps(value: f64, steps: [(f64, u8); 2]) -> u8 {
    steps.into_iter().find(|(bound, _)| value >= *bound).map_or(DIFFERENT, |(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(style: Style, left: &str, right: &str) -> u8 {
        let kind = match style {
            Style::Number => Kind::Number,
            Style::Date => Kind::Date,
            _ => Kind::Text,
        };
        let schema = Schema { columns: vec![super::super::schema::Column { name: "it".into(), kind }], main: None };
        let ready = |value: &str| fields(&schema, &[style], &[("it", value)].into_iter().collect()).remove(0);
        level(style, &ready(left), &ready(right))
    }

    #[test]
    fn each_style_has_its_steps() {
        for (style, left, right, expected) in [
            (Style::Letters, "Martha", "martha", EQUAL),
            (Style::Letters, "martha", "marhta", 4),
            (Style::Letters, "dixon", "dickson", 3),
            (Style::Letters, "martha", "xu", DIFFERENT),
            (Style::Letters, "martha", "", MISSING),
            (Style::Digits, "6988048", "6988084", 3),
            (Style::Words, "a blue bottle of water", "blue bottle of water", 4),
            (Style::Number, "100", "101", 4),
            (Style::Number, "100", "109", 3),
            (Style::Number, "100", "300", 3),
            (Style::Number, "100", "222", DIFFERENT),
            (Style::Date, "2025-01-01", "2025-01-04", 4),
            (Style::Date, "2025-01-01", "2025-02-28", 2),
        ] {
            assert_eq!(of(style, left, right), expected, "{left} {right}");
        }
    }
}
