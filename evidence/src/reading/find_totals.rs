//! Net, tax and gross of a printed invoice: the amounts beside such words, chosen so that they agree where they can.

use super::amount_text::{Mark, Written, numbers};
use super::decimal::Decimal;
use super::invoice::Place;
use super::layout::{Cell, Row};
use super::near::below;
use super::vocabulary::{Match, words};

/// Which total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Net,
    Tax,
    Gross,
}

/// An amount beside a label.
#[derive(Debug, Clone)]
struct Candidate {
    which: Which,
    value: Decimal,
    score: i32,
    place: Place,
}

/// A chosen total: value, confidence, place.
pub type Chosen = (Decimal, u8, Place);

/// What was chosen.
#[derive(Debug, Default)]
pub struct Totals {
    /// Without tax.
    pub net: Option<Chosen>,
    /// All taxes.
    pub tax: Option<Chosen>,
    /// With tax.
    pub gross: Option<Chosen>,
}

/// Finds them.
pub fn find(rows: &[Row], mark: Mark, decimals: u32) -> Totals {
    let mut found = vec![];
    for (at, row) in rows.iter().enumerate() {
        for cell in 0..row.cells.len() {
            beside_label(rows, at, cell, mark, decimals, &mut found);
        }
        three_in_a_row(row, mark, &mut found);
    }
    let largest = rows
        .iter()
        .flat_map(|row| &row.cells)
        .flat_map(|cell| money_in(cell, 0, mark, decimals))
        .map(|(value, _)| value)
        .max();
    choose(&found, largest, rows, mark, decimals)
}

/// Amounts of money in a cell from a word on.
fn money_in(cell: &Cell, from: usize, mark: Mark, decimals: u32) -> Vec<(Decimal, Place)> {
    let text = cell.text();
    let start = cell.part(0, from).len();
    let is_money = |written: &Written| {
        written.is_money()
            || (decimals == 0
                && written.decimals == 0
                && !written.percent
                && text[written.from..written.to].contains([',', '.']))
    };
    let of = |written: Written| {
        let (first, last) = cell.words_at(written.from, written.to);
        (written.value, cell.place_of(first, last))
    };
    numbers(&text, mark).into_iter().filter(|written| written.from >= start && is_money(written)).map(of).collect()
}

fn label_of(cell: &Cell) -> Option<(Which, Match)> {
    let lists = [(Which::Net, &words().net), (Which::Tax, &words().tax), (Which::Gross, &words().gross)];
    let matches = lists.iter().filter_map(|(which, phrases)| Some((*which, phrases.best_in(&cell.folded)?)));
    matches.max_by_key(|(_, found)| (found.weight, found.to - found.from))
}

fn beside_label(rows: &[Row], row: usize, index: usize, mark: Mark, decimals: u32, found: &mut Vec<Candidate>) {
    let cells = &rows[row].cells;
    let cell = &cells[index];
    let Some((which, label)) = label_of(cell) else { return };
    // A sentence that mentions a total is not a label, unless an amount follows at once.
    let wordy = cell.folded.iter().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let own = money_in(cell, label.to, mark, decimals);
    let mut amounts = own.clone();
    if amounts.is_empty() {
        // The numbers right of it, up to the next words.
        for next in &cells[index + 1..] {
            let money = money_in(next, 0, mark, decimals);
            let is_words = next
                .folded
                .iter()
                .filter(|word| word.chars().filter(|letter| letter.is_alphabetic()).count() > 3)
                .count()
                > 0;
            if is_words && (money.is_empty() || label_of(next).is_some()) {
                break;
            }
            amounts.extend(money);
        }
    }
    let mut score = label.weight;
    if wordy > 7 {
        score -= 45;
    }
    if words().no_total.iter().any(|(phrase, _)| cell.find(phrase, 0).is_some()) {
        score -= 60;
    }
    // The label begins its cell.
    score -= i32::try_from(label.from.min(5)).unwrap_or(0) * 3;
    let mut from_below = false;
    if amounts.is_empty() && wordy <= 5 {
        let place = cell.place_of(label.from, label.to);
        let under = below(rows, row, place);
        amounts = under
            .iter()
            .find_map(|near| {
                let money: Vec<_> = money_in(near.cell, near.from, mark, decimals);
                money.first().copied().map(|first| vec![first])
            })
            .unwrap_or_default();
        from_below = true;
        // Headers of a table of lines are labels of every line, not of a total.
        score -= if cells.len() >= 3 && which != Which::Gross { 45 } else { 25 };
    }
    let chosen = if from_below { amounts.first() } else { amounts.last() };
    if let Some((value, place)) = chosen.copied() {
        found.push(Candidate { which, value, score, place });
        // "VAT 20 % of 100.00: 20.00" and "Total 100.00 20.00 120.00": the others are less likely.
        if !from_below && which == Which::Net && amounts.len() > 1 {
            found.push(Candidate { which, value: amounts[0].0, score: score - 10, place: amounts[0].1 });
        }
    }
}

