//! The learned judge of one kind of vector: boosted trees over the vector and what the word clues say, and a dense regression, averaged as
//! logits.

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::clues::Clues;
use super::growing::{Growth, Lesson, grow};
use super::linear::Linear;
use super::logistic::softplus;
use super::text::Id;
use super::trees::Forest;

/// A fitted judge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scorer {
    forests: Vec<Forest>,
    clues: Clues,
    linear: Linear,
    /// Share of the dense regression.
    blend: f32,
    calibration: Calibration,
}

/// What was said about a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The logit before calibration.
    pub raw: f64,
    /// The calibrated probability.
    pub probability: f64,
}

/// Labelled pairs as vectors and clues.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// The comparison vectors.
    pub vectors: Vec<Vec<f32>>,
    /// The word clues.
    pub clues: Vec<Vec<Id>>,
    /// Whether they match.
    pub labels: Vec<bool>,
}

/// How much is trained.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Forests; their logits are averaged.
    pub forests: u64,
    /// How each grows.
    pub growth: Growth,
    /// Where randomness begins.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { forests: 4, growth: Growth::default(), seed: 1 }
    }
}

impl Scorer {
    /// Learns from `train`; `valid` ends the growth, chooses the blend and calibrates.
    #[must_use]
    pub fn train(train: &Examples, valid: &Examples, effort: &Effort) -> Self {
        let (clues, unseen) = Clues::fit(&train.clues, &train.labels, effort.seed);
        let known: Vec<f32> = valid.clues.iter().map(|row| clues.logit(row)).collect();
        let (more, more_valid) = (widened(&train.vectors, &unseen), widened(&valid.vectors, &known));
        let (lesson, end) =
            (Lesson { vectors: &more, labels: &train.labels }, Lesson { vectors: &more_valid, labels: &valid.labels });
        let seeds = (1..=effort.forests).map(|number| effort.seed.wrapping_mul(1000) + number);
        let forests = seeds.map(|seed| grow(&effort.growth, seed, lesson, end)).collect();
        let linear = Linear::fit(&more, &train.labels);
        let mut scorer =
            Self { forests, clues, linear, blend: 0.0, calibration: Calibration::Platt { stretch: 1.0, shift: 0.0 } };
        let parts: Vec<(f32, f32)> =
            more_valid.iter().map(|vector| (scorer.by_trees(vector), scorer.linear.logit(vector))).collect();
        let loss = |blend: f32| -> f64 {
            let logits: Vec<f64> = parts.iter().map(|(trees, line)| f64::from(mix(*trees, *line, blend))).collect();
            let platt = Calibration::platt(&logits, &valid.labels);
            let said = logits.iter().map(|logit| super::logistic::logit(platt.probability(*logit)));
            said.zip(&valid.labels).map(|(x, label)| softplus(x) - if *label { x } else { 0.0 }).sum()
        };
        let blends = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5].map(|blend| (blend, loss(blend)));
        scorer.blend = blends.into_iter().fold(blends[0], |best, next| if next.1 < best.1 { next } else { best }).0;
        let logits: Vec<f64> = parts.iter().map(|(trees, line)| f64::from(mix(*trees, *line, scorer.blend))).collect();
        scorer.calibration = Calibration::fit(&logits, &valid.labels, effort.seed);
        scorer
    }

    /// Judges a pair.
    #[must_use]
    pub fn score(&self, mut vector: Vec<f32>, clues: &[Id]) -> Score {
        vector.push(self.clues.logit(clues));
        let raw = f64::from(mix(self.by_trees(&vector), self.linear.logit(&vector), self.blend));
        Score { raw, probability: self.calibration.probability(raw) }
    }

    /// What each group of parts does to the logit: with it less with its mean instead. The place after the vector's end is the clues'.
    #[must_use]
    pub fn effects(&self, mut vector: Vec<f32>, clues: &[Id], groups: &[Vec<usize>]) -> Vec<f64> {
        vector.push(self.clues.logit(clues));
        let logit = |vector: &[f32]| f64::from(mix(self.by_trees(vector), self.linear.logit(vector), self.blend));
        let all = logit(&vector);
        let without = |group: &Vec<usize>| {
            let mut vector = vector.clone();
            group.iter().for_each(|at| vector[*at] = self.linear.mean(*at));
            all - logit(&vector)
        };
        groups.iter().map(without).collect()
    }

    /// How scores become probabilities.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// A line on what was fitted.
    #[must_use]
    pub fn summary(&self) -> String {
        let trees: usize = self.forests.iter().map(Forest::len).sum();
        format!("{trees} trees, {} of the regression, {:?}", self.blend, self.calibration)
    }

    fn by_trees(&self, vector: &[f32]) -> f32 {
        self.forests.iter().map(|forest| forest.logit(vector)).sum::<f32>() / self.forests.len().max(1) as f32
    }
}

fn mix(trees: f32, line: f32, blend: f32) -> f32 {
    trees * (1.0 - blend) + line * blend
}

fn widened(vectors: &[Vec<f32>], last: &[f32]) -> Vec<Vec<f32>> {
    vectors
        .iter()
        .zip(last)
        .map(|(vector, last)| vector.iter().copied().chain(std::iter::once(*last)).collect())
        .collect()
}
