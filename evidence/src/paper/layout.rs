//! Puts headings, paragraphs and tables on pages, one below the other.

use chrono::{DateTime, Utc};

use super::draw;
use super::face::Weight;
use super::wrap::{Type, wrap};

/// A4, in points.
pub const SHEET: (f32, f32) = (595.28, 841.89);
/// Blank on the left and right.
pub const MARGIN: f32 = 51.0;
/// Where the body begins.
const TOP: f32 = 64.0;
/// Where the body ends.
const BOTTOM: f32 = SHEET.1 - 62.0;
/// How wide the body is.
pub const WIDTH: f32 = SHEET.0 - 2.0 * MARGIN;

/// Body text.
pub const TEXT: Type = Type { weight: Weight::Regular, size: 9.5 };
/// What stands out in it.
pub const STRONG: Type = Type { weight: Weight::Bold, size: 9.5 };
/// Notes, hashes, header and footer.
pub const SMALL: Type = Type { weight: Weight::Regular, size: 8.0 };
const TITLE: Type = Type { weight: Weight::Bold, size: 21.0 };
const HEADING: Type = Type { weight: Weight::Bold, size: 12.5 };
/// How wide the names of facts are.
const NAMES: f32 = 122.0;

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text.
    Black,
    /// What matters less.
    Grey,
    /// Headings.
    Blue,
    /// What must not be overlooked.
    Red,
    /// Lines.
    Line,
    /// Behind the heads of tables.
    Shade,
    /// Behind warnings.
    Blush,
    /// Across a draft.
    Watermark,
}

/// One thing on a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line of text from here to the right, standing on `y`.
    Text { x: f32, y: f32, set: Type, ink: Ink, text: String },
    /// A filled rectangle.
    Box { x: f32, y: f32, width: f32, height: f32, ink: Ink },
}

/// What every page of a paper shows, and what the file says of itself.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The paper's title.
    pub title: String,
    /// Above the line, on the right.
    pub header: String,
    /// On the last line, on the left.
    pub footer: String,
    /// One word across every page, for papers that must not be taken for the real one.
    pub watermark: Option<String>,
    /// Names the paper among all papers.
    pub id: String,
    /// When its contents were fixed.
    pub made_at: DateTime<Utc>,
}

/// Why there is no paper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// The PDF could not be written.
    #[error("the PDF cannot be written: {0}")]
    Pdf(String),
}

/// A paper that is being written.
pub struct Paper {
    frame: Frame,
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl Paper {
    /// An empty paper.
    #[must_use]
    pub fn new(frame: Frame) -> Self {
        Self { frame, pages: vec![Vec::new()], y: TOP }
    }

    /// The title, and a line below it.
    pub fn title(&mut self, title: &str, below: &str) {
        self.lines(title, TITLE, Ink::Black, 0.0, WIDTH);
        self.lines(below, Type { size: 11.0, ..TEXT }, Ink::Grey, 0.0, WIDTH);
        self.y += 8.0;
    }

    /// A heading; it never stands alone at the end of a page.
    pub fn heading(&mut self, text: &str) {
        self.y += 12.0;
        self.room(HEADING.leading() + 60.0);
        self.lines(text, HEADING, Ink::Blue, 0.0, WIDTH);
        self.y += 3.0;
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.lines(text, TEXT, Ink::Black, 0.0, WIDTH);
        self.y += 4.0;
    }

    /// A paragraph that matters less.
    pub fn note(&mut self, text: &str) {
        self.lines(text, SMALL, Ink::Grey, 0.0, WIDTH);
        self.y += 4.0;
    }

    /// A paragraph that must not be overlooked, in a box.
    pub fn warning(&mut self, text: &str) {
        let (pad, lines) = (8.0, wrap(text, STRONG, WIDTH - 20.0));
        let height = lines.len() as f32 * STRONG.leading() + 2.0 * pad;
        self.room(height);
        let y = self.y;
        self.mark(Mark::Box { x: MARGIN, y, width: WIDTH, height, ink: Ink::Blush });
        self.mark(Mark::Box { x: MARGIN, y, width: 3.0, height, ink: Ink::Red });
        self.y += pad;
        for line in lines {
            self.line(line, STRONG, Ink::Red, 12.0);
        }
        self.y += pad + 6.0;
    }

    /// Names and values, one pair a line.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        for (name, value) in facts {
            let lines = wrap(value, TEXT, WIDTH - NAMES);
            for (at, line) in lines.into_iter().enumerate() {
                self.room(TEXT.leading());
                if at == 0 {
                    let y = self.y + TEXT.size;
                    self.mark(Mark::Text { x: MARGIN, y, set: TEXT, ink: Ink::Grey, text: (*name).to_owned() });
                }
                self.line(line, TEXT, Ink::Black, NAMES);
            }
            self.y += 1.5;
        }
        self.y += 3.0;
    }

    /// The paper as PDF.
    ///
    /// # Errors
    /// The PDF could not be written.
    pub fn finish(self) -> Result<Vec<u8>, PaperError> {
        draw::draw(&self.frame, &self.pages)
    }

    fn lines(&mut self, text: &str, set: Type, ink: Ink, indent: f32, width: f32) {
        for line in wrap(text, set, width - indent) {
            self.room(set.leading());
            self.line(line, set, ink, indent);
        }
    }

    fn line(&mut self, text: String, set: Type, ink: Ink, indent: f32) {
        let y = self.y + set.size;
        self.mark(Mark::Text { x: MARGIN + indent, y, set, ink, text });
        self.y += set.leading();
    }

    /// Sees to it that `height` fits on the page, and says whether a new one was begun.
    pub(super) fn room(&mut self, height: f32) -> bool {
        let full = self.y + height > BOTTOM && self.y > TOP;
        if full {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
        full
    }

    /// How much of the page is left.
    pub(super) fn left(&self) -> f32 {
        BOTTOM - self.y
    }

    /// How far down the pen is.
    pub(super) const fn y(&self) -> f32 {
        self.y
    }

    /// Moves the pen down.
    pub(super) fn down(&mut self, by: f32) {
        self.y += by;
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }
}
