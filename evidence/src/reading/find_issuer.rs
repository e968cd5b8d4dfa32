//! The seller of a printed invoice: a name behind "sold by", one with a legal form, the sender's line of a letter, the name in
//! its own web address, or what stands large at the top.

use super::buyer::{self, BuyerParts};
use super::company::{companies, is_name, is_title, tidy};
use super::invoice::{Found, Place};
use super::layout::{Cell, Row};
use super::near::{How, of};
use super::vocabulary::words;
use super::{names, web_names};

struct Candidate {
    name: String,
    place: Place,
    score: i32,
}

/// Finds it.
pub fn find(rows: &[Row]) -> Option<Found<String>> {
    let buyers = buyer::find(rows);
    let mut found = vec![];
    let (page_top, page_bottom) = first_page(rows)?;
    for (at, row) in rows.iter().enumerate() {
        for (index, cell) in row.cells.iter().enumerate() {
            let mut add = |from: usize, to: usize, score: i32| {
                let name = tidy(&cell.part(from, to));
                let penalty = if buyers.has(at, index, from) { 75 } else { 0 };
                if is_name(&name) {
                    found.push(Candidate { name, place: cell.place_of(from, to), score: score - penalty });
                }
            };
            for (from, to) in companies(cell) {
                add(from, to, 70);
            }
            if let Some((to, score)) = sender_line(cell) {
                add(0, to, score);
            }
        }
        behind_seller_labels(rows, at, &buyers, &mut found);
    }
    let webs = web_names::find(rows, &buyers);
    found.extend(at_the_top(rows, &buyers).into_iter().map(|(name, place, score)| Candidate { name, place, score }));
    found.extend(webs.spelled(rows, &buyers).into_iter().map(|(name, place)| Candidate { name, place, score: 62 }));
    let keys: Vec<String> = found.iter().map(|candidate| names::key(&candidate.name)).collect();
    for (candidate, key) in found.iter_mut().zip(&keys) {
        let times = keys.iter().filter(|other| *other == key).count();
        candidate.score += i32::try_from(times.min(4)).unwrap_or(0) * 4;
        candidate.score += webs.agreement(key);
        if candidate.place.page == 1 {
            let height = (page_bottom - page_top).max(1);
            let down = (candidate.place.top - page_top).saturating_mul(100) / height;
            candidate.score += match down {
                ..=12 => 16,
                13..=25 => 10,
                85.. => 6,
                _ => 0,
            };
        }
    }
    let best = found.into_iter().reduce(|best, next| if next.score > best.score { next } else { best });
    // Nothing but a line near the top: a web address that is repeated says more.
    let weak = best.as_ref().is_none_or(|best| best.score < 62);
    if let Some((name, place)) = webs.first().filter(|_| weak && webs.is_repeated()) {
        return Some(Found { value: name, confidence: 45, place: Some(place) });
    }
    if let Some(best) = best.filter(|best| best.score > 20) {
        let confidence = u8::try_from((best.score * 3 / 4).clamp(30, 95)).unwrap_or(30);
        return Some(Found { value: best.name, confidence, place: Some(best.place) });
    }
    let (name, place) = webs.first()?;
    Some(Found { value: name, confidence: 30, place: Some(place) })
}

fn first_page(rows: &[Row]) -> Option<(i32, i32)> {
    let places = || rows.iter().map(|row| row.place).filter(|place| place.page == 1);
    Some((places().map(|place| place.top).min()?, places().map(|place| place.bottom).max()?))
}

