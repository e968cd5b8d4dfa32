//! Words with their places, as `pdftotext -tsv` and Tesseract both write them.

use super::decimal::Decimal;
use super::invoice::Place;
use super::refusal::Refusal;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As written.
    pub text: String,
    /// Its box.
    pub place: Place,
    /// Per cent; how sure the recognition is, 100 for text.
    pub confidence: u8,
}

/// Hundredths of a point for one unit of the table.
#[derive(Debug, Clone, Copy)]
pub struct Unit(pub u32);

impl Unit {
    /// The table is in points.
    pub const POINT: Self = Self(100);

    /// The table is in pixels at this resolution.
    pub fn pixel(dots_per_inch: u32) -> Self {
        Self(7200 / dots_per_inch.max(1))
    }
}

const MOST_WORDS: usize = 100_000;
const MOST_LETTERS: usize = 200;
/// Hundredths of a point.
const LARGEST_PAGE: i32 = 2_000_000;

/// Reads the table; lines of other levels than words are passed over, and so is what cannot be read.
///
/// # Errors
/// When there are more words than any invoice has.
pub fn read_table(table: &str, unit: Unit) -> Result<Vec<Word>, Refusal> {
    let mut words = vec![];
    for line in table.lines() {
        let mut columns = line.splitn(12, '\t');
        let mut next = || columns.next().unwrap_or_default();
        if next() != "5" {
            continue;
        }
        let page: Option<u32> = next().parse().ok();
        let mut number = || -> Option<i32> {
            let written: Decimal = columns.next()?.parse().ok()?;
            written.times(Decimal::new(unit.0.into(), 0)?)?.rounded_minor(0)?.try_into().ok()
        };
        // Paragraph, block, line and word number say how the tool grouped them; we look at the places only.
        for _ in 0..4 {
            number();
        }
        let (left, top, width, height) = (number(), number(), number(), number());
        let confidence = number().map_or(0, |scaled| scaled / i32::try_from(unit.0).unwrap_or(1));
        let text = columns.next().unwrap_or_default().trim();
        let (Some(page), Some(left), Some(top), Some(width), Some(height)) = (page, left, top, width, height) else {
            continue;
        };
        // No page is larger, and nothing overflows in reckoning with places.
        let on_a_page = [left, top, width, height].iter().all(|length| length.abs() <= LARGEST_PAGE);
        if !on_a_page || text.is_empty() || width < 0 || height <= 0 || text.len() > MOST_LETTERS {
            continue;
        }
        let edge = |from: i32, size: i32| from.saturating_add(size);
        let place = Place { page, left, top, right: edge(left, width), bottom: edge(top, height) };
        let confidence = u8::try_from(confidence.clamp(0, 100)).unwrap_or(0);
        split(Word { text: text.to_owned(), place, confidence }, &mut words);
        if words.len() > MOST_WORDS {
            return Err(Refusal::hostile("too-many-words", format!("the document has more than {MOST_WORDS} words")));
        }
    }
    Ok(words)
}

/// Cuts after `:`, `#` and `°` where a label and its value were written without a space, `Nr.:471`, and between `facture/date`.
fn split(word: Word, words: &mut Vec<Word>) {
    let letters: Vec<char> = word.text.chars().collect();
    let cut = (1..letters.len()).find(|at| {
        let before = letters[at - 1];
        let after = letters[*at];
        // Not 12:30, not a web address.
        let label = letters[0].is_alphabetic() || matches!(letters[0], '№');
        let two_words = before == '/'
            && *at > 3
            && letters.len() - at > 2
            && letters.iter().all(|letter| letter.is_alphabetic() || *letter == '/');
        (matches!(before, ':' | '#' | '°' | 'º' | '：') && after.is_alphanumeric() && label) || two_words
    });
    let Some(cut) = cut else {
        words.push(word);
        return;
    };
    let width = i64::from(word.place.right) - i64::from(word.place.left);
    let share = width * i64::try_from(cut).unwrap_or(0) / i64::try_from(letters.len()).unwrap_or(1).max(1);
    let middle = word.place.left.saturating_add(i32::try_from(share).unwrap_or(0));
    let (left, right): (String, String) = (letters[..cut].iter().collect(), letters[cut..].iter().collect());
    words.push(Word { text: left, place: Place { right: middle, ..word.place }, confidence: word.confidence });
    words.push(Word { text: right, place: Place { left: middle, ..word.place }, confidence: word.confidence });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tools_tables_are_read() {
        let table = "level\tpage_num\t...\n\
            5\t1\t0\t0\t0\t0\t119.84\t42.15\t40.88\t10.30\t100\tPAYMENT\n\
            4\t1\t0\t0\t0\t0\t1\t1\t1\t1\t-1\t###LINE###\n\
            5\t1\t0\t0\t0\t1\tx\t42.15\t36.40\t10.30\t100\tBROKEN\n";
        let words = read_table(table, Unit::POINT).expect("few");
        assert_eq!(words.len(), 1);
        assert_eq!(words[0].place, Place { page: 1, left: 11984, top: 4215, right: 16072, bottom: 5245 });
        let pixels = read_table("5\t2\t1\t1\t1\t1\t300\t600\t150\t30\t96.5\tTotal\n", Unit::pixel(300)).expect("one");
        assert_eq!(pixels[0].place, Place { page: 2, left: 7200, top: 14400, right: 10800, bottom: 15120 });
        assert_eq!(pixels[0].confidence, 96);
    }

    #[test]
    fn labels_stuck_to_values_are_cut_off() {
        let table = "5\t1\t0\t0\t0\t0\t0\t0\t100\t10\t100\tn°562044387\n5\t1\t0\t0\t0\t0\t0\t0\t100\t10\t100\t12:30\n";
        let texts: Vec<String> =
            read_table(table, Unit::POINT).expect("few").into_iter().map(|word| word.text).collect();
        assert_eq!(texts, ["n°", "562044387", "12:30"]);
    }
}
