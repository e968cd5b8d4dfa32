//! How good a judge is on labels that it has not learned from, and whether it is better than another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::match_judge::Judge;
use crate::match_training::Example;
use crate::matching::decision::{AUTOMATIC, Gate, PROMPT};
use crate::matching::metrics::{self, Counts};

/// Held-out labels below which nothing is said to be better than anything.
pub const FEWEST_TO_COMPARE: u64 = 10;

/// Figures on held-out labels; rates are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// Held-out labels.
    pub labels: u64,
    /// How many of them are matches.
    pub matches: u64,
    /// Precision at 0.5.
    pub precision: f64,
    /// Recall at 0.5.
    pub recall: f64,
    /// F1 at 0.5.
    pub f1: f64,
    /// Answers at 0.85 or above.
    pub automatic: u64,
    /// Precision at 0.85; 1 when nothing was answered there.
    pub precision_at_085: f64,
    /// Recall at 0.85.
    pub recall_at_085: f64,
    /// Share of answers from 0.5 to 0.85.
    pub share_prompt: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// Brier score.
    pub brier: f64,
    /// Mean log loss.
    pub log_loss: f64,
    /// Area under the curve of precision over recall.
    pub pr_auc: f64,
    /// Lower end of the 95 % interval of the precision at 0.85, after Wilson.
    pub wilson_low: f64,
}

/// Asks a judge about examples, and compares its answers with the truth.
pub fn measure<'e>(judge: &Judge, examples: impl Iterator<Item = &'e Example>) -> (Metrics, Gate) {
    let (answers, labels): (Vec<f64>, Vec<bool>) =
        examples.map(|example| (judge.probability(&example.subject, &example.said), example.proved)).unzip();
    of(&answers, &labels)
}

#[expect(clippy::float_arithmetic, reason = "a share")]
fn of(answers: &[f64], labels: &[bool]) -> (Metrics, Gate) {
    let gate = Gate::judge(answers, labels);
    let (half, sure) = (Counts::at(PROMPT, answers, labels), Counts::at(AUTOMATIC, answers, labels));
    let asked = answers.iter().filter(|answer| (PROMPT..AUTOMATIC).contains(*answer)).count();
    let metrics = Metrics {
        labels: gate.labels,
        matches: labels.iter().filter(|label| **label).count() as u64,
        precision: half.precision(),
        recall: half.recall(),
        f1: half.f1(),
        automatic: gate.automatic,
        precision_at_085: sure.precision(),
        recall_at_085: sure.recall(),
        share_prompt: asked as f64 / answers.len().max(1) as f64,
        ece: gate.ece,
        brier: metrics::brier(answers, labels),
        log_loss: metrics::log_loss(answers, labels),
        pr_auc: metrics::pr_auc(answers, labels),
        wilson_low: gate.wilson_low,
    };
    (metrics, gate)
}

/// Whether a model in shadow is better than the one that decides, both on the same held-out labels; and why, in a sentence.
pub fn better(shadow: &Metrics, active: &Metrics) -> (bool, String) {
    let losses = format!("log loss {:.4} against {:.4}", shadow.log_loss, active.log_loss);
    let precisions = format!("precision at 0.85 {:.3} against {:.3}", shadow.precision_at_085, active.precision_at_085);
    let measured = format!("on {} held-out labels", shadow.labels);
    if shadow.labels < FEWEST_TO_COMPARE {
        return (false, format!("not compared: {} held-out labels, {FEWEST_TO_COMPARE} are needed", shadow.labels));
    }
    if shadow.log_loss >= active.log_loss {
        return (false, format!("not better: {losses}, {measured}"));
    }
    // Who never answers there is never wrong there; that is no mark to keep up with.
    let mark = if active.automatic == 0 { AUTOMATIC } else { active.precision_at_085 };
    if shadow.precision_at_085 < mark {
        return (false, format!("not better: {precisions}, though {losses}, {measured}"));
    }
    (true, format!("better: {losses}, {precisions}, {measured}"))
}

/// Whether a model in shadow takes over: it is better, and does not close a gate that is open. Why, in a sentence.
pub fn takes_over(shadow: (&Metrics, &Gate), active: (&Metrics, &Gate)) -> (bool, String) {
    match better(shadow.0, active.0) {
        (true, reason) if active.1.open && !shadow.1.open => {
            (false, format!("{reason}; but it could not act by itself yet, and the present one can"))
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_a_lower_loss_without_a_lower_precision() {
        let active = Metrics { labels: 50, log_loss: 0.5, automatic: 10, precision_at_085: 0.9, ..Metrics::default() };
        let with = |log_loss, precision_at_085| Metrics { log_loss, precision_at_085, ..active.clone() };
        assert!(better(&with(0.4, 0.9), &active).0);
        assert!(!better(&with(0.5, 1.0), &active).0);
        assert!(!better(&with(0.4, 0.89), &active).0);
        let silent = Metrics { automatic: 0, precision_at_085: 1.0, ..active.clone() };
        assert!(better(&with(0.4, 0.9), &silent).0 && !better(&with(0.4, 0.8), &silent).0);
        let (few, some) = (Metrics { labels: 9, ..with(0.1, 1.0) }, Metrics { labels: 9, ..active });
        assert!(!better(&few, &some).0);
    }

    #[test]
    fn an_open_gate_is_not_given_up() {
        let active = Metrics { labels: 50, log_loss: 0.5, automatic: 10, precision_at_085: 0.9, ..Metrics::default() };
        let shadow = Metrics { log_loss: 0.4, ..active.clone() };
        let (open, closed) = (Gate::of(50, 50, 0.0, 60), Gate::of(20, 20, 0.0, 30));
        assert!(!takes_over((&shadow, &closed), (&active, &open)).0);
        for (theirs, ours) in [(&open, &open), (&open, &closed), (&closed, &closed)] {
            assert!(takes_over((&shadow, theirs), (&active, ours)).0);
        }
        assert!(!takes_over((&active, &open), (&active, &closed)).0);
    }

    #[test]
    fn figures_by_hand() {
        let (metrics, gate) = of(&[0.95, 0.9, 0.7, 0.2], &[true, false, true, false]);
        assert_eq!((metrics.labels, metrics.matches, metrics.automatic), (4, 2, 2));
        assert!((metrics.precision - 2.0 / 3.0).abs() < 1e-9 && (metrics.recall - 1.0).abs() < 1e-9);
        assert!((metrics.precision_at_085 - 0.5).abs() < 1e-9 && (metrics.share_prompt - 0.25).abs() < 1e-9);
        assert!(!gate.open);
    }
}
