//! Fellegi and Sunter's model, learned without labels: how many bits each field speaks for or against a match.

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use super::blocking;
use super::levels::{self, EQUAL, Field, LEVELS, MISSING, Style};
use super::logistic::{logit, sigmoid};
use super::random::Random;
use super::record::{Pair, Record};
use super::schema::{Column, Schema};
use super::text::{ById, Id};

/// Random pairs that show how often records agree by accident.
const ACCIDENTS: usize = 50_000;

/// The most rounds of EM; it ends before when nothing moves.
const ROUNDS: usize = 50;

/// A trained model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FellegiSunter {
    /// The columns.
    pub schema: Schema,
    fields: Vec<Weights>,
    /// Share of matches among the candidates.
    prior: f64,
}

/// What a field's levels say.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Weights {
    style: Style,
    /// How often a match has this level, when the field is there.
    of_matches: [f64; LEVELS],
    /// How often two records have it by accident.
    of_others: [f64; LEVELS],
    /// Share of the records that hold a value, where that is more than accident would give.
    common: Vec<(Id, f64)>,
}

/// What is assumed of a column before any data is seen.
#[derive(Debug, Clone, Copy)]
pub struct Assumed {
    /// How its levels are found.
    pub style: Style,
    /// How often a match has each level; what stands for missing does not count.
    pub of_matches: [f64; LEVELS],
    /// How often two others have it.
    pub of_others: [f64; LEVELS],
}

/// One field's word on a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The column.
    pub field: String,
    /// Its level of agreement.
    pub level: u8,
    /// Bits for a match; below 0 against it; 0 when missing.
    pub bits: f64,
}

/// A judged pair, with every part of the judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Bits before any field is looked at.
    pub prior: f64,
    /// Bits of each field.
    pub fields: Vec<Evidence>,
    /// The sum of all bits.
    pub bits: f64,
    /// The same as a probability.
    pub probability: f64,
}

/// Records made ready for this model.
pub type Ready = Vec<Vec<Field>>;

/// The candidates of two lists (or of one), judged.
#[derive(Debug)]
pub struct Linked {
    /// The model that was learned from them.
    pub model: FellegiSunter,
    /// The candidates.
    pub pairs: Vec<Pair>,
    /// Their probabilities.
    pub probabilities: Vec<f64>,
}

/// Finds the candidates among two lists, or within one, learns a model from them and judges them by it.
#[must_use]
pub fn link(left: &[Record], right: Option<&[Record]>, seed: u64) -> Linked {
    let all = left.iter().chain(right.unwrap_or_default());
    let schema = Schema::discover(all.clone());
    let styles = levels::styles(&schema, all);
    let ready = |records: &[Record]| -> Ready {
        records.iter().map(|record| levels::fields(&schema, &styles, record)).collect()
    };
    let (left, right) = (ready(left), right.map(ready));
    let pairs = blocking::candidates(&styles, &left, right.as_deref());
    let others = right.as_deref().unwrap_or(&left);
    let both = |pair: &Pair| (&left[pair.left as usize][..], &others[pair.right as usize][..]);
    let levels: Vec<Vec<u8>> = pairs.iter().map(both).map(|(l, r)| levels::of(&styles, l, r)).collect();
    let model = FellegiSunter::learn(&schema, &styles, &left, others, &levels, seed);
    let judge = |(pair, levels): (&Pair, &Vec<u8>)| {
        let (l, r) = both(pair);
        let words = model.fields.iter().zip(levels).zip(l.iter().zip(r));
        sigmoid(
            (model.prior_bits() + words.map(|((weights, level), (l, _))| weights.word(*level, l)).sum::<f64>()) * LN_2,
        )
    };
    let probabilities = pairs.iter().zip(&levels).map(judge).collect();
    Linked { model, pairs, probabilities }
}

