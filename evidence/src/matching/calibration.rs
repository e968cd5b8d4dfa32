//! From a score to a probability that means what it says.

use serde::{Deserialize, Serialize};

use super::logistic::{Logistic, Rows, logit, sigmoid, softplus};
use super::random::Random;

/// A map from the logit of a score to a probability; it never falls where the score rises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The logit is stretched and moved.
    Platt {
        /// Factor, not negative.
        stretch: f64,
        /// Summand.
        shift: f64,
    },
    /// Both ends of the scale are stretched by themselves.
    Beta {
        /// Factor of ln p, not negative.
        rise: f64,
        /// Factor of -ln(1 - p), not negative.
        fall: f64,
        /// Summand.
        shift: f64,
    },
    /// Steps, straight lines between them.
    Isotonic {
        /// (logit, probability), both rising.
        points: Vec<(f64, f64)>,
    },
}

/// Fewest labels for isotonic steps; on fewer they follow chance.
const STEPS: usize = 1000;

/// Fits one kind to scores and labels.
type Fit = fn(&[f64], &[bool]) -> Calibration;

/// Folds in which the kinds are compared.
const FOLDS: usize = 5;

impl Calibration {
    /// The probability of a logit.
    #[must_use]
    pub fn probability(&self, score: f64) -> f64 {
        match self {
            Self::Platt { stretch, shift } => sigmoid(stretch * score + shift),
            // ln p = -softplus(-x), ln(1 - p) = -softplus(x).
            Self::Beta { rise, fall, shift } => sigmoid(fall * softplus(score) - rise * softplus(-score) + shift),
            Self::Isotonic { points } => between(points, score),
        }
    }

    /// Fits each kind and takes the one with the least log loss on labels that it was not fitted on.
    #[must_use]
    pub fn fit(scores: &[f64], labels: &[bool], seed: u64) -> Self {
        let fold = Random::of(seed).folds(labels, FOLDS);
        let kinds: [Fit; 3] = [Self::platt, Self::beta, Self::isotonic];
        let held_out = |fit: Fit| -> f64 {
            (0..FOLDS)
                .map(|out| {
                    let (own, own_labels) = part(scores, labels, |row| fold[row] != out);
                    let (others, other_labels) = part(scores, labels, |row| fold[row] == out);
                    let fitted = fit(&own, &own_labels);
                    let loss = |(score, label): (&f64, &bool)| {
                        let p = fitted.probability(*score).clamp(1e-6, 1.0 - 1e-6);
                        -(if *label { p } else { 1.0 - p }).ln()
                    };
                    others.iter().zip(&other_labels).map(loss).sum::<f64>()
                })
                .sum()
        };
        let losses = kinds.map(held_out);
        let enough = if labels.len() < STEPS { 2 } else { kinds.len() };
        // A kind with more freedom has to be clearly better.
        let best = (1..enough).fold(0, |best, kind| if losses[kind] < 0.99 * losses[best] { kind } else { best });
        kinds[best](scores, labels)
    }

    /// Platt's: a logistic regression on the score, its targets pulled in as if one more of each label had been seen.
    #[must_use]
    pub fn platt(scores: &[f64], labels: &[bool]) -> Self {
        let (weights, shift) = regress(scores.iter().map(|score| vec![*score]).collect(), labels);
        Self::Platt { stretch: weights[0].max(0.0), shift }
    }

    /// Kull's: a logistic regression on ln p and -ln(1 - p).
    #[must_use]
    pub fn beta(scores: &[f64], labels: &[bool]) -> Self {
        let rows = |rise: bool, fall: bool| -> Vec<Vec<f64>> {
            let of = |score: &f64| {
                [rise.then(|| -softplus(-score)), fall.then(|| softplus(*score))].into_iter().flatten().collect()
            };
            scores.iter().map(of).collect()
        };
        let (weights, shift) = regress(rows(true, true), labels);
        match (weights[0] >= 0.0, weights[1] >= 0.0) {
            (true, true) => Self::Beta { rise: weights[0], fall: weights[1], shift },
            (rise, _) => {
                // A side that would make it fall is left out.
                let (weights, shift) = regress(rows(rise, !rise), labels);
                let weight = weights[0].max(0.0);
                Self::Beta { rise: if rise { weight } else { 0.0 }, fall: if rise { 0.0 } else { weight }, shift }
            }
        }
    }

