//! What happens with a probability: done by itself, asked, or left alone; and whether a model may do anything by itself.

use serde::{Deserialize, Serialize};

use super::metrics::{self, Counts};

/// From here on an answer may be automatic.
pub const AUTOMATIC: f64 = 0.85;

/// From here on a person is asked.
pub const PROMPT: f64 = 0.5;

/// Two candidates that are this close or closer are not told apart without a person.
pub const TOO_CLOSE: f64 = 0.05;

/// The highest calibration error of an open gate.
pub const HIGHEST_ECE: f64 = 0.05;

/// What happens with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Done without asking.
    Automatic,
    /// A person is asked.
    Prompt,
    /// Nothing.
    None,
}

/// Decides on the best candidate; `runner_up` is the second best one's probability, `open` whether the gate is.
#[must_use]
pub fn decide(probability: f64, runner_up: Option<f64>, open: bool) -> Decision {
    // A difference that was written as 0.05 is a little more or less in binary.
    let close = runner_up.is_some_and(|other| (probability - other).abs() <= TOO_CLOSE + 1e-9);
    if probability >= AUTOMATIC && open && !close {
        Decision::Automatic
    } else if probability >= PROMPT {
        Decision::Prompt
    } else {
        Decision::None
    }
}

/// Whether a model may act by itself, judged on labels that were held out from its training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Whether it may.
    pub open: bool,
    /// Lower end of the 95 % interval of its precision at 0.85, after Wilson.
    pub wilson_low: f64,
    /// Its expected calibration error.
    pub ece: f64,
    /// Held-out answers at 0.85 and above.
    pub automatic: u64,
    /// Held-out labels.
    pub labels: u64,
}

impl Gate {
    /// Judges held-out answers.
    #[must_use]
    pub fn judge(probabilities: &[f64], labels: &[bool]) -> Self {
        let sure = Counts::at(AUTOMATIC, probabilities, labels);
        let automatic = sure.hits + sure.false_alarms;
        Self::of(sure.hits, automatic, metrics::ece(probabilities, labels), labels.len() as u64)
    }

    /// Judges by the figures: `hits` of `automatic` answers at 0.85 were right.
    #[must_use]
    pub fn of(hits: u64, automatic: u64, ece: f64, labels: u64) -> Self {
        let wilson_low = metrics::wilson_low(hits, automatic);
        // 0.95 for what is always right is off by 0.05, which is a little more in binary.
        Self { open: wilson_low >= AUTOMATIC && ece <= HIGHEST_ECE + 1e-9, wilson_low, ece, automatic, labels }
    }

    /// Why it is open or closed, in a sentence.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self { wilson_low, ece, automatic, labels, .. } = self;
        let measured = format!("on {labels} held-out labels, {automatic} of them answered at 0.85 or above");
        if self.open {
            format!(
                "automatic: precision is at least {wilson_low:.2} (95 %) and probabilities are off by {ece:.3}, {measured}"
            )
        } else if *wilson_low < AUTOMATIC {
            format!(
                "not automatic: precision is only sure to be {wilson_low:.2} (95 %), {AUTOMATIC} is needed, {measured}"
            )
        } else {
            format!("not automatic: probabilities are off by {ece:.3}, {HIGHEST_ECE} is allowed, {measured}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_inclusive_as_written() {
        for (p, decision) in [
            (1.0, Decision::Automatic),
            (0.85, Decision::Automatic),
            (0.849_999, Decision::Prompt),
            (0.5, Decision::Prompt),
            (0.499_999, Decision::None),
            (0.0, Decision::None),
        ] {
            assert_eq!(decide(p, None, true), decision, "{p}");
        }
    }

    #[test]
    fn two_close_candidates_are_asked_about() {
        assert_eq!(decide(0.95, Some(0.90), true), Decision::Prompt);
        assert_eq!(decide(0.90, Some(0.85), true), Decision::Prompt);
        assert_eq!(decide(0.95, Some(0.899), true), Decision::Automatic);
        assert_eq!(decide(0.45, Some(0.44), true), Decision::None);
    }

    #[test]
    fn nothing_is_automatic_behind_a_closed_gate() {
        assert_eq!(decide(0.99, None, false), Decision::Prompt);
        assert_eq!(decide(0.4, None, false), Decision::None);
    }

    #[test]
    fn the_gate_needs_enough_right_and_honest_answers() {
        // 22 of 22 is the first faultless run whose lower bound reaches 0.85.
        assert!(!Gate::of(21, 21, 0.0, 100).open);
        assert!(Gate::of(22, 22, 0.0, 100).open);
        assert!(Gate::of(22, 22, 0.05, 100).open);
        assert!(!Gate::of(22, 22, 0.050_001, 100).open);
        assert!(!Gate::of(0, 0, 0.0, 0).open, "nothing is known");
        assert!(Gate::of(21, 21, 0.0, 100).reason().starts_with("not automatic: precision"));
    }
}
