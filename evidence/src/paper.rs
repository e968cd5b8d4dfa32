//! Papers: pages of headings, paragraphs and tables as PDF/A, for people and archives.
//!
//! Everything is drawn at exact places with two embedded fonts, so that the same contents give the same bytes everywhere. A page
//! description language was looked at (`typst`): it is ten times the code and lays pages out anew with each version.

#![expect(clippy::float_arithmetic, reason = "lengths on paper, in points; never money")]

mod draw;
mod face;
mod layout;
mod table;
mod wrap;

pub use layout::{Frame, Paper, PaperError};
pub use table::{Align, Column, Row, Table};
