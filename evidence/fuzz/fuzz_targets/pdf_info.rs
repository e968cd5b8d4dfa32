//! What poppler's programs say of a PDF.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = evidence::reading::pdf::parse_info(text);
    let _ = evidence::reading::pdf::xml_among(text);
});
