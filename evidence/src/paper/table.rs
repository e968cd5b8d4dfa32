//! Tables that go on over pages, with their head on each.

use super::face::Weight;
use super::layout::{Ink, MARGIN, Mark, Paper, SMALL, TEXT, WIDTH};
use super::wrap::{Type, wrap};

/// Between the text and the edge of its cell.
const PAD: f32 = 4.0;
const HEAD: Type = Type { weight: Weight::Bold, size: 8.0 };

/// Where texts stand in their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// Its part of the width; all parts make the whole.
    pub part: f32,
    /// Where its texts stand.
    pub align: Align,
    /// Whether its texts are small: hashes and the like.
    pub small: bool,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub const fn words(head: &'static str, part: f32) -> Self {
        Self { head, part, align: Align::Left, small: false }
    }

    /// A column of figures.
    #[must_use]
    pub const fn figures(head: &'static str, part: f32) -> Self {
        Self { head, part, align: Align::Right, small: false }
    }

    /// A column of small print.
    #[must_use]
    pub const fn small(head: &'static str, part: f32) -> Self {
        Self { head, part, align: Align::Left, small: true }
    }

    const fn set(&self, bold: bool) -> Type {
        let base = if self.small { SMALL } else { TEXT };
        Type {
            weight: if bold { Weight::Bold } else { Weight::Regular },
            size: if self.small { base.size } else { 9.0 },
        }
    }
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    /// One text a column.
    pub cells: Vec<String>,
    /// Sums stand out.
    pub sum: bool,
}

impl Row {
    /// A row like the others.
    #[must_use]
    pub fn new<const N: usize>(cells: [String; N]) -> Self {
        Self { cells: cells.into(), sum: false }
    }

    /// A row that sums up.
    #[must_use]
    pub fn sum<const N: usize>(cells: [String; N]) -> Self {
        Self { cells: cells.into(), sum: true }
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Its columns.
    pub columns: &'a [Column],
    /// Its rows.
    pub rows: &'a [Row],
}

impl Paper {
    /// A table. Rows that do not fit go to the next page, and rows that fit on no page are broken.
    pub fn table(&mut self, table: &Table<'_>) {
        let whole: f32 = table.columns.iter().map(|column| column.part).sum();
        let widths: Vec<f32> = table.columns.iter().map(|column| column.part / whole * WIDTH).collect();
        // The head never stands alone.
        self.room(60.0);
        self.head(table.columns, &widths);
        for row in table.rows {
            let mut cells: Vec<Vec<String>> = table
                .columns
                .iter()
                .zip(&widths)
                .zip(&row.cells)
                .map(|((column, width), cell)| wrap(cell, column.set(row.sum), width - 2.0 * PAD))
                .collect();
            while cells.iter().any(|lines| !lines.is_empty()) {
                let most = cells.iter().map(Vec::len).max().unwrap_or_default();
                let leading = TEXT.leading();
                // A row of up to ten lines is kept together.
                if self.room(most.min(10) as f32 * leading + 2.0 * PAD) {
                    self.head(table.columns, &widths);
                }
                let fitting = (((self.left() - 2.0 * PAD) / leading) as usize).max(1);
                let now: Vec<Vec<String>> =
                    cells.iter_mut().map(|lines| lines.drain(..fitting.min(lines.len())).collect()).collect();
                self.row(table.columns, &widths, &now, row.sum);
            }
        }
        self.down(6.0);
    }

    fn head(&mut self, columns: &[Column], widths: &[f32]) {
        let lines: Vec<Vec<String>> =
            columns.iter().zip(widths).map(|(column, width)| wrap(column.head, HEAD, width - 2.0 * PAD)).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or_default();
        let height = most as f32 * HEAD.leading() + 2.0 * PAD;
        let y = self.y();
        self.mark(Mark::Box { x: MARGIN, y, width: WIDTH, height, ink: Ink::Shade });
        let mut x = MARGIN;
        for ((column, width), lines) in columns.iter().zip(widths).zip(lines) {
            for (at, text) in lines.into_iter().enumerate() {
                let y = y + PAD + HEAD.size + at as f32 * HEAD.leading();
                self.cell(x, y, *width, column.align, HEAD, Ink::Blue, text);
            }
            x += width;
        }
        self.down(height);
    }

    fn row(&mut self, columns: &[Column], widths: &[f32], cells: &[Vec<String>], sum: bool) {
        let most = cells.iter().map(Vec::len).max().unwrap_or_default();
        let (y, leading) = (self.y(), TEXT.leading());
        let mut x = MARGIN;
        for ((column, width), lines) in columns.iter().zip(widths).zip(cells) {
            let set = column.set(sum);
            for (at, text) in lines.iter().enumerate() {
                let y = y + PAD + TEXT.size + at as f32 * leading;
                self.cell(x, y, *width, column.align, set, Ink::Black, text.clone());
            }
            x += width;
        }
        let height = most as f32 * leading + 2.0 * PAD;
        self.mark(Mark::Box { x: MARGIN, y: y + height, width: WIDTH, height: 0.5, ink: Ink::Line });
        if sum {
            self.mark(Mark::Box { x: MARGIN, y, width: WIDTH, height: 0.8, ink: Ink::Grey });
        }
        self.down(height);
    }

    #[expect(clippy::too_many_arguments, reason = "where, how and what of one text")]
    fn cell(&mut self, x: f32, y: f32, width: f32, align: Align, set: Type, ink: Ink, text: String) {
        let x = match align {
            Align::Left => x + PAD,
            // A little more, so that figures do not run into the words beside them.
            Align::Right => x + width - 2.0 * PAD - set.width(&text),
        };
        self.mark(Mark::Text { x, y, set, ink, text });
    }
}
