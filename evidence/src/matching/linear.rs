//! The dense regression: every part of the vector in units of its own spread.

use serde::{Deserialize, Serialize};

use super::logistic::{Logistic, Rows};

/// Penalty on the weights.
const PENALTY: f64 = 10.0;

/// A value this many spreads from the mean counts as that far.
const FAR: f32 = 4.0;

/// A fitted dense regression; a missing value counts as the mean and may have a weight of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Linear {
    mean: Vec<f32>,
    spread: Vec<f32>,
    regression: Logistic,
}

impl Linear {
    /// The logit of a vector.
    #[must_use]
    pub fn logit(&self, vector: &[f32]) -> f32 {
        self.regression.logit(self.cells(vector))
    }

    /// What a part mostly is.
    #[must_use]
    pub fn mean(&self, part: usize) -> f32 {
        self.mean[part]
    }

    fn cells<'v>(&'v self, vector: &'v [f32]) -> impl Iterator<Item = (u32, f32)> + 'v {
        vector.iter().enumerate().map(|(at, value)| {
            if value.is_nan() {
                return ((at + vector.len()) as u32, 1.0);
            }
            (at as u32, ((value - self.mean[at]) / self.spread[at]).clamp(-FAR, FAR))
        })
    }

    /// Fits the regression.
    #[must_use]
    pub fn fit(vectors: &[Vec<f32>], labels: &[bool]) -> Self {
        let width = vectors.first().map_or(0, Vec::len);
        let mut fitted = Self::default();
        for column in 0..width {
            let known = || vectors.iter().map(|vector| f64::from(vector[column])).filter(|value| !value.is_nan());
            let count = known().count().max(1) as f64;
            let mean = known().sum::<f64>() / count;
            let variance = known().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            fitted.mean.push(mean as f32);
            fitted.spread.push(if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 });
        }
        let mut rows = Rows::of_width(2 * width);
        vectors.iter().for_each(|vector| rows.push(fitted.cells(vector)));
        let all: Vec<usize> = (0..vectors.len()).collect();
        fitted.regression = Logistic::fit(&rows, labels, &all, PENALTY);
        fitted
    }
}
