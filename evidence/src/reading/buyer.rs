//! Which parts of a page are about the buyer, so that nothing there is taken for the seller.

use super::layout::{Row, overlap};
use super::vocabulary::words;

/// For each row and cell: from which word on it is about the buyer.
#[derive(Debug)]
pub struct BuyerParts(Vec<Vec<Option<usize>>>);

impl BuyerParts {
    /// Whether a word is about the buyer.
    pub fn has(&self, row: usize, cell: usize, word: usize) -> bool {
        self.0[row][cell].is_some_and(|from| from <= word)
    }
}

/// Looks for labels such as "bill to" and marks what follows them and what stands below.
pub fn find(rows: &[Row]) -> BuyerParts {
    let mut parts: Vec<Vec<Option<usize>>> = rows.iter().map(|row| vec![None; row.cells.len()]).collect();
    for (at, row) in rows.iter().enumerate() {
        for (index, cell) in row.cells.iter().enumerate() {
            let Some(label) =
                words().buyer.best_in(&cell.folded).filter(|label| label.from <= 1 && cell.words.len() <= 8)
            else {
                continue;
            };
            // "Customer number" and the like introduce a code.
            let code =
                ["number", "no", "nr", "id", "n°", "numero", "nummer", "#", "code", "ref", "service", "services"];
            if cell.folded.get(label.to).is_some_and(|next| code.contains(&next.as_str())) {
                continue;
            }
            parts[at][index] = Some(label.from);
            if label.to == cell.words.len()
                && index + 1 < row.cells.len()
                && cell.words[label.to - 1].text.ends_with(':')
            {
                parts[at][index + 1] = Some(0);
            }
            mark_below(rows, at, index, &mut parts);
        }
    }
    BuyerParts(parts)
}

/// The block below a label: rows that follow each other closely, beginning at about the same distance from the left.
fn mark_below(rows: &[Row], row: usize, index: usize, parts: &mut [Vec<Option<usize>>]) {
    let label = rows[row].cells[index].place;
    let height = (label.bottom - label.top).max(600);
    let mut bottom = label.bottom;
    let mut marked = 0;
    for (at, next) in rows.iter().enumerate().skip(row + 1).take(9) {
        if next.place.page != label.page || next.place.top.saturating_sub(bottom) > height * 2 || marked >= 6 {
            break;
        }
        for (cell_at, cell) in next.cells.iter().enumerate() {
            let aligned = (cell.place.left - label.left).abs() < height * 2;
            if aligned || (overlap(cell.place, label) > 0 && cell.place.left >= label.left - height * 2) {
                if words().seller.best_in(&cell.folded).is_some_and(|label| label.from == 0) && cell.words.len() <= 4 {
                    return;
                }
                parts[at][cell_at] = Some(0);
                bottom = cell.place.bottom;
                marked += 1;
                break;
            }
        }
    }
}
