//! Where the value of a label can stand: behind it, right of it, or below it.

use super::invoice::Place;
use super::layout::{Cell, Row, overlap};
use super::vocabulary::Match;

/// How a value stands to its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Behind it in the same cell.
    Behind,
    /// In the next cell.
    Right,
    /// In one of the next rows, at the same distance from the left.
    Below,
}

/// Words of a cell that may be a value.
#[derive(Debug, Clone, Copy)]
pub struct Near<'a> {
    /// The cell.
    pub cell: &'a Cell,
    /// First word.
    pub from: usize,
    /// Behind the last word.
    pub to: usize,
    /// How it stands to the label.
    pub how: How,
}

/// The places to look at, the likeliest first.
pub fn of<'a>(rows: &'a [Row], row: usize, cell: usize, label: Match) -> Vec<Near<'a>> {
    let here = &rows[row].cells[cell];
    let mut near = vec![];
    if label.to < here.words.len() {
        near.push(Near { cell: here, from: label.to, to: here.words.len(), how: How::Behind });
    }
    if let Some(next) = rows[row].cells.get(cell + 1) {
        near.push(Near { cell: next, from: 0, to: next.words.len(), how: How::Right });
    }
    near.extend(below(rows, row, here.place_of(label.from, label.to)));
    near
}

/// What stands below a box, in the next few rows.
pub fn below(rows: &[Row], row: usize, place: Place) -> Vec<Near<'_>> {
    let height = (place.bottom - place.top).max(600);
    let close = |next: &&Row| {
        next.place.page == place.page && next.place.top.saturating_sub(place.bottom) < height.saturating_mul(3)
    };
    let mut near = vec![];
    for next in rows[row + 1..].iter().take(4).take_while(close) {
        for cell in &next.cells {
            if overlap(cell.place, place) <= 0 && (cell.place.left - place.left).abs() > height {
                continue;
            }
            // Of a long cell only the words that are really below.
            let wide = cell.place.right - cell.place.left > (place.right - place.left).saturating_mul(3);
            let first = cell.words.iter().position(|word| !wide || overlap(word.place, place) > 0);
            if let Some(from) = first {
                near.push(Near { cell, from, to: cell.words.len(), how: How::Below });
            }
        }
    }
    near
}
