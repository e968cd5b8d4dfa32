//! The comparison vector: everything that two records say about being one thing, as numbers with names.

use super::align::{Alignment, align};
use super::codes;
use super::prepare::{Passage, Prepared, Value};
use super::quantity::{Quantity, Unit};
use super::schema::{Kind, Schema};
use super::similarity as like;

/// What the main column and the whole text are called in names.
const MAIN: &str = "main text";
const WHOLE: &str = "whole text";

/// Takes the parts of a vector one by one.
pub trait Sheet {
    /// One comparison: what is compared, how, and the result; not a number when something is missing.
    fn put(&mut self, what: &str, how: &'static str, value: f32);
}

/// Only the numbers.
impl Sheet for Vec<f32> {
    fn put(&mut self, _: &str, _: &'static str, value: f32) {
        self.push(value);
    }
}

/// Only the names.
impl Sheet for Vec<String> {
    fn put(&mut self, what: &str, how: &'static str, _: f32) {
        self.push(format!("{what}: {how}"));
    }
}

/// The alignments that the vector was made from; other judges use them too.
#[derive(Debug, Default)]
pub struct Aligned {
    /// Of the main column.
    pub main: Alignment,
    /// Of the whole text.
    pub whole: Alignment,
}

/// Compares two records.
pub fn compare(schema: &Schema, left: &Prepared, right: &Prepared, sheet: &mut impl Sheet) -> Aligned {
    let aligned = Aligned { main: align(&left.main, &right.main), whole: align(&left.whole, &right.whole) };
    passages(MAIN, &left.main, &right.main, &aligned.main, sheet);
    passages(WHOLE, &left.whole, &right.whole, &aligned.whole, sheet);
    for ((column, l), r) in schema.columns.iter().zip(&left.values).zip(&right.values) {
        sheet.put(
            &column.name,
            "filled",
            f32::from(u8::from(!l.text.is_empty())) + f32::from(u8::from(!r.text.is_empty())),
        );
        match column.kind {
            Kind::Text => texts(&column.name, (l, left), (r, right), sheet),
            Kind::Number | Kind::Date => numbers(&column.name, l, r, sheet),
        }
    }
    aligned
}

/// The names of the parts, in their order.
#[must_use]
pub fn names(schema: &Schema) -> Vec<String> {
    let empty = Prepared { values: vec![Value::default(); schema.columns.len()], ..Prepared::default() };
    let mut names = Vec::new();
    compare(schema, &empty, &empty, &mut names);
    names
}

/// The part of a comparison that a name belongs to, for people: a column, or one side of a text.
#[must_use]
pub fn part(name: &str) -> &str {
    let (what, how) = name.split_once(": ").unwrap_or((name, ""));
    if what != MAIN && what != WHOLE {
        what
    } else if how.contains("code") {
        "codes"
    } else if ["number", "year", "measure"].iter().any(|word| how.contains(word)) {
        "numbers"
    } else if ["letter", "Jaro", "shorter"].iter().any(|word| how.contains(word)) {
        "spelling"
    } else {
        "words in common"
    }
}

fn passages(what: &str, left: &Passage, right: &Passage, aligned: &Alignment, sheet: &mut impl Sheet) {
    let both = left.weight + right.weight;
    let weight = |passage: &Passage| passage.tokens.iter().map(|token| token.weight).sum::<f32>();
    let (left_weight, right_weight) = (weight(left), weight(right));
    let share = |part: f32, whole: f32| if whole > 0.0 { part / whole } else { f32::NAN };
    let heaviest = |tokens: &[super::prepare::Token]| tokens.iter().map(|token| token.weight).fold(0.0, f32::max);
    let over = |tokens: &[super::prepare::Token]| tokens.iter().map(|token| token.weight).sum::<f32>();
    sheet.put(what, "equal", f32::from(u8::from(left.text == right.text)));
    sheet.put(what, "cosine of rare words", like::dot(&left.terms, &right.terms));
    sheet.put(what, "cosine of rare letter triples", like::dot(&left.triples, &right.triples));
    let mut common = 0.0;
    like::shared(&left.ids, &right.ids, |weight, _| common += weight);
    sheet.put(what, "share of words in common", share(common, both - common));
    sheet.put(what, "share of similar words", share(aligned.common, left_weight + right_weight - aligned.common));
    sheet.put(what, "left words found", share(aligned.common_left, left_weight));
    sheet.put(what, "right words found", share(aligned.common_right, right_weight));
    sheet.put(what, "weight in common", aligned.common);
    sheet.put(what, "rarest word in common", aligned.strongest);
    sheet.put(what, "words in common", (aligned.exact + aligned.similar) as f32);
    sheet.put(what, "similar words", aligned.similar as f32);
    sheet.put(what, "left words missing", aligned.left.len() as f32);
    sheet.put(what, "right words missing", aligned.right.len() as f32);
    sheet.put(what, "weight missing left", over(&aligned.left));
    sheet.put(what, "weight missing right", over(&aligned.right));
    sheet.put(what, "rarest word missing left", heaviest(&aligned.left));
    sheet.put(what, "rarest word missing right", heaviest(&aligned.right));
    sheet.put(what, "length left", left.tokens.len() as f32);
    sheet.put(what, "length right", right.tokens.len() as f32);
    sheet.put(what, "first word equal", f32::from(u8::from(first(left) == first(right))));
    sheet.put(what, "Jaro-Winkler", like::jaro_winkler(&left.text, &right.text));
    sheet.put(what, "letters in sorted words", like::indel(&left.sorted, &right.sorted));
    sheet.put(what, "shorter within longer", like::partial(&left.text, &right.text));
    sheet.put(what, "letters without spaces", like::levenshtein(&left.squashed, &right.squashed));
    codes::compare(what, left, right, sheet);
    amounts(what, &left.quantities, &right.quantities, sheet);
}

fn first(passage: &Passage) -> Option<u64> {
    passage.tokens.first().map(|token| token.id)
}

/// Numbers in a text, by what they count.
fn amounts(what: &str, left: &[Quantity], right: &[Quantity], sheet: &mut impl Sheet) {
    let of = |list: &[Quantity], wanted: fn(Unit) -> bool| {
        list.iter().filter(|q| wanted(q.unit)).copied().collect::<Vec<_>>()
    };
    let missing = |from: &[Quantity], list: &[Quantity]| from.iter().filter(|q| !list.contains(q)).count() as f32;
    for (how, kind) in [
        (["numbers", "numbers missing left", "numbers missing right"], (|unit| unit == Unit::Bare) as fn(Unit) -> bool),
        (["years", "years missing left", "years missing right"], |unit| unit == Unit::Year),
        (["measures", "measures missing left", "measures missing right"], |unit| matches!(unit, Unit::Known(_))),
    ] {
        let (l, r) = (of(left, kind), of(right, kind));
        let (over_left, over_right) = (missing(&l, &r), missing(&r, &l));
        let agreeing = l.len() as f32 - over_left;
        let state = match (l.is_empty(), r.is_empty()) {
            (true, true) => f32::NAN,
            (true, false) | (false, true) => 1.0,
            // From nothing in common (0, below what is unknown) to the same on both sides (2).
            (false, false) if agreeing == 0.0 => 0.0,
            (false, false) => 1.0 + agreeing / (agreeing + over_left + over_right),
        };
        sheet.put(what, how[0], state);
        sheet.put(what, how[1], over_left);
        sheet.put(what, how[2], over_right);
    }
    let contrary = left.iter().filter(|l| {
        let same = |r: &&Quantity| r.unit == l.unit && matches!(l.unit, Unit::Known(_));
        right.iter().any(|r| same(&r))
            && !right.iter().filter(same).any(|r| (r.value - l.value).abs() <= 0.02 * l.value.abs())
    });
    sheet.put(what, "measures that contradict", contrary.count() as f32);
}

fn texts(what: &str, (l, left): (&Value, &Prepared), (r, right): (&Value, &Prepared), sheet: &mut impl Sheet) {
    let missing = l.text.is_empty() || r.text.is_empty();
    let known = |value: f32| if missing { f32::NAN } else { value };
    sheet.put(what, "equal", known(f32::from(u8::from(l.text == r.text))));
    sheet.put(what, "Jaro-Winkler", known(like::jaro_winkler(&l.text, &r.text)));
    sheet.put(what, "Levenshtein", known(like::levenshtein(&l.text, &r.text)));
    let weight = |value: &Value| value.ids.iter().map(|(_, weight)| weight).sum::<f32>();
    let mut common = 0.0;
    like::shared(&l.ids, &r.ids, |weight, _| common += weight);
    sheet.put(
        what,
        "share of words in common",
        known(common / (weight(l) + weight(r) - common).max(f32::MIN_POSITIVE)),
    );
    sheet.put(what, "left words found", known(like::cover(&l.ids, &r.ids)));
    sheet.put(what, "right words found", known(like::cover(&r.ids, &l.ids)));
    sheet.put(what, "left words found anywhere", like::cover(&l.ids, &right.whole.ids));
    sheet.put(what, "right words found anywhere", like::cover(&r.ids, &left.whole.ids));
}

fn numbers(what: &str, l: &Value, r: &Value, sheet: &mut impl Sheet) {
    let both = l.number.zip(r.number);
    let of = |measure: fn(f64, f64) -> f64| both.map_or(f32::NAN, |(left, right)| measure(left, right) as f32);
    sheet.put(what, "equal", of(|left, right| f64::from(u8::from(left == right))));
    sheet.put(what, "relative difference", of(like::relative_difference));
    sheet.put(what, "difference", of(|left, right| (left - right).abs()));
    sheet.put(what, "ratio", of(|left, right| if left > 0.0 && right > 0.0 { (left / right).ln() } else { f64::NAN }));
    let missing = l.text.is_empty() || r.text.is_empty();
    sheet.put(what, "Levenshtein", if missing { f32::NAN } else { like::levenshtein(&l.text, &r.text) });
}
