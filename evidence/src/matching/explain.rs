//! Why a pair got its score: what the score would be if one part had said nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fellegi_sunter::Judgement;
use super::levels::{self, MISSING};
use super::rules::Rule;
use super::scorer::Score;

/// What one part of the comparison does to the score, as a difference of logits; above 0 for a match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// A column, a text as a whole, single words, or the rivals.
    pub part: String,
    /// With it less without it.
    pub weight: f64,
}

/// Everything that is stored beside a decision of the learned model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which model it was.
    pub model_version: String,
    /// The comparison vector by name; what is missing is left out.
    pub vector: BTreeMap<String, f32>,
    /// What each part does to the score, the strongest first.
    pub weights: Vec<Effect>,
    /// The raw and the calibrated score.
    pub score: Score,
}

impl Explanation {
    /// The explanation in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let words: Vec<(&str, f64)> = self.weights.iter().map(|effect| (effect.part.as_str(), effect.weight)).collect();
        format!("{} (model {}).", sides(self.score.probability, &words), self.model_version)
    }
}

impl Judgement {
    /// The judgement in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let known = self.fields.iter().filter(|evidence| evidence.level != MISSING);
        let named: Vec<(String, f64)> = known
            .map(|evidence| (format!("{} {}", evidence.field, levels::name(evidence.level)), evidence.bits))
            .collect();
        let words: Vec<(&str, f64)> = named.iter().map(|(name, bits)| (name.as_str(), *bits)).collect();
        format!("{}, in bits; {:+.1} before looking.", sides(self.probability, &words), self.prior)
    }
}

impl Rule {
    /// The rule and its reason in one sentence.
    #[must_use]
    pub fn explanation(self) -> String {
        format!("{} Rule score {:.2}.", self.sentence(), self.score())
    }
}

/// The strongest three words for, and the strongest three against.
fn sides(probability: f64, words: &[(&str, f64)]) -> String {
    let mut words: Vec<(&str, f64)> = words.iter().copied().filter(|(_, weight)| weight.abs() >= 0.05).collect();
    words.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let side = |sign: f64| -> String {
        let strongest = words.iter().filter(|(_, weight)| weight * sign > 0.0).take(3);
        strongest.map(|(part, weight)| format!("{part} ({weight:+.1})")).collect::<Vec<_>>().join(", ")
    };
    let per_cent = (probability * 1000.0).round() / 10.0;
    match (side(1.0), side(-1.0)) {
        (pro, contra) if pro.is_empty() && contra.is_empty() => {
            format!("Matches with {per_cent} %, nothing stands out")
        }
        (pro, contra) if contra.is_empty() => format!("Matches with {per_cent} %: for it {pro}, against it nothing"),
        (pro, contra) if pro.is_empty() => format!("Matches with {per_cent} %: for it nothing, against it {contra}"),
        (pro, contra) => format!("Matches with {per_cent} %: for it {pro}; against it {contra}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{fellegi_sunter::link, record::Record};

    fn people(list: &[(&str, &str, &str)]) -> Vec<Record> {
        list.iter()
            .map(|(name, town, no)| [("name", *name), ("town", *town), ("no", *no)].into_iter().collect())
            .collect()
    }

    #[test]
    fn bits_add_up_to_the_score() {
        let left: Vec<(String, String, String)> = (0..60)
            .map(|n| (format!("person{:04}", n * 7919 % 10_000), format!("town{}", n % 7), format!("{}", 100 + n * 3)))
            .collect();
        let left: Vec<(&str, &str, &str)> = left.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        let (left, right) = (people(&left), people(&left.iter().map(|(a, b, _)| (*a, *b, "")).collect::<Vec<_>>()));
        let linked = link(&left, Some(&right), 1);
        assert!(!linked.pairs.is_empty());
        for (pair, probability) in linked.pairs.iter().zip(&linked.probabilities) {
            let ready = |record| linked.model.ready(record);
            let judged = linked.model.judge(&ready(&left[pair.left as usize]), &ready(&right[pair.right as usize]));
            let sum: f64 = judged.prior + judged.fields.iter().map(|evidence| evidence.bits).sum::<f64>();
            assert!((sum - judged.bits).abs() < 1e-9);
            assert!((judged.probability - 1.0 / (1.0 + (-judged.bits).exp2())).abs() < 1e-9, "bits are the score");
            assert!((judged.probability - probability).abs() < 1e-9);
            assert_eq!(judged.fields[2].bits, 0.0, "what is missing says nothing");
            assert_eq!(*probability >= 0.5, pair.left == pair.right, "{}", judged.sentence());
        }
    }

    #[test]
    fn a_sentence_names_both_sides() {
        let judged = sides(0.973, &[("name equal", 8.1), ("phone different", -3.2), ("town equal", 0.01)]);
        assert_eq!(judged, "Matches with 97.3 %: for it name equal (+8.1); against it phone different (-3.2)");
    }
}
