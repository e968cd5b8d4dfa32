//! What is done with all candidates of a request together: at most one is taken without asking, and only the best.

use crate::matching::decision::{AUTOMATIC, Decision, Gate, PROMPT, decide};

/// What a decision rests on, of one candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its calibrated probability.
    pub probability: f64,
    /// All bits for it; orders what is equally probable.
    pub bits: f64,
    /// Whether the document has the article in a wrong quantity.
    pub wrong_quantity: bool,
    /// The probability of the best other request of the same kind that the same document, by the same line, may prove.
    pub elsewhere: Option<f64>,
}

/// Why something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Probable enough, behind an open gate, and alone.
    Sure,
    /// The gate is closed.
    Gate,
    /// Another candidate is too close.
    Rival,
    /// The quantity is wrong.
    Quantity,
    /// Not probable enough to be taken.
    Unsure,
    /// Not probable enough to be asked about.
    Low,
    /// A better candidate was taken.
    Better,
    /// The request is proved already.
    Proved,
}

impl Why {
    /// As it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Gate => "gate",
            Self::Rival => "rival",
            Self::Quantity => "quantity",
            Self::Unsure => "unsure",
            Self::Low => "low",
            Self::Better => "better",
            Self::Proved => "proved",
        }
    }

    /// In words, after a colon or comma.
    pub fn sentence(self, gate_reason: &str) -> String {
        match self {
            Self::Sure => format!("taken without asking, {gate_reason}"),
            Self::Gate => format!("a person is asked because the gate is closed, {gate_reason}"),
            Self::Rival => "a person is asked because another candidate is within 0.05".into(),
            Self::Quantity => "a person is asked because the quantity is wrong".into(),
            Self::Unsure => format!("a person is asked because it is below {AUTOMATIC}"),
            Self::Low => format!("nothing is done because it is below {PROMPT}"),
            Self::Better => "nothing is done because a better document proves it".into(),
            Self::Proved => "nothing is done because the request is proved already".into(),
        }
    }
}

/// Decides on every candidate of one request, in their order.
pub fn verdicts(standings: &[Standing], gate: &Gate) -> Vec<(Decision, Why)> {
    let best = (0..standings.len()).max_by(|a, b| rank(&standings[*a], &standings[*b]).then(b.cmp(a)));
    let own = |at: usize| verdict(standings, at, Some(at) == best, gate.open);
    let taken = best.is_some_and(|best| own(best).0 == Decision::Automatic);
    let decide_on = |at: usize| match own(at) {
        (Decision::Prompt, _) if taken => (Decision::None, Why::Better),
        verdict => verdict,
    };
    (0..standings.len()).map(decide_on).collect()
}

/// By probability, then by bits.
pub fn rank(a: &Standing, b: &Standing) -> std::cmp::Ordering {
    a.probability.total_cmp(&b.probability).then(a.bits.total_cmp(&b.bits))
}

fn verdict(standings: &[Standing], at: usize, best: bool, open: bool) -> (Decision, Why) {
    let Standing { probability, wrong_quantity, elsewhere, .. } = standings[at];
    let others = standings.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other.probability);
    let others: Vec<f64> = others.chain(elsewhere).collect();
    let alone =
        |open| others.iter().map(|other| decide(probability, Some(*other), open)).all(|one| one == Decision::Automatic);
    match decide(probability, None, true) {
        Decision::None => (Decision::None, Why::Low),
        Decision::Prompt => (Decision::Prompt, Why::Unsure),
        Decision::Automatic if wrong_quantity => (Decision::Prompt, Why::Quantity),
        // A better one that is not taken leaves doubts about all behind it.
        Decision::Automatic if !best || !alone(true) || elsewhere.is_some_and(|other| other >= probability) => {
            (Decision::Prompt, Why::Rival)
        }
        Decision::Automatic if !open => (Decision::Prompt, Why::Gate),
        Decision::Automatic => (Decision::Automatic, Why::Sure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Gate = Gate { open: true, wilson_low: 0.9, ece: 0.0, automatic: 50, labels: 50 };
    const CLOSED: Gate = Gate { open: false, ..OPEN };

    fn of(probability: f64) -> Standing {
        Standing { probability, bits: 0.0, wrong_quantity: false, elsewhere: None }
    }

    fn said(standings: &[Standing], gate: &Gate) -> Vec<&'static str> {
        verdicts(standings, gate).into_iter().map(|(_, why)| why.name()).collect()
    }

    #[test]
    fn only_the_best_is_taken_and_only_when_it_stands_alone() {
        assert_eq!(said(&[of(0.95), of(0.7), of(0.2)], &OPEN), ["sure", "better", "low"]);
        assert_eq!(said(&[of(0.95), of(0.90)], &OPEN), ["rival", "rival"]);
        assert_eq!(said(&[of(0.88), of(0.95)], &OPEN), ["better", "sure"]);
        assert_eq!(said(&[of(0.849), of(0.5), of(0.499)], &OPEN), ["unsure", "unsure", "low"]);
        assert_eq!(said(&[], &OPEN), Vec::<&str>::new());
    }

    #[test]
    fn nothing_is_taken_behind_a_closed_gate() {
        assert_eq!(said(&[of(0.95), of(0.7), of(0.2)], &CLOSED), ["gate", "unsure", "low"]);
    }

    #[test]
    fn a_wrong_quantity_is_asked_about_and_what_is_behind_it_too() {
        let wrong = Standing { wrong_quantity: true, ..of(0.97) };
        assert_eq!(said(&[wrong, of(0.88)], &OPEN), ["quantity", "rival"]);
    }

    #[test]
    fn another_request_that_wants_the_same_line_is_a_rival() {
        assert_eq!(said(&[Standing { elsewhere: Some(0.9), ..of(0.9) }], &OPEN), ["rival"]);
        assert_eq!(said(&[Standing { elsewhere: Some(0.99), ..of(0.9) }], &OPEN), ["rival"], "the other one is better");
        assert_eq!(said(&[Standing { elsewhere: Some(0.6), ..of(0.9) }], &OPEN), ["sure"]);
    }
}
