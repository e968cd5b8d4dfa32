//! What `pdftotext` and Tesseract write: any table of words is an invoice, perhaps an empty one.
#![no_main]

use evidence::reading::invoice::Source;
use evidence::reading::printed;
use evidence::reading::words::{Unit, read_table};

libfuzzer_sys::fuzz_target!(|table: &str| {
    if let Ok(words) = read_table(table, Unit::POINT) {
        let _ = printed::read(words, Source::PdfText);
    }
});