impl FellegiSunter {
    /// Learns from the levels of the candidates by expectation maximisation. It begins with what random pairs agree on by accident; then the
    /// candidates that do not match show what candidates agree on, which is more: blocking chose them for it.
    #[must_use]
    pub fn learn(
        schema: &Schema,
        styles: &[Style],
        left: &[Vec<Field>],
        right: &[Vec<Field>],
        levels: &[Vec<u8>],
        seed: u64,
    ) -> Self {
        let mut random = Random::of(seed);
        let accident = |number: usize| {
            let mut counts = [0.5; LEVELS];
            let style = styles[number];
            for _ in 0..if left.is_empty() || right.is_empty() { 0 } else { ACCIDENTS / styles.len().max(1) } {
                let (l, r) = (random.below(left.len()), random.below(right.len()));
                counts[usize::from(levels::level(style, &left[l][number], &right[r][number]))] += 1.0;
            }
            counts
        };
        let accidents: Vec<[f64; LEVELS]> = (0..styles.len()).map(accident).collect();
        let weights = |(number, (style, counts)): (usize, (&Style, [f64; LEVELS]))| {
            let values = left.iter().chain(right).map(|fields| &fields[number]).filter(|field| !field.text.is_empty());
            Weights { style: *style, of_matches: start(), of_others: shares(counts), common: common(values) }
        };
        let fields = styles.iter().zip(accidents).enumerate().map(weights).collect();
        let mut model = Self { schema: schema.clone(), fields, prior: 0.1 };
        // Many candidates have the same levels: each pattern is judged once.
        let mut sorted: Vec<&Vec<u8>> = levels.iter().collect();
        sorted.sort_unstable();
        let patterns: Vec<(&Vec<u8>, f64)> =
            sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f64)).collect();
        for _ in 0..ROUNDS {
            if model.improve(&patterns) < 1e-6 {
                break;
            }
        }
        model
    }

    /// A model that nobody has trained: what is assumed of each column's levels, among matches and among others, from missing to equal.
    #[must_use]
    pub fn assumed(columns: Vec<(Column, Assumed)>, prior: f64) -> Self {
        let weights = |assumed: &Assumed| Weights {
            style: assumed.style,
            of_matches: shares(assumed.of_matches),
            of_others: shares(assumed.of_others),
            common: Vec::new(),
        };
        let fields = columns.iter().map(|(_, assumed)| weights(assumed)).collect();
        let columns = columns.into_iter().map(|(column, _)| column).collect();
        Self { schema: Schema { columns, main: None }, fields, prior }
    }

    /// One round of EM; says how far the prior moved.
    fn improve(&mut self, patterns: &[(&Vec<u8>, f64)]) -> f64 {
        let mut counts = vec![[0.01; LEVELS]; self.fields.len()];
        let mut others = vec![[0.01; LEVELS]; self.fields.len()];
        let (mut matches, mut all) = (0.5, 1.0);
        for (levels, number) in patterns {
            let bits: f64 = self.fields.iter().zip(*levels).map(|(weights, level)| weights.bits(*level)).sum();
            let share = sigmoid(bits * LN_2 + logit(self.prior)) * number;
            matches += share;
            all += number;
            for ((counts, others), level) in counts.iter_mut().zip(&mut others).zip(*levels) {
                counts[usize::from(*level)] += share;
                others[usize::from(*level)] += number - share;
            }
        }
        for (weights, (counts, others)) in self.fields.iter_mut().zip(counts.into_iter().zip(others)) {
            weights.of_matches = shares(counts);
            weights.of_others = shares(others);
        }
        let before = self.prior;
        self.prior = matches / all;
        (self.prior - before).abs()
    }

    /// Makes a record ready.
    #[must_use]
    pub fn ready(&self, record: &Record) -> Vec<Field> {
        let styles: Vec<Style> = self.fields.iter().map(|weights| weights.style).collect();
        levels::fields(&self.schema, &styles, record)
    }

    /// Judges two records and says why.
    #[must_use]
    pub fn judge(&self, left: &[Field], right: &[Field]) -> Judgement {
        let word = |((column, weights), (l, r)): ((&Column, &Weights), (&Field, &Field))| {
            let level = levels::level(weights.style, l, r);
            Evidence { field: column.name.clone(), level, bits: weights.word(level, l) }
        };
        let fields: Vec<Evidence> =
            self.schema.columns.iter().zip(&self.fields).zip(left.iter().zip(right)).map(word).collect();
        let prior = self.prior_bits();
        let bits = prior + fields.iter().map(|evidence| evidence.bits).sum::<f64>();
        Judgement { prior, bits, probability: sigmoid(bits * LN_2), fields }
    }

    fn prior_bits(&self) -> f64 {
        logit(self.prior) / LN_2
    }
}

impl Weights {
    fn bits(&self, level: u8) -> f64 {
        let level = usize::from(level);
        if level == usize::from(MISSING) { 0.0 } else { (self.of_matches[level] / self.of_others[level]).log2() }
    }

    /// The bits of a level; agreement on a common value says less than on a rare one.
    fn word(&self, level: u8, left: &Field) -> f64 {
        if level != EQUAL {
            return self.bits(level);
        }
        let accident = self.of_others[usize::from(EQUAL)];
        let share = self.common.binary_search_by_key(&left.id, |(id, _)| *id).map_or(accident, |at| self.common[at].1);
        (self.of_matches[usize::from(EQUAL)] / share.max(accident)).log2()
    }
}

/// Where EM begins: matches mostly agree.
fn start() -> [f64; LEVELS] {
    [0.0, 0.05, 0.05, 0.1, 0.2, 0.6]
}

/// Shares of the levels among the pairs where the field is there.
fn shares(mut counts: [f64; LEVELS]) -> [f64; LEVELS] {
    counts[usize::from(MISSING)] = 0.0;
    let all: f64 = counts.iter().sum();
    counts.map(|count| count / all.max(f64::MIN_POSITIVE))
}

/// Values that a hundredth of the records hold, or more, with their shares.
fn common<'f>(values: impl Iterator<Item = &'f Field>) -> Vec<(Id, f64)> {
    let (mut counts, mut all): (ById<f64>, f64) = (ById::default(), 0.0);
    for field in values {
        *counts.entry(field.id).or_default() += 1.0;
        all += 1.0;
    }
    let mut common: Vec<(Id, f64)> =
        counts.into_iter().map(|(id, count)| (id, count / all)).filter(|(_, share)| *share >= 0.01).collect();
    common.sort_unstable_by_key(|(id, _)| *id);
    common
}
