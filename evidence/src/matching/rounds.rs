//! Judgements among rivals: each round judges all pairs, and the next one knows how every pair stands among its rivals by that.

use serde::{Deserialize, Serialize};

use super::context::{self, BASES};
use super::growing::Growth;
use super::model::Compared;
use super::random::Random;
use super::record::Pair;
use super::schema::Schema;
use super::scorer::{Effort, Examples, Scorer};
use super::vector;

/// How many rounds come before the last judgement.
const ROUNDS: usize = 2;

/// A pair of the training is judged by a scorer that did not see it: that of its fold.
const FOLDS: usize = 5;

/// Quick judges, a few per round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rounds(Vec<Vec<Scorer>>);

/// Labels of the first pairs that are learned from, then of those that end the growth.
pub struct Labels<'l> {
    /// To learn from.
    pub train: &'l [bool],
    /// To end the growth.
    pub valid: &'l [bool],
}

impl Rounds {
    /// Trains all rounds, and gives the context of every pair.
    #[must_use]
    pub fn train(
        schema: &Schema,
        pairs: &[Pair],
        compared: &[Compared],
        labels: &Labels<'_>,
        seed: u64,
    ) -> (Self, Vec<Vec<f32>>) {
        let mut contexts = likenesses(schema, pairs, compared);
        let mut rounds = Vec::new();
        for number in 0..ROUNDS {
            // The first round judges pairs alone.
            let known = if number == 0 { vec![Vec::new(); pairs.len()] } else { contexts.clone() };
            let (round, logits) = round(compared, &known, labels, seed + 100 * number as u64);
            extend(&mut contexts, context::by_judgement(pairs, &logits));
            rounds.push(round);
        }
        (Self(rounds), contexts)
    }

    /// The context of every pair.
    #[must_use]
    pub fn contexts(&self, schema: &Schema, pairs: &[Pair], compared: &[Compared]) -> Vec<Vec<f32>> {
        let mut contexts = likenesses(schema, pairs, compared);
        for (number, round) in self.0.iter().enumerate() {
            let known = |at: usize| if number == 0 { &[][..] } else { &contexts[at][..] };
            let logits: Vec<f32> =
                compared.iter().enumerate().map(|(at, compared)| mean(round, compared, known(at))).collect();
            extend(&mut contexts, context::by_judgement(pairs, &logits));
        }
        contexts
    }

    /// Names of the context's parts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        context::names(self.0.len())
    }
}

/// Trains a judge without each fold. The others' logits are of that fold's judge, or the mean of all where none saw the pair.
fn round(compared: &[Compared], known: &[Vec<f32>], labels: &Labels<'_>, seed: u64) -> (Vec<Scorer>, Vec<f32>) {
    let train = labels.train;
    let fold = Random::of(seed).folds(train, FOLDS);
    let examples = |rows: &[usize], labels: Vec<bool>| Examples {
        vectors: rows.iter().map(|row| compared[*row].with(&known[*row])).collect(),
        clues: rows.iter().map(|row| compared[*row].clues.clone()).collect(),
        labels,
    };
    let ends: Vec<usize> = (train.len()..train.len() + labels.valid.len()).collect();
    let end = examples(&ends, labels.valid.to_vec());
    let growth = Growth { rate: 0.1, trees: 120, patience: 20, ..Growth::default() };
    let mut logits = vec![0.0; compared.len()];
    let mut judges = Vec::new();
    for out in 0..FOLDS {
        let (held, seen): (Vec<usize>, Vec<usize>) = (0..train.len()).partition(|row| fold[*row] == out);
        let lesson = examples(&seen, seen.iter().map(|row| train[*row]).collect());
        let judge =
            Scorer::train(&lesson, &end, &Effort { forests: 1, growth: growth.clone(), seed: seed + out as u64 });
        held.into_iter().for_each(|row| logits[row] = raw(&judge, &compared[row], &known[row]));
        judges.push(judge);
    }
    (train.len()..compared.len()).for_each(|row| logits[row] = mean(&judges, &compared[row], &known[row]));
    (judges, logits)
}

fn mean(judges: &[Scorer], compared: &Compared, known: &[f32]) -> f32 {
    judges.iter().map(|judge| raw(judge, compared, known)).sum::<f32>() / judges.len().max(1) as f32
}

fn raw(judge: &Scorer, compared: &Compared, known: &[f32]) -> f32 {
    judge.score(compared.with(known), &compared.clues).raw as f32
}

fn extend(contexts: &mut [Vec<f32>], more: Vec<Vec<f32>>) {
    contexts.iter_mut().zip(more).for_each(|(context, more)| context.extend(more));
}

fn likenesses(schema: &Schema, pairs: &[Pair], compared: &[Compared]) -> Vec<Vec<f32>> {
    let names = vector::names(schema);
    let places = BASES.map(|base| names.iter().position(|name| name == base).expect("every vector has the bases"));
    let likeness: Vec<context::Likeness> =
        compared.iter().map(|compared| places.map(|place| compared.vector[place])).collect();
    context::by_likeness(pairs, &likeness)
}