/// A row with three amounts of which the last is the sum of the others, as below "net, tax, gross".
fn three_in_a_row(row: &Row, mark: Mark, found: &mut Vec<Candidate>) {
    let amounts: Vec<(Decimal, Place)> = row.cells.iter().flat_map(|cell| money_in(cell, 0, mark, 2)).collect();
    let label = row.cells.first().and_then(label_of);
    for (at, three) in amounts.windows(3).enumerate() {
        let [(net, net_at), (tax, tax_at), (gross, gross_at)] = three else { continue };
        let adds_up = net.plus(*tax) == Some(*gross) && *tax != Decimal::ZERO && net > tax && !net.is_negative();
        if adds_up {
            let score = if label.is_some_and(|(which, _)| which == Which::Gross) { 92 } else { 62 }
                - i32::try_from(at).unwrap_or(0);
            found.push(Candidate { which: Which::Net, value: *net, score, place: *net_at });
            found.push(Candidate { which: Which::Tax, value: *tax, score, place: *tax_at });
            found.push(Candidate { which: Which::Gross, value: *gross, score, place: *gross_at });
        }
    }
}

fn choose(found: &[Candidate], largest: Option<Decimal>, rows: &[Row], mark: Mark, decimals: u32) -> Totals {
    let of = |which: Which| found.iter().filter(move |candidate| candidate.which == which);
    // Several rates: each tax once, in the order of the page.
    let mut taxes: Vec<&Candidate> = of(Which::Tax).filter(|tax| tax.score >= 40).collect();
    taxes.dedup_by_key(|tax| (tax.place.page, tax.place.top));
    let sum = taxes.iter().try_fold(Decimal::ZERO, |sum, tax| sum.plus(tax.value));
    let all_taxes = taxes.first().zip(sum).map(|(first, sum)| Candidate { value: sum, ..(*first).clone() });
    let agreeing = |gross: Decimal| {
        of(Which::Net).find_map(|net| {
            of(Which::Tax)
                .chain(&all_taxes)
                .filter(|tax| net.value.plus(tax.value) == Some(gross) && tax.value != Decimal::ZERO)
                .max_by_key(|tax| tax.score)
                .map(|tax| (net, tax))
        })
    };
    let occurrences = |value: Decimal| of(Which::Gross).filter(|other| other.value == value).count();
    let gross_score = |candidate: &Candidate| {
        let mut score = candidate.score;
        score += i32::try_from(occurrences(candidate.value).min(4)).unwrap_or(0) * 5;
        score += if agreeing(candidate.value).is_some() { 40 } else { 0 };
        score += if largest == Some(candidate.value) { 18 } else { 0 };
        score -= if candidate.value == Decimal::ZERO { 70 } else { 0 };
        // Less than the amount without tax cannot be with it.
        let below_net =
            of(Which::Net).any(|net| net.score >= 80 && net.value > candidate.value && !candidate.value.is_negative());
        score - if below_net { 35 } else { 0 }
    };
    let gross =
        of(Which::Gross).max_by_key(|candidate| (gross_score(candidate), candidate.place.page, candidate.place.top));
    let Some(gross) = gross.filter(|candidate| gross_score(candidate) > 20) else {
        // Nothing says "total": the largest amount, with little confidence.
        let place = |value: Decimal| {
            let all = rows.iter().flat_map(|row| &row.cells).flat_map(|cell| money_in(cell, 0, mark, decimals));
            all.filter(|(other, _)| *other == value).map(|(_, place)| place).next_back()
        };
        let gross = largest.and_then(|value| Some((value, 30, place(value)?)));
        return Totals { gross, ..Totals::default() };
    };
    let pair = agreeing(gross.value);
    let sure = |score: i32, agrees: bool| -> u8 {
        if agrees { 97 } else { u8::try_from((score * 9 / 10).clamp(30, 92)).unwrap_or(30) }
    };
    let chosen = |candidate: &Candidate| (candidate.value, sure(candidate.score, pair.is_some()), candidate.place);
    let (net, tax) = match pair {
        Some((net, tax)) => (Some(chosen(net)), Some(chosen(tax))),
        None => {
            let fits = |candidate: &&Candidate| candidate.value <= gross.value && candidate.score >= 55;
            (
                of(Which::Net).filter(fits).max_by_key(|net| net.score).map(chosen),
                of(Which::Tax).filter(fits).max_by_key(|tax| tax.score).map(chosen),
            )
        }
    };
    Totals { net, tax, gross: Some((gross.value, sure(gross_score(gross), pair.is_some()), gross.place)) }
}
