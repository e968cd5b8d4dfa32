//! How good probabilities are: right, and honest.

use serde::{Deserialize, Serialize};

/// Counts of a decision against the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Said to match, and matches.
    pub hits: u64,
    /// Said to match, and does not.
    pub false_alarms: u64,
    /// Said not to match, and does.
    pub misses: u64,
}

impl Counts {
    /// Counts what a bound on the probability decides.
    #[must_use]
    pub fn at(bound: f64, probabilities: &[f64], labels: &[bool]) -> Self {
        let mut counts = Self::default();
        for (p, label) in probabilities.iter().zip(labels) {
            match (*p >= bound, *label) {
                (true, true) => counts.hits += 1,
                (true, false) => counts.false_alarms += 1,
                (false, true) => counts.misses += 1,
                (false, false) => {}
            }
        }
        counts
    }

    /// Share of what was said to match that does; 1 when nothing was said.
    #[must_use]
    pub fn precision(self) -> f64 {
        share(self.hits, self.hits + self.false_alarms)
    }

    /// Share of the matches that were found.
    #[must_use]
    pub fn recall(self) -> f64 {
        share(self.hits, self.hits + self.misses)
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(self) -> f64 {
        share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Lower end of the 95 % interval of a share, after Wilson; 0 without trials.
#[must_use]
pub fn wilson_low(hits: u64, trials: u64) -> f64 {
    wilson(hits, trials).0
}

/// The 95 % interval of a share, after Wilson; everything without trials.
#[must_use]
pub fn wilson(hits: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (trials as f64, 1.959_963_984_540_054_f64);
    let p = hits as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}

/// One row of a reliability table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Probabilities in this bin.
    pub count: u64,
    /// Their mean.
    pub said: f64,
    /// Share of matches among them.
    pub was: f64,
}

/// Ten bins of equal width; 1.0 belongs to the last.
#[must_use]
pub fn reliability(probabilities: &[f64], labels: &[bool]) -> [Reliability; 10] {
    let mut bins = [Reliability::default(); 10];
    for (p, label) in probabilities.iter().zip(labels) {
        let bin = &mut bins[((p * 10.0) as usize).min(9)];
        bin.count += 1;
        bin.said += p;
        bin.was += f64::from(u8::from(*label));
    }
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.said /= bin.count as f64;
        bin.was /= bin.count as f64;
    }
    bins
}

/// Expected calibration error over ten bins of equal width.
#[must_use]
pub fn ece(probabilities: &[f64], labels: &[bool]) -> f64 {
    let off: f64 =
        reliability(probabilities, labels).iter().map(|bin| bin.count as f64 * (bin.said - bin.was).abs()).sum();
    off / probabilities.len().max(1) as f64
}

/// Mean squared error of the probabilities.
#[must_use]
pub fn brier(probabilities: &[f64], labels: &[bool]) -> f64 {
    mean(probabilities, labels, |p, label| (p - f64::from(u8::from(label))).powi(2))
}

/// Mean of -ln of the probability that was given to what is true.
#[must_use]
pub fn log_loss(probabilities: &[f64], labels: &[bool]) -> f64 {
    mean(probabilities, labels, |p, label| -(if label { p } else { 1.0 - p }).max(1e-15).ln())
}

fn mean(probabilities: &[f64], labels: &[bool], of: impl Fn(f64, bool) -> f64) -> f64 {
    let sum: f64 = probabilities.iter().zip(labels).map(|(p, label)| of(*p, *label)).sum();
    sum / probabilities.len().max(1) as f64
}

/// Area under the curve of precision over recall, as average precision; equal probabilities count as one step.
#[must_use]
pub fn pr_auc(probabilities: &[f64], labels: &[bool]) -> f64 {
    let mut order: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let matches = labels.iter().filter(|label| **label).count() as f64;
    let (mut hits, mut said, mut area) = (0.0, 0.0, 0.0);
    for step in order.chunk_by(|a, b| a.0 == b.0) {
        let found = step.iter().filter(|(_, label)| *label).count() as f64;
        said += step.len() as f64;
        hits += found;
        area += found / matches * (hits / said);
    }
    if matches == 0.0 { 0.0 } else { area }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4
    }

    #[test]
    fn wilson_by_hand() {
        // 9 of 10: (0.9 + 0.19207 ± 1.95996 * sqrt(0.009 + 0.0096036)) / 1.384146
        assert!(near(wilson(9, 10).0, 0.5958) && near(wilson(9, 10).1, 0.9821));
        assert!(near(wilson_low(10, 10), 0.7225));
        assert!(near(wilson_low(0, 10), 0.0));
        assert!(near(wilson(0, 0).0, 0.0) && near(wilson(0, 0).1, 1.0));
        // Fewest faultless answers that pass a gate of 0.85.
        assert!(wilson_low(21, 21) < 0.85 && wilson_low(22, 22) >= 0.85);
    }

    #[test]
    fn errors_by_hand() {
        let p = [0.95, 0.95, 0.15, 0.55];
        let labels = [true, false, false, true];
        // Bins: |0.95 - 0.5| of two, |0.15 - 0| and |0.55 - 1| of one each.
        assert!(near(ece(&p, &labels), (2.0 * 0.45 + 0.15 + 0.45) / 4.0));
        assert!(near(brier(&p, &labels), (0.0025 + 0.9025 + 0.0225 + 0.2025) / 4.0));
        assert!(near(log_loss(&p, &labels), (-(0.95_f64.ln()) - 0.05_f64.ln() - 0.85_f64.ln() - 0.55_f64.ln()) / 4.0));
        // Steps: one of two at recall 1/2 (a tie), then 2 of 3.
        assert!(near(pr_auc(&p, &labels), 0.5 * 0.5 + 0.5 * (2.0 / 3.0)));
        assert_eq!(reliability(&[1.0], &[true])[9].count, 1);
    }

    #[test]
    fn counts_by_hand() {
        let counts = Counts::at(0.5, &[0.5, 0.49, 0.9, 0.1], &[true, true, false, false]);
        assert_eq!(counts, Counts { hits: 1, false_alarms: 1, misses: 1 });
        assert!(near(counts.precision(), 0.5) && near(counts.recall(), 0.5) && near(counts.f1(), 0.5));
        assert!(near(Counts::default().precision(), 1.0));
    }
}
