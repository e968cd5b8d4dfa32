//! Rows and cells out of words: what stands beside what, and what stands below it.

use super::invoice::Place;
use super::words::Word;

/// Words that follow each other without a wide gap.
#[derive(Debug, Clone)]
pub struct Cell {
    /// From left to right.
    pub words: Vec<Word>,
    /// The same in lower case without accents and punctuation around them, for comparing.
    pub folded: Vec<String>,
    /// Around all of them.
    pub place: Place,
}

/// Cells at one height of a page.
#[derive(Debug, Clone)]
pub struct Row {
    /// From left to right.
    pub cells: Vec<Cell>,
    /// Around all of them.
    pub place: Place,
}

impl Cell {
    /// Some words that follow each other.
    pub fn of(words: Vec<Word>) -> Self {
        let place = around(words.iter().map(|word| word.place));
        let folded = words.iter().map(|word| bare(&word.text)).collect();
        Self { words, folded, place }
    }

    /// Its words with single spaces.
    pub fn text(&self) -> String {
        self.part(0, self.words.len())
    }

    /// Some of its words with single spaces.
    pub fn part(&self, from: usize, to: usize) -> String {
        let to = to.min(self.words.len());
        let words: Vec<&str> = self.words[from.min(to)..to].iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    /// Around some of its words.
    pub fn place_of(&self, from: usize, to: usize) -> Place {
        let to = to.min(self.words.len());
        if from >= to { self.place } else { around(self.words[from..to].iter().map(|word| word.place)) }
    }

    /// Which words hold this range of bytes of [`Cell::text`].
    pub fn words_at(&self, from: usize, to: usize) -> (usize, usize) {
        let (mut at, mut first, mut last) = (0, self.words.len(), 0);
        for (index, word) in self.words.iter().enumerate() {
            let end = at + word.text.len();
            if at < to && end > from {
                first = first.min(index);
                last = index + 1;
            }
            at = end + 1;
        }
        (first.min(last), last)
    }

    /// Where the phrase (folded words) stands for the first time at or after a word.
    pub fn find(&self, phrase: &str, from: usize) -> Option<(usize, usize)> {
        (from..self.folded.len()).find_map(|start| Some((start, end_of(phrase, &self.folded, start)?)))
    }
}

/// Behind the phrase, if it stands here; articles and the like between its words do not matter: "numéro de la facture".
pub fn end_of(phrase: &str, folded: &[String], start: usize) -> Option<usize> {
    let small = |word: &str| {
        matches!(
            word,
            "de" | "la"
                | "le"
                | "du"
                | "des"
                | "della"
                | "del"
                | "di"
                | "da"
                | "do"
                | "der"
                | "of"
                | "the"
                | "your"
                | "el"
                | "van"
        )
    };
    let mut at = start;
    for wanted in phrase.split(' ') {
        while at > start && folded.get(at).is_some_and(|word| word != wanted && small(word)) {
            at += 1;
        }
        if folded.get(at).is_none_or(|word| word != wanted) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// The smallest box around others.
pub fn around(places: impl Iterator<Item = Place>) -> Place {
    let join = |a: Place, b: Place| Place {
        page: a.page,
        left: a.left.min(b.left),
        top: a.top.min(b.top),
        right: a.right.max(b.right),
        bottom: a.bottom.max(b.bottom),
    };
    places.reduce(join).unwrap_or(Place { page: 1, left: 0, top: 0, right: 0, bottom: 0 })
}

/// How far two boxes overlap from left to right; negative when they are apart.
pub fn overlap(a: Place, b: Place) -> i32 {
    a.right.min(b.right).saturating_sub(a.left.max(b.left))
}

/// Sorts words into rows and cells, page by page, from the top.
pub fn rows(mut words: Vec<Word>) -> Vec<Row> {
    drop_rotated(&mut words);
    words.sort_by_key(|word| (word.place.page, word.place.top, word.place.left));
    let mut open: Vec<(Place, Vec<Word>)> = vec![];
    for word in words {
        // Centres at one height: a large title does not join the lines of the small print beside it.
        let fits = |row: &&mut (Place, Vec<Word>)| {
            let (mine, theirs) = (word.place, row.0);
            let apart = (mine.top / 2 + mine.bottom / 2 - theirs.top / 2 - theirs.bottom / 2).abs();
            let smaller = mine.bottom.saturating_sub(mine.top).min(theirs.bottom.saturating_sub(theirs.top));
            mine.page == theirs.page && apart.saturating_mul(2) < smaller
        };
        // Only the last few rows can be at this height.
        match open.iter_mut().rev().take(12).find(fits) {
            Some((_, row)) => row.push(word),
            None => open.push((word.place, vec![word])),
        }
    }
    let mut rows: Vec<Row> = open.into_iter().map(|(_, words)| row(words)).collect();
    rows.sort_by_key(|row| (row.place.page, row.place.top));
    rows
}

/// Text up the margin would join all rows beside it.
fn drop_rotated(words: &mut Vec<Word>) {
    let height = |word: &Word| word.place.bottom.saturating_sub(word.place.top);
    let mut heights: Vec<i32> = words.iter().map(height).collect();
    heights.sort_unstable();
    let usual = heights.get(heights.len() / 2).copied().unwrap_or(0).max(1);
    words.retain(|word| {
        let width = word.place.right.saturating_sub(word.place.left);
        !(height(word) > usual.saturating_mul(2)
            && height(word) > width.saturating_mul(2)
            && word.text.chars().count() > 2)
    });
}

fn row(mut words: Vec<Word>) -> Row {
    words.sort_by_key(|word| word.place.left);
    let mut cells = vec![];
    let mut cell: Vec<Word> = vec![];
    for word in words {
        if let Some(last) = cell.last() {
            let height = (last.place.bottom - last.place.top).min(word.place.bottom - word.place.top);
            if word.place.left.saturating_sub(last.place.right) > height {
                cells.push(Cell::of(std::mem::take(&mut cell)));
            }
        }
        cell.push(word);
    }
    cells.push(Cell::of(cell));
    let place = around(cells.iter().map(|cell| cell.place));
    Row { cells, place }
}

/// Lower case without accents, letter by letter.
pub fn fold(text: &str) -> String {
    let plain = |letter: char| match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => 'o',
        'ś' | 'š' | 'ß' => 's',
        'ù' | 'ú' | 'û' | 'ü' | 'ů' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'º' => '°',
        '’' | '´' | '`' => '\'',
        other => other,
    };
    text.chars().flat_map(char::to_lowercase).map(plain).collect()
}

/// A folded word without the punctuation around it and the hyphens between its letters: `Rechnungs-Nr.:` is `rechnungsnr`.
pub fn bare(word: &str) -> String {
    let outer = |letter: char| {
        matches!(
            letter,
            ':' | '.' | ',' | ';' | '(' | ')' | '[' | ']' | '"' | '*' | '/' | '：' | '-' | '–' | '|' | '!' | '='
        )
    };
    let folded = fold(word);
    // "d'échéance" and "dell'ordine" are found under their nouns.
    let folded = match folded.split_once('\'') {
        Some(("d" | "l" | "dell" | "all" | "nell", noun)) => noun.to_owned(),
        _ => folded,
    };
    let letters: Vec<char> = folded.trim_matches(outer).chars().collect();
    let joins = |at: usize| {
        letters[at] == '-'
            && at > 0
            && letters[at - 1].is_alphabetic()
            && letters.get(at + 1).is_some_and(|next| next.is_alphabetic())
    };
    (0..letters.len()).filter(|at| !joins(*at)).map(|at| letters[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, left: i32, top: i32) -> Word {
        let right = left + i32::try_from(text.len()).expect("short") * 500;
        Word { text: text.into(), place: Place { page: 1, left, top, right, bottom: top + 1000 }, confidence: 100 }
    }

    #[test]
    fn rows_and_cells_follow_the_eye() {
        let words =
            vec![word("7,50", 30000, 120), word("Netto-", 0, 100), word("Betrag:", 3500, 90), word("Übrig", 0, 2000)];
        let rows = rows(words);
        assert_eq!(rows.len(), 2);
        let texts: Vec<String> = rows[0].cells.iter().map(Cell::text).collect();
        assert_eq!(texts, ["Netto- Betrag:", "7,50"]);
        assert_eq!(rows[0].cells[0].find("netto betrag", 0), Some((0, 2)));
        assert_eq!(rows[1].cells[0].folded, ["ubrig"]);
        assert_eq!(rows[0].cells[0].words_at(7, 10), (1, 2));
    }
}
