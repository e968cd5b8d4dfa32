//! The two faces that papers are set in, and how wide their characters are.

use std::sync::LazyLock;

use krilla::text::Font;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider};

static REGULAR: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/Roboto-Bold.ttf");

/// What stands for a character that the font does not have: visible, and never mistaken for something else.
pub const UNKNOWN: char = '\u{fffd}';

/// A weight of the font.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// For texts.
    Regular,
    /// For what stands out.
    Bold,
}

/// A font with what is needed to lay lines out.
pub struct Face {
    /// The font, to draw with.
    pub font: Font,
    charmap: skrifa::charmap::Charmap<'static>,
    metrics: skrifa::metrics::GlyphMetrics<'static>,
    units: f32,
}

static FACES: LazyLock<[Face; 2]> = LazyLock::new(|| [Face::new(REGULAR), Face::new(BOLD)]);

/// The face of a weight.
pub fn face(weight: Weight) -> &'static Face {
    match weight {
        Weight::Regular => &FACES[0],
        Weight::Bold => &FACES[1],
    }
}

impl Face {
    fn new(data: &'static [u8]) -> Self {
        let font = Font::new(data.into(), 0).expect("the embedded font is a font");
        let read = FontRef::new(data).expect("the embedded font is a font");
        let metrics = read.glyph_metrics(Size::unscaled(), LocationRef::default());
        Self { units: font.units_per_em(), font, charmap: read.charmap(), metrics }
    }

    /// The glyph of a character, if the font has one.
    pub fn glyph(&self, character: char) -> Option<GlyphId> {
        self.charmap.map(character)
    }

    /// How far a character moves the pen, in parts of the type size.
    pub fn advance(&self, character: char) -> f32 {
        let glyph = self.glyph(character).unwrap_or_default();
        self.metrics.advance_width(glyph).unwrap_or_default() / self.units
    }

    /// How wide a text is at a type size, in points.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.advance(character)).sum::<f32>() * size
    }
}

/// The text as it can be set: blanks are spaces, and what cannot be shown as itself becomes [`UNKNOWN`]. Marks that would turn the
/// direction of reading are among that: nothing on a proof may read otherwise than it is written.
pub fn settable(text: &str) -> String {
    let shown = |character: char| match character {
        ' ' | '\n' => character,
        blank if blank.is_whitespace() => ' ',
        known if !known.is_control() && face(Weight::Regular).glyph(known).is_some() => known,
        _ => UNKNOWN,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_know_the_same_characters() {
        for character in "Aé€ßŁőπЖ₹₺−×≤…–“”�".chars() {
            for weight in [Weight::Regular, Weight::Bold] {
                assert!(face(weight).glyph(character).is_some(), "{character}");
                assert!(face(weight).advance(character) > 0.0, "{character}");
            }
        }
        let digits: Vec<f32> = "0123456789".chars().map(|digit| face(Weight::Regular).advance(digit)).collect();
        assert!(digits.iter().all(|width| *width == digits[0]), "columns of figures line up");
    }

    #[test]
    fn what_cannot_be_shown_is_seen_to_be_missing() {
        assert_eq!(settable("Müller & Co\t東京"), "Müller & Co \u{fffd}\u{fffd}");
        assert_eq!(settable("a\u{202e}b\u{0}c"), "a\u{fffd}b\u{fffd}c");
    }
}
