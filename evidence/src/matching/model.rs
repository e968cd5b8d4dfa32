//! The learned model: knows its columns, how rare words are, and two judges, for a pair alone and for a pair among its rivals.

use serde::{Deserialize, Serialize};

use super::clues::clues;
use super::corpus::Corpus;
use super::explain::{Effect, Explanation};
use super::prepare::{Prepared, counted, prepare};
use super::record::{Labelled, Pair, Record, Tables};
use super::rounds::{Labels, Rounds};
use super::schema::Schema;
use super::scorer::{Effort, Examples, Score, Scorer};
use super::text::Id;
use super::vector;

/// Counted up when a stored model would no longer mean the same.
pub const FORMAT: u32 = 1;

/// A trained model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// The format that it is stored in.
    pub format: u32,
    /// Names this model in every decision.
    pub version: String,
    /// The columns.
    pub schema: Schema,
    corpus: Corpus,
    alone: Scorer,
    rounds: Rounds,
    among_rivals: Scorer,
}

/// A compared pair.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The comparison vector.
    pub vector: Vec<f32>,
    /// The word clues.
    pub clues: Vec<Id>,
}

impl Compared {
    /// The vector and more parts behind it.
    #[must_use]
    pub fn with(&self, more: &[f32]) -> Vec<f32> {
        self.vector.iter().chain(more).copied().collect()
    }
}

/// Compares records by what a model knows of its columns and words.
#[derive(Debug, Clone, Copy)]
pub struct Comparer<'m> {
    schema: &'m Schema,
    corpus: &'m Corpus,
}

impl Comparer<'_> {
    /// Makes a record ready to be compared.
    #[must_use]
    pub fn prepare(&self, record: &Record) -> Prepared {
        prepare(self.schema, self.corpus, record)
    }

    /// Compares two records.
    #[must_use]
    pub fn compare(&self, left: &Prepared, right: &Prepared) -> Compared {
        let mut vector = Vec::with_capacity(192);
        let aligned = vector::compare(self.schema, left, right, &mut vector);
        Compared { vector, clues: clues(left, right, &aligned) }
    }
}

/// Everything to learn from: labelled pairs, and unlabelled candidates that are only rivals.
#[derive(Debug, Clone, Copy)]
pub struct Lessons<'l> {
    /// The records.
    pub tables: &'l Tables,
    /// Pairs that are learned from.
    pub train: &'l [Labelled],
    /// Pairs that end the growth and calibrate.
    pub valid: &'l [Labelled],
    /// Other candidates among the same records.
    pub rivals: &'l [Pair],
}

