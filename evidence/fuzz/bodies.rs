//! What the fuzz targets check, so that a test of ordinary tools runs the same over the seeds beside this and over damaged copies of it.

use evidence::packet::verify::verify;
use evidence::reading::amount_text::{Mark, numbers};
use evidence::reading::date_text::dates;
use evidence::reading::invoice::Source;
use evidence::reading::words::{Unit, read_table};
use evidence::reading::{mail, media_type, pdf, printed, read_xml};

/// A target: its name, which is that of its folder among the seeds, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("amounts_and_dates", amounts_and_dates),
    ("mail", any_mail),
    ("media_type", any_media_type),
    ("packet", packet),
    ("pdf_info", pdf_info),
    ("printed", any_table),
    ("xml", xml),
];

/// Numbers and dates in any text: their places are within it.
pub fn amounts_and_dates(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    for mark in [Mark::Point, Mark::Comma, Mark::Unknown] {
        for number in numbers(text, mark) {
            assert!(text.get(number.from..number.to).is_some());
        }
    }
    for month_first in [false, true] {
        for day in dates(text, month_first) {
            assert!(text.get(day.from..day.to).is_some());
        }
    }
}

/// Mails: of any bytes no more files are taken than the bound allows, each has a name without folders and bytes that are a document.
pub fn any_mail(bytes: &[u8]) {
    let Ok(mail) = mail::open(bytes) else { return };
    assert!(mail.files.len() <= mail::MOST_FILES);
    for file in &mail.files {
        assert!(
            file.name.as_deref().is_none_or(|name| !name.contains(['/', '\\']) && !name.is_empty()),
            "{:?}",
            file.name
        );
        let content = file.bytes().expect("it was encoded here");
        assert!(media_type::recognise(&content).is_ok());
    }
}

/// Any bytes have a kind, or a reason why they have none, and looking at the rest of them never contradicts an empty file.
pub fn any_media_type(bytes: &[u8]) {
    let recognised = media_type::recognise(bytes);
    assert!(recognised.is_err() || !bytes.is_empty());
    let _ = media_type::Prolog::of(bytes);
}

/// Proof packets: any bytes end in a report, within memory, and none is intact of which anything is found.
pub fn packet(bytes: &[u8]) {
    let report = verify(bytes, &[]);
    assert_eq!(report.intact, report.findings.is_empty());
}

/// What poppler's programs say of a PDF.
pub fn pdf_info(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = pdf::parse_info(&text);
    let _ = pdf::xml_among(&text);
}

/// What `pdftotext` and Tesseract write: any table of words is an invoice, perhaps an empty one.
pub fn any_table(bytes: &[u8]) {
    if let Ok(words) = read_table(&String::from_utf8_lossy(bytes), Unit::POINT) {
        let _ = printed::read(words, Source::PdfText);
    }
}

/// UBL and CII: any bytes are an invoice or a refusal.
pub fn xml(bytes: &[u8]) {
    let _ = read_xml(bytes);
}
