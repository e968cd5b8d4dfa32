//! Which token of one text is which token of the other.

use super::prepare::{Passage, Token};
use super::similarity;

/// Tokens that found no twin are compared letter by letter up to this many a side.
const LETTERWISE: usize = 48;

/// What two texts have in common, and what is left over.
#[derive(Debug, Clone, Default)]
pub struct Alignment {
    /// Number of tokens with an equal or joined twin.
    pub exact: u32,
    /// Number of tokens with a similar twin.
    pub similar: u32,
    /// Weight in common: of equal tokens whole, of similar ones in part.
    pub common: f32,
    /// The same, of the left tokens' weights.
    pub common_left: f32,
    /// The same, of the right tokens' weights.
    pub common_right: f32,
    /// The largest weight among equal tokens.
    pub strongest: f32,
    /// Left tokens without a twin.
    pub left: Vec<Token>,
    /// Right tokens without a twin.
    pub right: Vec<Token>,
    /// Equal left tokens.
    pub equal: Vec<Token>,
}

/// Equal tokens first, then neighbours that are one word on the other side, then the most similar.
#[must_use]
pub fn align(left: &Passage, right: &Passage) -> Alignment {
    let mut found = Alignment::default();
    let (mut lefts, mut rights) = (vec![false; left.tokens.len()], vec![false; right.tokens.len()]);
    for (l, token) in left.tokens.iter().enumerate() {
        let twin = right.tokens.iter().enumerate().position(|(r, other)| other.id == token.id && !rights[r]);
        if let Some(r) = twin {
            (lefts[l], rights[r]) = (true, true);
            found.take(token.weight, right.tokens[r].weight, 1.0);
            found.exact += 1;
            found.strongest = found.strongest.max(token.weight);
            found.equal.push(*token);
        }
    }
    join(&mut found, (left, &mut lefts), (right, &mut rights), false);
    join(&mut found, (right, &mut rights), (left, &mut lefts), true);
    let free = |used: &[bool]| -> Vec<usize> { (0..used.len()).filter(|at| !used[*at]).take(LETTERWISE).collect() };
    let (free_left, free_right) = (free(&lefts), free(&rights));
    let mut likely = Vec::new();
    for l in &free_left {
        for r in &free_right {
            let likeness = likeness(left, left.tokens[*l], right, right.tokens[*r]);
            if likeness > 0.0 {
                likely.push((likeness, *l, *r));
            }
        }
    }
    likely.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (likeness, l, r) in likely {
        if !lefts[l] && !rights[r] {
            (lefts[l], rights[r]) = (true, true);
            found.take(left.tokens[l].weight, right.tokens[r].weight, likeness);
            found.similar += 1;
        }
    }
    let over = |tokens: &[Token], used: &[bool]| {
        tokens.iter().zip(used).filter(|(_, used)| !**used).map(|(token, _)| *token).collect()
    };
    found.left = over(&left.tokens, &lefts);
    found.right = over(&right.tokens, &rights);
    found
}

impl Alignment {
    fn take(&mut self, left: f32, right: f32, likeness: f32) {
        self.common += likeness * (left + right) / 2.0;
        self.common_left += likeness * left;
        self.common_right += likeness * right;
    }
}

/// Takes `air` `port` on one side for `airport` on the other.
fn join(
    found: &mut Alignment,
    (parts, parts_used): (&Passage, &mut [bool]),
    (whole, whole_used): (&Passage, &mut [bool]),
    swapped: bool,
) {
    for first in 1..parts.tokens.len() {
        if parts_used[first - 1] || parts_used[first] {
            continue;
        }
        let (a, b) = (parts.word(parts.tokens[first - 1]), parts.word(parts.tokens[first]));
        let letters = (a.len() + b.len()) as u32;
        let one = whole.tokens.iter().zip(whole_used.iter()).position(|(token, used)| {
            // Most words are of another length: nothing else of them is looked at.
            token.to - token.from == letters && !used && {
                let word = whole.word(*token);
                word.starts_with(a) && word.ends_with(b)
            }
        });
        if let Some(at) = one {
            (parts_used[first - 1], parts_used[first], whole_used[at]) = (true, true, true);
            let (two, one) = (parts.tokens[first - 1].weight + parts.tokens[first].weight, whole.tokens[at].weight);
            if swapped {
                found.take(one, two, 1.0)
            } else {
                found.take(two, one, 1.0)
            }
            found.exact += 1;
            found.strongest = found.strongest.max(one);
        }
    }
}

/// How alike two different tokens are; 0 when they are rather two words.
fn likeness(left: &Passage, l: Token, right: &Passage, r: Token) -> f32 {
    let (a, b) = (left.word(l), right.word(r));
    let shorter = a.len().min(b.len());
    let numbers = l.digits || r.digits;
    // Two words are only alike when they begin alike; this is asked of every two words that are left over.
    if shorter < if numbers { 5 } else { 2 } || (!numbers && a.as_bytes()[0] != b.as_bytes()[0]) {
        return 0.0;
    }
    let prefix = similarity::common_prefix(a, b) == shorter;
    if numbers {
        return if prefix || similarity::one_letter_off(a, b) { 0.8 } else { 0.0 };
    }
    if prefix {
        return 0.9;
    }
    if shorter < 3 {
        return 0.0;
    }
    let likeness = similarity::jaro_winkler(a, b);
    if likeness >= 0.9 { likeness } else { 0.0 }
}

impl Passage {
    /// The text of a token.
    #[must_use]
    pub fn word(&self, token: Token) -> &str {
        &self.text[token.from as usize..token.to as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{corpus::Corpus, prepare::prepare, record::Record, schema::Schema};

    fn texts(left: &str, right: &str) -> (Passage, Passage) {
        let records: Vec<Record> = [left, right].iter().map(|text| [("name", *text)].into_iter().collect()).collect();
        let schema = Schema::discover(records.iter());
        let ready = |record| prepare(&schema, &Corpus::default(), record).main;
        (ready(&records[0]), ready(&records[1]))
    }

    fn words(passage: &Passage, tokens: &[Token]) -> Vec<String> {
        tokens.iter().map(|token| passage.word(*token).to_owned()).collect()
    }

    #[test]
    fn equal_joined_and_similar_tokens_are_twins() {
        let (left, right) = texts("apple air port extreme bases station", "apple airport extrme base station new");
        let found = align(&left, &right);
        assert_eq!((found.exact, found.similar), (3, 2));
        assert_eq!(words(&left, &found.left), [""; 0]);
        assert_eq!(words(&right, &found.right), ["new"]);
    }

    #[test]
    fn numbers_are_not_nearly_the_same() {
        let (left, right) = texts("office 2007 model abc123x", "office 2003 model abc124x");
        let found = align(&left, &right);
        assert_eq!(words(&left, &found.left), ["2007"]);
        assert_eq!(found.similar, 1, "a long code with one wrong letter is a misreading");
    }
}
