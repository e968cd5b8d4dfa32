//! The number of a printed invoice: the token beside the most telling label.

use super::amount_text::{self, Mark};
use super::date_text::dates;
use super::invoice::{Found, Place};
use super::layout::Row;
use super::near::{How, Near, of};
use super::vocabulary::{Match, words};

struct Candidate {
    text: String,
    place: Place,
    score: i32,
}

/// Finds it.
pub fn find(rows: &[Row]) -> Option<Found<String>> {
    let mut best: Option<Candidate> = None;
    for (at, row) in rows.iter().enumerate() {
        for cell in 0..row.cells.len() {
            for candidate in beside_labels(rows, at, cell) {
                if best.as_ref().is_none_or(|best| candidate.score > best.score) {
                    best = Some(candidate);
                }
            }
        }
    }
    let best = best?;
    let confidence = match best.score {
        100.. => 96,
        80.. => 90,
        60.. => 75,
        40.. => 60,
        _ => 40,
    };
    Some(Found { value: best.text, confidence, place: Some(best.place) })
}

fn beside_labels(rows: &[Row], row: usize, cell: usize) -> Vec<Candidate> {
    let here = &rows[row].cells[cell];
    let mut found = vec![];
    // Every label of the cell, as headers of a table may have run into one cell.
    for (phrase, weight) in words().number.iter() {
        let mut start = 0;
        while let Some((from, to)) = here.find(phrase, start) {
            start = to;
            if weight < 50 && !may_be_weak(&here.folded, from, to) {
                continue;
            }
            for near in of(rows, row, cell, Match { from, to, weight }) {
                let nearness = match near.how {
                    How::Behind => 9,
                    How::Right => 6,
                    How::Below => 3,
                };
                // "Invoice" alone announces a number in the same breath, or one that stands alone below.
                let title_above = weight < 50 && near.how == How::Below && weight > 22 && !phrase.contains(' ');
                if title_above && (here.words.len() > 1 || near.to - near.from > 1) {
                    continue;
                }
                let Some((text, place)) = value_in(&near) else { continue };
                let longer = i32::try_from(phrase.len().min(20)).unwrap_or(0) / 4;
                let first_page = if place.page == 1 { 4 } else { 0 };
                let digits = text.chars().filter(char::is_ascii_digit).count();
                let short = if digits < 3 { -6 } else { 0 };
                found.push(Candidate { text, place, score: weight + nearness + longer + first_page + short });
                break;
            }
        }
    }
    found
}

/// A word such as "No" or "Invoice" is a label only at the beginning of its cell, or behind "tax" and the like.
fn may_be_weak(folded: &[String], from: usize, to: usize) -> bool {
    let others = [
        "tel", "fax", "phone", "vat", "account", "customer", "kunden", "iban", "tax", "siret", "ust", "po", "order",
        "page", "seite",
    ];
    let before = folded[..from].iter().any(|word| others.iter().any(|other| word.starts_with(other)));
    from <= 2 && to - from <= 3 && !before
}

/// The first words that can be a number, together with what belongs to it on either side.
fn value_in(near: &Near) -> Option<(String, Place)> {
    let cell = near.cell;
    let mut at = near.from;
    // Fillers, and a short prefix in capitals, may stand before it.
    let mut prefix = None;
    while at < near.to && !is_value(&cell.words[at].text) {
        let (word, folded) = (&cell.words[at].text, cell.folded[at].as_str());
        let filler = matches!(
            folded,
            "" | "elettronica"
                | "electronica"
                | "serial"
                | "code"
                | "#"
                | "no"
                | "nr"
                | "n°"
                | "number"
                | "is"
                | "num"
                | "numero"
                | "nummer"
                | "ref"
                | "id"
                | "vat"
                | "№"
                | "of"
        );
        let capitals = word.len() <= 4 && word.chars().all(|letter| letter.is_ascii_uppercase());
        if !filler && !capitals {
            return None;
        }
        prefix = (capitals && !filler).then_some(at);
        at += 1;
    }
    if at >= near.to || at > near.from + 3 {
        return None;
    }
    let text = cell.part(near.from, near.to);
    let own = cell.part(near.from, at).len() + usize::from(at > near.from);
    if dates(&text, false).iter().any(|day| day.from <= own && own < day.to) {
        return None;
    }
    let from = prefix.unwrap_or(at);
    let mut to = at + 1;
    // 7712 3345 0912 is one number when nothing else stands there.
    let group = |word: &str| word.len() <= 5 && word.chars().all(|letter| letter.is_ascii_digit());
    if near.to - at <= 5
        && cell.words[at].text.len() >= 3
        && cell.words[at..near.to].iter().all(|word| group(&word.text))
    {
        to = near.to;
    }
    // 2020 / 15 and 2020 - 15 are one number.
    while to + 1 < near.to && matches!(cell.words[to].text.as_str(), "/" | "-") && is_value(&cell.words[to + 1].text) {
        to += 2;
    }
    let clean = |letter: char| matches!(letter, ':' | '.' | ',' | ';' | '#' | '(' | ')' | '*' | '"' | '\'');
    let value = cell.part(from, to).trim_matches(clean).to_owned();
    (!value.is_empty()).then(|| (value, cell.place_of(from, to)))
}

fn is_value(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| matches!(letter, ':' | '.' | ',' | ';' | '#' | '(' | ')' | '*' | '"'));
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word
        .chars()
        .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '/' | '_' | '.' | '#' | '|' | '\\'));
    let marked = word.contains(['.', ',', '€', '$', '£', '₹']);
    let is_amount = marked && amount_text::numbers(word, Mark::Unknown).iter().any(|number| number.is_money());
    digits >= 1
        && letters
        && !is_amount
        && (2..=40).contains(&word.chars().count())
        && dates(word, false).is_empty()
        && !word.ends_with('%')
}
