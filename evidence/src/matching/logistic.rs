//! Logistic regression with an L2 penalty, on rows that list only what is not zero.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Rows of a matrix, each as its columns and values.
#[derive(Debug, Clone)]
pub struct Rows {
    starts: Vec<usize>,
    cells: Vec<(u32, f32)>,
    width: usize,
}

impl Rows {
    /// No rows of `width` columns.
    #[must_use]
    pub fn of_width(width: usize) -> Self {
        Self { starts: vec![0], cells: Vec::new(), width }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl IntoIterator<Item = (u32, f32)>) {
        self.cells.extend(cells);
        self.starts.push(self.cells.len());
    }

    fn row(&self, at: usize) -> &[(u32, f32)] {
        &self.cells[self.starts[at]..self.starts[at + 1]]
    }
}

/// A fitted regression.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Logistic {
    /// One weight per column.
    pub weights: Vec<f32>,
    /// The logit of a row of zeros.
    pub bias: f32,
}

/// How many steps the search remembers.
const MEMORY: usize = 8;

impl Logistic {
    /// The logit of a row.
    #[must_use]
    pub fn logit(&self, cells: impl IntoIterator<Item = (u32, f32)>) -> f32 {
        self.bias + cells.into_iter().map(|(column, value)| self.weights[column as usize] * value).sum::<f32>()
    }

    /// Minimises the sum of the log losses of the chosen rows + `penalty` / 2 x squared weights, by L-BFGS.
    #[must_use]
    pub fn fit(rows: &Rows, labels: &[bool], chosen: &[usize], penalty: f64) -> Self {
        Self::fit_weighted(rows, labels, &vec![1.0; labels.len()], chosen, penalty)
    }

    /// The same, each row with its weight.
    #[must_use]
    pub fn fit_weighted(rows: &Rows, labels: &[bool], weights: &[f64], chosen: &[usize], penalty: f64) -> Self {
        let loss = Loss { rows, labels, weights, chosen, penalty };
        let matches = chosen.iter().filter(|row| labels[**row]).count() as f64;
        let mut at = vec![0.0; rows.width + 1];
        at[rows.width] = ((matches + 0.5) / (chosen.len() as f64 - matches + 0.5)).ln();
        let (mut value, mut slope) = loss.at(&at);
        let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
        for _ in 0..150 {
            if norm(&slope) <= 1e-3 * (1.0 + norm(&at)) {
                break;
            }
            let direction = downhill(&slope, &memory);
            let descent = dot(&direction, &slope);
            let mut length = if memory.is_empty() { 1.0 / norm(&slope).max(1.0) } else { 1.0 };
            let (next, next_value, next_slope) = loop {
                let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
                let (value_there, slope_there) = loss.at(&next);
                if value_there <= value + 1e-4 * length * descent || length < 1e-10 {
                    break (next, value_there, slope_there);
                }
                length /= 2.0;
            };
            let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
            let bend: Vec<f64> = next_slope.iter().zip(&slope).map(|(a, b)| a - b).collect();
            let flat = value - next_value <= 1e-9 * value.abs();
            (at, value, slope) = (next, next_value, next_slope);
            if flat {
                break;
            }
            if dot(&step, &bend) > 1e-12 {
                memory.push_back((step, bend));
            }
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        let bias = at.pop().unwrap_or(0.0) as f32;
        Self { weights: at.into_iter().map(|weight| weight as f32).collect(), bias }
    }
}

struct Loss<'l> {
    rows: &'l Rows,
    labels: &'l [bool],
    weights: &'l [f64],
    chosen: &'l [usize],
    penalty: f64,
}

impl Loss<'_> {
    fn at(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let width = self.rows.width;
        let mut value = 0.0;
        let mut slope: Vec<f64> = weights.iter().map(|weight| self.penalty * weight).collect();
        slope[width] = 0.0;
        for row in self.chosen {
            let cells = self.rows.row(*row);
            let logit = weights[width] + cells.iter().map(|(c, v)| weights[*c as usize] * f64::from(*v)).sum::<f64>();
            let label = f64::from(u8::from(self.labels[*row]));
            value += self.weights[*row] * (softplus(logit) - label * logit);
            let error = self.weights[*row] * (sigmoid(logit) - label);
            for (column, cell) in cells {
                slope[*column as usize] += error * f64::from(*cell);
            }
            slope[width] += error;
        }
        value += self.penalty / 2.0 * dot(&weights[..width], &weights[..width]);
        (value, slope)
    }
}

/// The two-loop recursion.
fn downhill(slope: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|part| -part).collect();
    let mut shares = Vec::new();
    for (step, bend) in memory.iter().rev() {
        let share = dot(step, &direction) / dot(step, bend);
        direction.iter_mut().zip(bend).for_each(|(d, b)| *d -= share * b);
        shares.push(share);
    }
    if let Some((step, bend)) = memory.back() {
        let scale = dot(step, bend) / dot(bend, bend);
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ((step, bend), share) in memory.iter().zip(shares.into_iter().rev()) {
        let other = dot(bend, &direction) / dot(step, bend);
        direction.iter_mut().zip(step).for_each(|(d, s)| *d += (share - other) * s);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// From a logit to a probability.
#[must_use]
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// From a probability to a logit, which stays finite.
#[must_use]
pub fn logit(probability: f64) -> f64 {
    let p = probability.clamp(1e-9, 1.0 - 1e-9);
    (p / (1.0 - p)).ln()
}

/// ln(1 + e^x) without overflow.
#[must_use]
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_optimum_is_found() {
        // One column that is 1 in four rows (three match) and 0 in four (one matches): without a penalty the logits are ln 3 and -ln 3.
        let labels = [true, true, true, false, true, false, false, false];
        let mut rows = Rows::of_width(1);
        (0..8).for_each(|row| rows.push((row < 4).then_some((0, 1.0))));
        let fitted = Logistic::fit(&rows, &labels, &[0, 1, 2, 3, 4, 5, 6, 7], 1e-9);
        assert!((fitted.bias + 3_f32.ln()).abs() < 1e-2, "{fitted:?}");
        assert!((fitted.weights[0] - 2.0 * 3_f32.ln()).abs() < 2e-2, "{fitted:?}");
        assert!((sigmoid(logit(0.85)) - 0.85).abs() < 1e-12);
    }
}
