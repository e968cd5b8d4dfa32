//! Scans and photos, through the Tesseract that the system has.

use super::pdf::About;
use super::refusal::Refusal;
use super::tools::{Held, run};
use super::words::{Unit, Word, read_table};

const PACKAGE: &str = "tesseract-ocr";
/// An invoice has its totals on the first pages.
const MOST_PAGES: u32 = 4;
/// Pixels of the longer side: 300 per inch on A4, and a bound for larger pages.
const LONGER_SIDE: u32 = 3508;
const LANGUAGES: &[&str] = &["eng", "deu", "fra", "spa", "ita", "nld"];

/// The words of a PDF's first pages.
///
/// # Errors
/// When a program is missing or fails.
pub fn pages(held: &Held, about: About) -> Result<Vec<Word>, Refusal> {
    let languages = languages()?;
    let mut words = vec![];
    for page in 1..=about.pages.min(MOST_PAGES) {
        let page = page.to_string();
        let side = LONGER_SIDE.to_string();
        let arguments = ["-q", "-gray", "-f", &page, "-l", &page, "-scale-to", &side, &held.path()];
        let picture = run("pdftoppm", "poppler-utils", &arguments, None)?;
        if !picture.success || picture.bytes.is_empty() {
            return Err(Refusal::invalid("pdf-broken", format!("page {page} cannot be drawn")));
        }
        let table = recognise("stdin", Some(&picture.bytes), &languages)?;
        let recognised = read_table(&table, Unit(about.longer_side / LONGER_SIDE))?;
        // Tesseract counts the pages of what it was given.
        let number = words_page(&page);
        words.extend(recognised.into_iter().map(|mut word| {
            word.place.page = number;
            word
        }));
    }
    legible(words).ok_or_else(|| Refusal::invalid("no-text", "there is no legible text in it"))
}

fn words_page(page: &str) -> u32 {
    page.parse().unwrap_or(1)
}

/// The words of a picture file.
///
/// # Errors
/// When Tesseract is missing or cannot read it, or when there is no text in it.
pub fn picture(bytes: &[u8]) -> Result<Vec<Word>, Refusal> {
    let held = Held::new(bytes)?;
    let table = recognise(&held.path(), None, &languages()?)?;
    // The resolution of a photo means nothing; places are in proportion.
    let words = legible(read_table(&table, Unit::pixel(300))?);
    // A photo proves by what it shows.
    words.ok_or_else(|| Refusal::kept("no-text", "a picture without legible text; no invoice is read from it"))
}

fn recognise(path: &str, input: Option<&[u8]>, languages: &str) -> Result<String, Refusal> {
    // Sparse enough for tables, in order enough for words.
    let output = run("tesseract", PACKAGE, &[path, "stdout", "-l", languages, "--psm", "3", "tsv"], input)?;
    if !output.success {
        let complaint: String = output.complaint.lines().last().unwrap_or_default().chars().take(120).collect();
        return Err(Refusal::invalid("picture-broken", format!("the picture cannot be read ({complaint})")));
    }
    Ok(String::from_utf8_lossy(&output.bytes).into_owned())
}

/// Those of the large markets that are installed.
fn languages() -> Result<String, Refusal> {
    let output = run("tesseract", PACKAGE, &["--list-langs"], None)?;
    let listed = String::from_utf8_lossy(&output.bytes).into_owned();
    let installed: Vec<&str> =
        LANGUAGES.iter().copied().filter(|language| listed.lines().any(|line| line.trim() == *language)).collect();
    if installed.is_empty() {
        return Err(Refusal::later(
            "tool-missing",
            "Tesseract has no language data (Debian package tesseract-ocr-eng)",
        ));
    }
    Ok(installed.join("+"))
}

fn legible(mut words: Vec<Word>) -> Option<Vec<Word>> {
    words.retain(|word| word.confidence >= 20);
    Some(words).filter(|words| !words.is_empty())
}
