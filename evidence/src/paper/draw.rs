//! Draws pages into a PDF/A-2 file.

use chrono::{Datelike, Timelike};
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point, Rect, Transform};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::{GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

use super::face::{Weight, face, settable};
use super::layout::{Frame, Ink, MARGIN, Mark, PaperError, SHEET, SMALL, WIDTH};
use super::wrap::Type;

/// The pages as a file. It follows from its arguments alone: times and ids are theirs.
pub fn draw(frame: &Frame, pages: &[Vec<Mark>]) -> Result<Vec<u8>, PaperError> {
    let bad = |what: &dyn std::fmt::Debug| PaperError::Pdf(format!("{what:?}"));
    let archival = ConfigurationBuilder::new().with_archival_validator(Archival::A2_B).finish();
    let configuration = archival.map_err(|error| bad(&error))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    document.set_metadata(metadata(frame));
    for (at, marks) in pages.iter().enumerate() {
        let settings = PageSettings::from_wh(SHEET.0, SHEET.1).ok_or_else(|| bad(&"page size"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        if let Some(word) = &frame.watermark {
            watermark(&mut surface, word);
        }
        for mark in marks {
            put(&mut surface, mark);
        }
        for mark in edges(frame, at + 1, pages.len()) {
            put(&mut surface, &mark);
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| bad(&error))
}

fn metadata(frame: &Frame) -> Metadata {
    let at = frame.made_at;
    let made = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(at.month() as u8)
        .day(at.day() as u8)
        .hour(at.hour() as u8)
        .minute(at.minute() as u8)
        .second(at.second() as u8)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(settable(&frame.title))
        .creator("Recoup".to_owned())
        .producer("Recoup".to_owned())
        .language("en".to_owned())
        .creation_date(made)
        .document_id(frame.id.clone())
}

/// Header and footer.
fn edges(frame: &Frame, page: usize, pages: usize) -> Vec<Mark> {
    let text = |x: f32, y: f32, text: String| Mark::Text { x, y, set: SMALL, ink: Ink::Grey, text };
    let line = |y: f32| Mark::Box { x: MARGIN, y, width: WIDTH, height: 0.5, ink: Ink::Line };
    let right = |words: &str| MARGIN + WIDTH - SMALL.width(words);
    let (header, number) = (clip(&settable(&frame.header), WIDTH - 60.0), format!("Page {page} of {pages}"));
    let foot = SHEET.1 - 40.0;
    vec![
        Mark::Text {
            x: MARGIN,
            y: 38.0,
            set: Type { weight: Weight::Bold, size: 9.0 },
            ink: Ink::Blue,
            text: "Recoup".to_owned(),
        },
        text(right(&header), 38.0, header),
        line(46.0),
        line(foot - 12.0),
        text(MARGIN, foot, clip(&settable(&frame.footer), WIDTH - 80.0)),
        text(right(&number), foot, number),
    ]
}

/// As much of a text as fits into a line.
fn clip(text: &str, width: f32) -> String {
    let mut clipped = text.replace('\n', " ");
    while SMALL.width(&clipped) > width {
        clipped.pop();
    }
    clipped
}

fn watermark(surface: &mut Surface<'_>, word: &str) {
    let set = Type { weight: Weight::Bold, size: 150.0 };
    let (x, y) = (SHEET.0 / 2.0, SHEET.1 / 2.0);
    surface.push_transform(&Transform::from_rotate_at(-52.0, x, y));
    let text = settable(word);
    put(surface, &Mark::Text { x: x - set.width(&text) / 2.0, y: y + set.size / 3.0, set, ink: Ink::Watermark, text });
    surface.pop();
}

fn put(surface: &mut Surface<'_>, mark: &Mark) {
    match mark {
        Mark::Text { x, y, set, ink, text } => {
            surface.set_fill(Some(fill(*ink)));
            let face = face(set.weight);
            let glyphs: Vec<KrillaGlyph> = text
                .char_indices()
                .map(|(at, character)| {
                    let glyph = GlyphId::new(face.glyph(character).unwrap_or_default().to_u32());
                    let range = at..at + character.len_utf8();
                    KrillaGlyph::new(glyph, face.advance(character), 0.0, 0.0, 0.0, range, None)
                })
                .collect();
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, face.font.clone(), text, set.size, false);
        }
        Mark::Box { x, y, width, height, ink } => {
            let mut path = PathBuilder::new();
            let Some(rectangle) = Rect::from_xywh(*x, *y, *width, *height) else { return };
            path.push_rect(rectangle);
            let Some(path) = path.finish() else { return };
            surface.set_fill(Some(fill(*ink)));
            surface.draw_path(&path);
        }
    }
}

fn fill(ink: Ink) -> Fill {
    let (red, green, blue) = match ink {
        Ink::Black => (0x1a, 0x1d, 0x21),
        Ink::Grey => (0x5b, 0x64, 0x70),
        Ink::Blue => (0x14, 0x49, 0x7c),
        Ink::Red => (0xa8, 0x1f, 0x14),
        Ink::Line => (0xd0, 0xd6, 0xdd),
        Ink::Shade => (0xe9, 0xef, 0xf5),
        Ink::Blush => (0xfd, 0xf0, 0xee),
        Ink::Watermark => (0xf6, 0xe3, 0xe0),
    };
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: krilla::paint::FillRule::default(),
    }
}
