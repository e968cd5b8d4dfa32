//! PDFs: an invoice in XML inside, the text of the pages, or their pictures.
//!
//! The pages are read by poppler's programs: in twenty years they have met more odd fonts, encodings and broken files than any
//! other free reader, and each runs as a process of its own within limits.

use std::fmt::Write as _;

use super::invoice::{Flag, Invoice, Source};
use super::refusal::Refusal;
use super::tools::{Held, run};
use super::words::{Unit, Word, read_table};
use super::{ocr, printed, read_xml};

const PACKAGE: &str = "poppler-utils";
const MOST_PAGES: u32 = 200;
/// Fewer words than on any invoice: a scan, perhaps with a stamp.
const FEW_WORDS: usize = 12;

/// What `pdfinfo` says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// How many pages.
    pub pages: u32,
    /// The longer side of the first page, in hundredths of a point.
    pub longer_side: u32,
}

/// Reads an invoice.
///
/// # Errors
/// When the file is broken, encrypted or beyond the limits, or holds a structured invoice that breaks a rule.
pub fn read(bytes: &[u8]) -> Result<Invoice, Refusal> {
    let held = Held::new(bytes)?;
    let about = about(&held)?;
    let mut notes = vec![];
    if let Some(xml) = embedded(&held)? {
        match read_xml(&xml) {
            // An order or an older format inside; the pages still say what they say.
            Err(refusal) if refusal.rule == "document-type" => {
                notes.push(Flag { rule: "embedded-xml".into(), message: refusal.reason });
            }
            read => return read,
        }
    }
    let words = text(&held)?;
    let mut invoice = if words.len() >= FEW_WORDS {
        printed::read(words, Source::PdfText)
    } else {
        printed::read(ocr::pages(&held, about)?, Source::Ocr)
    };
    invoice.flags.append(&mut notes);
    Ok(invoice)
}

fn about(held: &Held) -> Result<About, Refusal> {
    let output = run("pdfinfo", PACKAGE, &[held.path()], None)?;
    if !output.success {
        return Err(broken(&output.complaint));
    }
    let about = parse_info(&String::from_utf8_lossy(&output.bytes))
        .ok_or_else(|| Refusal::invalid("pdf-broken", "the PDF does not say how many pages it has"))?;
    if about.pages > MOST_PAGES {
        return Err(Refusal::hostile(
            "too-many-pages",
            format!("{} pages; invoices have at most {MOST_PAGES}", about.pages),
        ));
    }
    Ok(about)
}

/// Reads the lines `Pages: 2` and `Page size: 595 x 842 pts (A4)`.
pub fn parse_info(info: &str) -> Option<About> {
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let pages = value("Pages:")?.parse().ok().filter(|pages| *pages > 0)?;
    let size = value("Page size:").unwrap_or("595 x 842 pts");
    let sides = size.split_whitespace().filter_map(|word| word.parse::<super::decimal::Decimal>().ok());
    let longer_side = sides.filter_map(|side| side.rounded_minor(2)).filter_map(|side| u32::try_from(side).ok()).max();
    Some(About { pages, longer_side: longer_side.unwrap_or(84_200).clamp(1_000, 2_000_000) })
}

fn broken(complaint: &str) -> Refusal {
    if complaint.contains("Incorrect password") || complaint.contains("encrypt") {
        return Refusal::invalid("pdf-encrypted", "the PDF is encrypted; send it without a password");
    }
    let mut reason = String::from("the PDF is broken");
    if let Some(line) = complaint.lines().last() {
        let line: String = line.chars().filter(|letter| !letter.is_control()).take(120).collect();
        let _ = write!(reason, " ({line})");
    }
    Refusal::invalid("pdf-broken", reason)
}

/// The first XML file inside, if there is one.
fn embedded(held: &Held) -> Result<Option<Vec<u8>>, Refusal> {
    let list = run("pdfdetach", PACKAGE, &["-list".to_owned(), held.path()], None)?;
    let Some(number) = xml_among(&String::from_utf8_lossy(&list.bytes)) else { return Ok(None) };
    let arguments = ["-save".to_owned(), number.to_string(), "-o".to_owned(), "/dev/fd/1".to_owned(), held.path()];
    let saved = run("pdfdetach", PACKAGE, &arguments, None)?;
    Ok(Some(saved.bytes).filter(|bytes| saved.success && !bytes.is_empty()))
}

/// Which of the files in the list of `pdfdetach` is XML, the standard names first.
pub fn xml_among(list: &str) -> Option<u32> {
    const STANDARD: &[&str] = &["factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml"];
    let files: Vec<(u32, String)> = list
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(number, name)| Some((number.trim().parse().ok()?, name.trim().to_lowercase())))
        .collect();
    let standard = files.iter().find(|(_, name)| STANDARD.contains(&name.as_str()));
    standard.or_else(|| files.iter().find(|(_, name)| name.ends_with(".xml"))).map(|(number, _)| *number)
}

fn text(held: &Held) -> Result<Vec<Word>, Refusal> {
    let arguments = ["-q".to_owned(), "-tsv".to_owned(), held.path(), "-".to_owned()];
    let output = run("pdftotext", PACKAGE, &arguments, None)?;
    if !output.success {
        return Err(broken(&output.complaint));
    }
    read_table(&String::from_utf8_lossy(&output.bytes), Unit::POINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_programs_say_is_understood() {
        let info =
            "Producer:        x\nPages:           2\nEncrypted:       no\nPage size:       595.32 x 841.92 pts (A4)\n";
        assert_eq!(parse_info(info), Some(About { pages: 2, longer_side: 84_192 }));
        assert_eq!(parse_info("Pages: many"), None);
        assert_eq!(xml_among("2 embedded files\n1: notes.xml\n2: factur-x.xml\n"), Some(2));
        assert_eq!(xml_among("0 embedded files\n"), None);
        assert_eq!(broken("Command Line Error: Incorrect password").rule, "pdf-encrypted");
    }
}
