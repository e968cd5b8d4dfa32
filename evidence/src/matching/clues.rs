//! What single words say: a sparse regression on the tokens that two records share and do not share.

use serde::{Deserialize, Serialize};

use super::align::Alignment;
use super::corpus::Corpus;
use super::logistic::{Logistic, Rows};
use super::prepare::{Passage, Prepared, Token};
use super::random::Random;
use super::text::{self, ById, Id, joined};
use super::vector::Aligned;

/// Penalty of the regression, and the fewest pairs that a clue has to occur in.
const PENALTY: f64 = 1.0 / 0.3;
const FEWEST: u32 = 3;

/// Folds of the training pairs; a pair is judged by a regression that did not see it.
const FOLDS: usize = 5;

/// Kinds of clues; each is a space of its own.
#[derive(Clone, Copy)]
enum Clue {
    Shared = 1,
    Unshared,
    OnlyLeft,
    OnlyRight,
    Absent,
    Swapped,
    Numbers,
}

/// The clues of a pair, each once.
#[must_use]
pub fn clues(left: &Prepared, right: &Prepared, aligned: &Aligned) -> Vec<Id> {
    let mut found = Vec::new();
    let (main, whole) = (&aligned.main, &aligned.whole);
    collect(&mut found, (&left.main, &right.main), main);
    for (own, tokens, other) in [(&left.whole, &whole.left, &right.whole), (&right.whole, &whole.right, &left.whole)] {
        let absent = tokens.iter().filter(|token| other.ids.binary_search_by_key(&token.id, |(id, _)| *id).is_err());
        found.extend(absent.map(|token| clue(Clue::Absent, own, *token)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn collect(found: &mut Vec<Id>, (left, right): (&Passage, &Passage), aligned: &Alignment) {
    found.extend(aligned.equal.iter().map(|token| clue(Clue::Shared, left, *token)));
    for (side, passage, tokens) in [(Clue::OnlyLeft, left, &aligned.left), (Clue::OnlyRight, right, &aligned.right)] {
        for token in tokens {
            found.push(clue(Clue::Unshared, passage, *token));
            found.push(clue(side, passage, *token));
        }
    }
    for l in heaviest(&aligned.left) {
        for r in heaviest(&aligned.right) {
            let (a, b) = (folded(left, l), folded(right, r));
            found.push(joined(Clue::Swapped as u64, joined(a.min(b), a.max(b))));
        }
    }
    let number = |passage: &Passage, token: &Token| {
        passage.word(*token).bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    for l in aligned.left.iter().filter(|token| number(left, token)).take(4) {
        for r in aligned.right.iter().filter(|token| number(right, token)).take(4) {
            found.push(joined(Clue::Numbers as u64, joined(l.id.min(r.id), l.id.max(r.id))));
        }
    }
}

fn heaviest(tokens: &[Token]) -> impl Iterator<Item = Token> {
    let mut tokens = tokens.to_vec();
    tokens.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.from.cmp(&b.from)));
    tokens.truncate(4);
    tokens.into_iter()
}

fn clue(kind: Clue, passage: &Passage, token: Token) -> Id {
    joined(kind as u64, folded(passage, token))
}

/// Numbers are as good as others of their length, codes as any other code.
fn folded(passage: &Passage, token: Token) -> Id {
    if !token.digits {
        return token.id;
    }
    let word = passage.word(token);
    if word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        text::id_of(format!("#n{}", word.len()).as_bytes())
    } else if text::is_code(word) {
        text::id_of(b"#c")
    } else {
        token.id
    }
}

/// The fitted regression.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Clues {
    weights: ById<f32>,
    bias: f32,
}

/// As JSON: sorted.
#[derive(Serialize, Deserialize)]
struct Stored {
    weights: Vec<(Id, f32)>,
    bias: f32,
}

impl From<Stored> for Clues {
    fn from(stored: Stored) -> Self {
        Self { weights: stored.weights.into_iter().collect(), bias: stored.bias }
    }
}

impl From<Clues> for Stored {
    fn from(clues: Clues) -> Self {
        let mut weights: Vec<_> = clues.weights.into_iter().collect();
        weights.sort_unstable_by_key(|(id, _)| *id);
        Self { weights, bias: clues.bias }
    }
}

impl Clues {
    /// The logit of a pair's clues.
    #[must_use]
    pub fn logit(&self, clues: &[Id]) -> f32 {
        self.bias + clues.iter().filter_map(|clue| self.weights.get(clue)).sum::<f32>()
    }

    /// Fits the regression, and gives for each training pair the logit of one that did not see it.
    #[must_use]
    pub fn fit(rows: &[Vec<Id>], labels: &[bool], seed: u64) -> (Self, Vec<f32>) {
        let mut counts = Corpus::default();
        rows.iter().for_each(|row| counts.add(row.clone()));
        let mut columns: Vec<Id> =
            rows.iter().flatten().copied().filter(|id| counts.frequency(*id) >= FEWEST).collect();
        columns.sort_unstable();
        columns.dedup();
        let place: ById<u32> = columns.iter().enumerate().map(|(at, id)| (*id, at as u32)).collect();
        let mut matrix = Rows::of_width(columns.len());
        let cells = |row: &Vec<Id>| row.iter().filter_map(|id| Some((*place.get(id)?, 1.0))).collect::<Vec<_>>();
        rows.iter().for_each(|row| matrix.push(cells(row)));
        let fold = Random::of(seed).folds(labels, FOLDS);
        let mut unseen = vec![0.0; rows.len()];
        for out in 0..FOLDS {
            let (held, seen): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|row| fold[*row] == out);
            let fitted = Logistic::fit(&matrix, labels, &seen, PENALTY);
            held.into_iter().for_each(|row| unseen[row] = fitted.logit(cells(&rows[row])));
        }
        let all: Vec<usize> = (0..rows.len()).collect();
        let fitted = Logistic::fit(&matrix, labels, &all, PENALTY);
        (Self { weights: columns.into_iter().zip(fitted.weights).collect(), bias: fitted.bias }, unseen)
    }
}
