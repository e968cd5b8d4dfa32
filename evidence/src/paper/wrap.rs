//! Breaks texts into lines.

use super::face::{Weight, face, settable};

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Type {
    /// Its weight.
    pub weight: Weight,
    /// Its size in points.
    pub size: f32,
}

impl Type {
    /// How wide a text is.
    pub fn width(self, text: &str) -> f32 {
        face(self.weight).width(text, self.size)
    }

    /// How far apart lines stand.
    pub fn leading(self) -> f32 {
        (self.size * 1.36).ceil()
    }
}

/// The lines of a text within `width`. They break at spaces, and inside of words that are wider than a line.
pub fn wrap(text: &str, set: Type, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in settable(text).split('\n') {
        let mut line = String::new();
        let mut used = 0.0;
        let space = set.width(" ");
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let wide = set.width(word);
            if !line.is_empty() && used + space + wide <= width {
                line.push(' ');
                line.push_str(word);
                used += space + wide;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            (line, used) = (word.to_owned(), wide);
            while used > width {
                let rest = line.split_off(fitting(&line, set, width));
                lines.push(std::mem::replace(&mut line, rest));
                used = set.width(&line);
            }
        }
        lines.push(line);
    }
    lines
}

/// How many bytes of a long word go into a line: up to its last sign that joins parts, else as much as fits; never nothing.
fn fitting(word: &str, set: Type, width: f32) -> usize {
    let (mut used, mut fits, mut joint) = (0.0, 0, 0);
    for (at, character) in word.char_indices() {
        used += face(set.weight).advance(character) * set.size;
        if used > width && fits > 0 {
            break;
        }
        fits = at + character.len_utf8();
        if matches!(character, '-' | '/' | '_' | '.' | ',' | ';' | ':' | '@') {
            joint = fits;
        }
    }
    // A joint far to the left would leave most of the line empty.
    if joint * 2 > fits && joint < word.len() { joint } else { fits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SET: Type = Type { weight: Weight::Regular, size: 10.0 };

    #[test]
    fn long_words_break_and_nothing_is_lost() {
        assert_eq!(wrap("one two", SET, 500.0), ["one two"]);
        assert_eq!(wrap("a\nb", SET, 500.0), ["a", "b"]);
        assert_eq!(wrap("", SET, 500.0), [""]);
        let path = wrap("documents/0001-0190d7a2-aaaa-bbbb.pdf", SET, 100.0);
        assert!(path.len() > 1 && path[0].ends_with(['/', '-']), "{path:?}");
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(wrap(&hash, SET, 100.0).concat(), hash);
    }

    proptest! {
        #[test]
        fn lines_fit_and_hold_every_word(text in "[a-zé東 /-]{0,200}", width in 5.0_f32..300.0) {
            let lines = wrap(&text, SET, width);
            for line in &lines {
                prop_assert!(SET.width(line) <= width || line.chars().count() == 1, "{line:?}");
            }
            let dense = |text: &str| text.replace(' ', "");
            prop_assert_eq!(dense(&lines.concat()), dense(&settable(&text)));
        }
    }
}