/// "Name - Street 1 - 12345 Town" above the receiver's address: the words of the name.
fn sender_line(cell: &Cell) -> Option<(usize, i32)> {
    let separates = |word: &str| matches!(word, "-" | "–" | "|" | "·" | "•" | "*" | "/" | "●" | "▪");
    let cuts: Vec<usize> =
        cell.words.iter().enumerate().filter(|(_, word)| separates(&word.text)).map(|(at, _)| at).collect();
    // Small print may use commas.
    let commas = || {
        let all = cell.words.iter().enumerate().filter(|(_, word)| word.text.ends_with(','));
        all.map(|(at, _)| at + 1).collect::<Vec<_>>()
    };
    let small = cell.words[0].place.bottom - cell.words[0].place.top < 900;
    let (cuts, score) = if cuts.len() < 2 && small { (commas(), 68) } else { (cuts, 80) };
    let first = *cuts.first().filter(|_| cuts.len() >= 2)?;
    let post_code = cell.words.iter().any(|word| {
        let digits = word.text.trim_start_matches(|letter: char| letter.is_ascii_uppercase() || letter == '-');
        word.text.len() - digits.len() <= 3
            && (4..=5).contains(&digits.len())
            && digits.chars().all(|letter| letter.is_ascii_digit())
    });
    let numbered = cell.words[..first].iter().any(|word| word.text.starts_with(|letter: char| letter.is_ascii_digit()));
    (post_code && !numbered && (1..=6).contains(&first) && cell.place.page == 1).then_some((first, score))
}

fn behind_seller_labels(rows: &[Row], row: usize, buyers: &BuyerParts, found: &mut Vec<Candidate>) {
    for (index, cell) in rows[row].cells.iter().enumerate() {
        let Some(label) = words().seller.best_in(&cell.folded) else { continue };
        // "From" and the like are labels only at the beginning of a line; phrases also within one.
        let phrase = label.to - label.from > 1;
        if buyers.has(row, index, label.from) || (!phrase && (label.from > 0 || cell.words.len() > 7)) {
            continue;
        }
        let announced = cell.words[label.to - 1].text.ends_with(':') || label.to == cell.words.len();
        if !phrase && !announced {
            continue;
        }
        for near in of(rows, row, index, label) {
            if near.how == How::Right && !cell.words[label.to - 1].text.ends_with(':') {
                continue;
            }
            let company = companies(near.cell).into_iter().find(|(from, _)| *from >= near.from);
            let end = (near.from..near.to)
                .find(|at| near.cell.words[*at].text.ends_with([',', ';', '|']))
                .map_or(near.to, |at| at + 1);
            let (from, to) = company.unwrap_or((near.from, end.min(near.from + 6)));
            let name = tidy(&near.cell.part(from, to));
            if is_name(&name) && !name.starts_with('(') {
                let score = if near.how == How::Behind { 92 } else { 84 };
                found.push(Candidate { name, place: near.cell.place_of(from, to), score });
                break;
            }
        }
    }
}

/// The first lines, larger ones first, unless they are titles, labels, addresses or about the buyer.
fn at_the_top(rows: &[Row], buyers: &BuyerParts) -> Vec<(String, Place, i32)> {
    let heights: Vec<i32> = rows
        .iter()
        .flat_map(|row| &row.cells)
        .map(|cell| cell.words[0].place.bottom - cell.words[0].place.top)
        .collect();
    let mut sorted = heights.clone();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(1000).max(1);
    let mut found = vec![];
    for (at, row) in rows.iter().enumerate().take(9).take_while(|(_, row)| row.place.page == 1) {
        for (index, cell) in row.cells.iter().enumerate() {
            if buyers.has(at, index, 0) {
                continue;
            }
            let kept: Vec<&str> = cell
                .words
                .iter()
                .zip(&cell.folded)
                .filter(|(_, folded)| !is_title(folded))
                .map(|(word, _)| word.text.as_str())
                .collect();
            let name = tidy(&kept.join(" "));
            let labelled =
                cell.words.last().is_some_and(|word| word.text.ends_with(':')) || cell.words[0].text.ends_with(':');
            let digits = name.chars().filter(char::is_ascii_digit).count();
            if labelled
                || digits > 2
                || !is_name(&name)
                || kept.len() > 6
                || name.contains('@')
                || name.ends_with(['.', '!', '?']) && kept.len() > 2
            {
                continue;
            }
            let known = [&words().number, &words().date, &words().gross, &words().seller, &words().buyer, &words().tax];
            if known
                .iter()
                .any(|phrases| phrases.best_in(&cell.folded).is_some_and(|found| found.weight != 45 && found.from == 0))
            {
                continue;
            }
            let height = cell.words[0].place.bottom - cell.words[0].place.top;
            let larger = ((height - usual).max(0).saturating_mul(100) / usual).min(100) / 3;
            let earlier = 8 - i32::try_from(at).unwrap_or(8);
            found.push((name, cell.place, 30 + larger + earlier));
        }
    }
    found
}