impl Model {
    /// Trains a model. The same lessons and effort give the same model.
    #[must_use]
    pub fn train(version: &str, lessons: Lessons<'_>, effort: &Effort) -> Self {
        let tables = lessons.tables;
        let side = |of: fn(&Pair) -> u32| {
            let mut numbers: Vec<u32> = lessons.train.iter().map(|labelled| of(&labelled.pair)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let seen: Vec<&Record> = side(|pair| pair.left)
            .into_iter()
            .map(|number| &tables.left[number as usize])
            .chain(side(|pair| pair.right).into_iter().map(|number| &tables.right[number as usize]))
            .collect();
        let schema = Schema::discover(seen.iter().copied());
        let mut corpus = Corpus::default();
        seen.iter().for_each(|record| corpus.add(counted(&schema, record)));

        let comparer = Comparer { schema: &schema, corpus: &corpus };
        let pairs: Vec<Pair> = lessons
            .train
            .iter()
            .chain(lessons.valid)
            .map(|labelled| labelled.pair)
            .chain(lessons.rivals.iter().copied())
            .collect();
        let compared = compare_all(comparer, tables, &pairs);
        let labels = |labelled: &[Labelled]| labelled.iter().map(|labelled| labelled.matches).collect::<Vec<bool>>();
        let labels = Labels { train: &labels(lessons.train), valid: &labels(lessons.valid) };
        let (rounds, parts) = Rounds::train(&schema, &pairs, &compared, &labels, effort.seed);
        let examples = |from: usize, labelled: &[Labelled], context: bool| {
            let rows = from..from + labelled.len();
            let vector = |row: usize| {
                compared[row].vector.iter().chain(parts[row].iter().filter(|_| context)).copied().collect()
            };
            Examples {
                vectors: rows.clone().map(vector).collect(),
                clues: rows.map(|row| compared[row].clues.clone()).collect(),
                labels: labelled.iter().map(|labelled| labelled.matches).collect(),
            }
        };
        let learn = |context: bool| {
            let valid = examples(lessons.train.len(), lessons.valid, context);
            Scorer::train(&examples(0, lessons.train, context), &valid, effort)
        };
        let (alone, among_rivals) = (learn(false), learn(true));
        Self { format: FORMAT, version: version.to_owned(), schema, corpus, alone, rounds, among_rivals }
    }

    /// Compares records as this model does.
    #[must_use]
    pub fn comparer(&self) -> Comparer<'_> {
        Comparer { schema: &self.schema, corpus: &self.corpus }
    }

    /// Judges a pair by itself.
    #[must_use]
    pub fn score(&self, left: &Prepared, right: &Prepared) -> Score {
        self.score_compared(&self.comparer().compare(left, right))
    }

    /// Judges a compared pair by itself.
    #[must_use]
    pub fn score_compared(&self, compared: &Compared) -> Score {
        self.alone.score(compared.vector.clone(), &compared.clues)
    }

    /// Judges each of `pairs` among all of them as its rivals.
    #[must_use]
    pub fn score_among_rivals(&self, pairs: &[Pair], compared: &[Compared]) -> Vec<Score> {
        let contexts = self.contexts(pairs, compared);
        compared.iter().zip(&contexts).map(|(compared, context)| self.score_in(compared, context)).collect()
    }

    /// How each of `pairs` stands among all of them.
    #[must_use]
    pub fn contexts(&self, pairs: &[Pair], compared: &[Compared]) -> Vec<Vec<f32>> {
        self.rounds.contexts(&self.schema, pairs, compared)
    }

    /// Judges a compared pair in its context.
    #[must_use]
    pub fn score_in(&self, compared: &Compared, context: &[f32]) -> Score {
        self.among_rivals.score(compared.with(context), &compared.clues)
    }

    /// Judges a compared pair, alone or in its context, and says why.
    #[must_use]
    pub fn explain(&self, compared: &Compared, context: Option<&[f32]>) -> Explanation {
        let (scorer, rivals) =
            (if context.is_some() { &self.among_rivals } else { &self.alone }, context.unwrap_or_default());
        let vector = compared.with(rivals);
        let mut names = vector::names(&self.schema);
        names.extend(self.rounds.names().into_iter().take(rivals.len()));
        let (mut parts, mut groups): (Vec<String>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        let labels = names
            .iter()
            .enumerate()
            .map(|(at, name)| if at < compared.vector.len() { vector::part(name) } else { "rivals" });
        for (at, label) in labels.chain(["single words"]).enumerate() {
            match parts.iter().position(|part| part == label) {
                Some(known) => groups[known].push(at),
                None => {
                    parts.push(label.to_owned());
                    groups.push(vec![at]);
                }
            }
        }
        let effects = scorer.effects(vector.clone(), &compared.clues, &groups);
        let mut weights: Vec<Effect> =
            parts.into_iter().zip(effects).map(|(part, weight)| Effect { part, weight }).collect();
        weights.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        let named = names.into_iter().zip(vector.iter().copied()).filter(|(_, value)| !value.is_nan()).collect();
        let score = scorer.score(vector, &compared.clues);
        Explanation { model_version: self.version.clone(), vector: named, weights, score }
    }

    /// What was fitted, for people.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("alone: {}; among rivals: {}", self.alone.summary(), self.among_rivals.summary())
    }
}

/// Prepares every record that occurs once, and compares all pairs.
#[must_use]
pub fn compare_all(comparer: Comparer<'_>, tables: &Tables, pairs: &[Pair]) -> Vec<Compared> {
    let ready = |records: &[Record], of: fn(&Pair) -> u32| {
        let mut ready: Vec<Option<Prepared>> = vec![None; records.len()];
        for pair in pairs {
            let number = of(pair) as usize;
            ready[number].get_or_insert_with(|| comparer.prepare(&records[number]));
        }
        ready
    };
    let (left, right) = (ready(&tables.left, |pair| pair.left), ready(&tables.right, |pair| pair.right));
    let both = |pair: &Pair| Some((left[pair.left as usize].as_ref()?, right[pair.right as usize].as_ref()?));
    pairs.iter().filter_map(both).map(|(left, right)| comparer.compare(left, right)).collect()
}
