//! The date of a printed invoice: of all dates in it, the one whose label says so.

use super::date_text::{WrittenDay, dates, plausible};
use super::invoice::{Day, Found, Place};
use super::layout::{Row, overlap};
use super::vocabulary::words;

/// Finds it; `month_first` is the custom of the document's country.
pub fn find(rows: &[Row], month_first: bool) -> Option<Found<Day>> {
    let order = proven_order(rows);
    let mut best: Option<(i32, Found<Day>)> = None;
    let mut seen = 0;
    for (row, line) in rows.iter().enumerate() {
        for (index, cell) in line.cells.iter().enumerate() {
            let text = cell.text();
            for written in dates(&text, order.unwrap_or(month_first)) {
                if !plausible(written.day.date) {
                    continue;
                }
                let (from, to) = cell.words_at(written.from, written.to);
                let place = cell.place_of(from, to);
                // Dates further down are less and less likely.
                let score =
                    label_score(rows, row, index, from, place) - seen.min(10) * 2 - if place.page > 1 { 10 } else { 0 };
                seen += 1;
                let day = if order.is_some() { Day { or: None, ..written.day } } else { written.day };
                let sure = match score {
                    80.. => 95,
                    50.. => 85,
                    20.. => 65,
                    _ => 40,
                };
                let confidence = if day.or.is_some() { sure.min(50) } else { sure };
                if best.as_ref().is_none_or(|(most, _)| score > *most) {
                    best = Some((score, Found { value: day, confidence, place: Some(place) }));
                }
            }
        }
    }
    best.map(|(_, found)| found)
}

/// What the words before, left of and above the date say of it.
fn label_score(rows: &[Row], row: usize, index: usize, word: usize, place: Place) -> i32 {
    let line = &rows[row];
    let cell = &line.cells[index];
    // Behind the last other date of the cell: "invoice date 1.2.2025 due 1.3.2025".
    let own = &cell.folded[..word];
    let last_date =
        own.iter().rposition(|word| word.chars().filter(char::is_ascii_digit).count() >= 4).map_or(0, |at| at + 1);
    let before = &own[last_date..];
    // "Weimar, den 17.06.2022" at the head of a letter.
    let place_and_date = word > 0
        && word <= 3
        && cell.words.len() <= word + 3
        && cell.words[..word].iter().any(|word| word.text.ends_with(','));
    if place_and_date && !before.is_empty() && words().other_date.best_in(before).is_none() {
        return 70;
    }
    if let Some(score) = meaning(before, true) {
        // A short word deep in a sentence says little.
        return if score < 60 && score > 0 && before.len() > 4 { score / 2 } else { score };
    }
    if let Some(left) = index.checked_sub(1).map(|left| &line.cells[left]).filter(|_| before.len() <= 1) {
        let has_date = !dates(&left.text(), false).is_empty();
        if let Some(score) = meaning(&left.folded, false).filter(|_| !has_date) {
            return score;
        }
    }
    let height = (place.bottom - place.top).max(600);
    for above in rows[..row].iter().rev().take(4) {
        if above.place.page != place.page || place.top.saturating_sub(above.place.bottom) > height.saturating_mul(3) {
            break;
        }
        for label in above
            .cells
            .iter()
            .filter(|label| overlap(label.place, place) > 0 || (label.place.left - place.left).abs() < height)
        {
            // Of headers that ran into one cell only the words above the date.
            let words: Vec<String> = label
                .words
                .iter()
                .zip(&label.folded)
                .filter(|(word, _)| overlap(word.place, place) > -height * 3)
                .map(|(_, folded)| folded.clone())
                .collect();
            if let Some(score) = meaning(&words, false) {
                return score - 3;
            }
        }
    }
    0
}

/// The weight of the label among these words; negative when it is about another date.
fn meaning(folded: &[String], near_end: bool) -> Option<i32> {
    let from = if near_end { folded.len().saturating_sub(5) } else { 0 };
    let folded = &folded[from..];
    let date = words().date.best_in(folded);
    let other = words().other_date.best_in(folded);
    match (date, other) {
        (Some(date), Some(other)) if date.weight >= 85 && date.weight >= other.weight => Some(date.weight),
        (_, Some(other)) => Some(-other.weight),
        (Some(date), None) => Some(date.weight),
        (None, None) => None,
    }
}

/// Whether another date of the document shows which number is the month: some day is greater than 12.
fn proven_order(rows: &[Row]) -> Option<bool> {
    let (mut day_first, mut month_first) = (false, false);
    for text in rows.iter().flat_map(|row| &row.cells).map(super::layout::Cell::text) {
        for WrittenDay { from, to, .. } in dates(&text, false) {
            let parts: Vec<&str> = text[from..to].split(['/', '-']).map(str::trim).collect();
            if let [first, second, _] = parts[..] {
                let number = |part: &str| part.parse::<u32>().ok().filter(|_| part.len() <= 2);
                day_first |= number(first).is_some_and(|number| number > 12);
                month_first |= number(first).is_some() && number(second).is_some_and(|number| number > 12);
            }
        }
    }
    if day_first == month_first { None } else { Some(month_first) }
}