    /// Pools neighbours that would fall until none does.
    #[must_use]
    pub fn isotonic(scores: &[f64], labels: &[bool]) -> Self {
        let mut order: Vec<(f64, f64)> =
            scores.iter().zip(labels).map(|(s, l)| (*s, f64::from(u8::from(*l)))).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Sum of scores, sum of labels, number.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        for same in order.chunk_by(|a, b| a.0 == b.0) {
            let number = same.len() as f64;
            blocks.push((same[0].0 * number, same.iter().map(|(_, label)| label).sum(), number));
            while let [.., a, b] = blocks[..] {
                if a.1 / a.2 < b.1 / b.2 {
                    break;
                }
                blocks.truncate(blocks.len() - 2);
                blocks.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
            }
        }
        // As if half a label of each kind more had been seen: no block is certain.
        Self::Isotonic { points: blocks.iter().map(|(s, l, n)| (s / n, (l + 0.5) / (n + 1.0))).collect::<Vec<_>>() }
            .rising()
    }

    fn rising(self) -> Self {
        let Self::Isotonic { mut points } = self else { return self };
        for at in 1..points.len() {
            points[at].1 = points[at].1.max(points[at - 1].1);
        }
        Self::Isotonic { points }
    }
}

fn between(points: &[(f64, f64)], score: f64) -> f64 {
    let at = points.partition_point(|(place, _)| *place <= score);
    match (at.checked_sub(1).and_then(|before| points.get(before)), points.get(at)) {
        (Some((a, low)), Some((b, high))) => low + (high - low) * ((score - a) / (b - a)).clamp(0.0, 1.0),
        (Some((_, p)), None) | (None, Some((_, p))) => *p,
        (None, None) => 0.5,
    }
}

fn part(scores: &[f64], labels: &[bool], wanted: impl Fn(usize) -> bool) -> (Vec<f64>, Vec<bool>) {
    (0..scores.len()).filter(|row| wanted(*row)).map(|row| (scores[row], labels[row])).unzip()
}

/// Newton's method on soft targets: (n+ + 1) / (n+ + 2) and 1 / (n- + 2).
fn regress(rows: Vec<Vec<f64>>, labels: &[bool]) -> (Vec<f64>, f64) {
    let width = rows.first().map_or(1, Vec::len);
    let matches = labels.iter().filter(|label| **label).count() as f64;
    let (high, low) = ((matches + 1.0) / (matches + 2.0), 1.0 / (labels.len() as f64 - matches + 2.0));
    // Each row twice: once as a match with the weight of its target, once as none with the rest.
    let mut twice = Rows::of_width(width);
    let (mut twins, mut weights) = (Vec::new(), Vec::new());
    for (row, label) in rows.iter().zip(labels) {
        let target = if *label { high } else { low };
        for (twin, weight) in [(true, target), (false, 1.0 - target)] {
            twice.push(row.iter().enumerate().map(|(column, value)| (column as u32, *value as f32)));
            twins.push(twin);
            weights.push(weight);
        }
    }
    let chosen: Vec<usize> = (0..twins.len()).collect();
    let fitted = Logistic::fit_weighted(&twice, &twins, &weights, &chosen, 1e-3);
    (fitted.weights.iter().map(|weight| f64::from(*weight)).collect(), f64::from(fitted.bias))
}

/// The mean of several probabilities, taken where they add up: on their logits.
#[must_use]
pub fn mean_logit(probabilities: &[f64]) -> f64 {
    sigmoid(probabilities.iter().map(|p| logit(*p)).sum::<f64>() / probabilities.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_overconfident_score_is_put_right() {
        // Scores say 95 % where 80 % match.
        let scores: Vec<f64> = (0..1000).map(|row| if row % 2 == 0 { 3.0 } else { -3.0 }).collect();
        let labels: Vec<bool> = (0..1000).map(|row| if row % 2 == 0 { row % 10 != 0 } else { row % 10 == 1 }).collect();
        for fit in [Calibration::platt, Calibration::beta, Calibration::isotonic] {
            let fitted = fit(&scores, &labels);
            assert!((fitted.probability(3.0) - 0.8).abs() < 0.01, "{fitted:?} {}", fitted.probability(3.0));
            assert!((fitted.probability(-3.0) - 0.2).abs() < 0.01, "{fitted:?}");
        }
    }

    proptest! {
        #[test]
        fn a_higher_score_is_never_a_lower_probability(
            rows in proptest::collection::vec((-20.0..20.0_f64, any::<bool>()), 2..60),
            a in -25.0..25.0_f64, b in -25.0..25.0_f64,
        ) {
            let (scores, labels): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            for fit in [Calibration::platt, Calibration::beta, Calibration::isotonic] {
                let fitted = fit(&scores, &labels);
                let (low, high) = (fitted.probability(a.min(b)), fitted.probability(a.max(b)));
                prop_assert!(low <= high + 1e-12, "{fitted:?} {low} {high}");
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            }
        }
    }
}
