//! Who judges a pair: the fixed rules, weighed fields, or a learned model; each with a calibration, and able to say why.
#![expect(clippy::float_arithmetic, reason = "logits and bits")]

use std::collections::BTreeMap;
use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};
use shared_events::evidence::ProofSubject;
use utoipa::ToSchema;

use crate::match_assumed::ASSUMED;
use crate::match_facts::{Said, for_rules};
use crate::match_records::{Sides, sides};
use crate::matching::calibration::Calibration;
use crate::matching::fellegi_sunter::{FellegiSunter, Judgement};
use crate::matching::levels;
use crate::matching::logistic::{logit, sigmoid};
use crate::matching::model::Model;
use crate::matching::rules::{self, Rule};

/// Names the fixed rules in decisions. Counted up when they change, so that pairs are judged again.
pub const RULES_VERSION: &str = "rules-2";

/// A judge of pairs, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// The cascade of fixed rules.
    Rules {
        /// How scores become probabilities; none = a score is taken for one.
        calibration: Option<Calibration>,
    },
    /// Fellegi and Sunter's weighed fields.
    Fields {
        /// The weights.
        model: FellegiSunter,
        /// How posteriors become probabilities.
        calibration: Calibration,
    },
    /// Trees and regressions over the comparison vector; calibrated inside.
    Learned(Box<Model>),
}

/// What a field, or a part of the comparison, says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Weight {
    /// Which one.
    #[schema(example = "order")]
    pub field: String,
    /// Bits for a match; below 0 against it.
    #[schema(example = 9.2)]
    pub bits: f64,
}

/// A judged pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// The strongest rule that holds.
    pub rule: Rule,
    /// The line that it is about, counted from 1.
    pub line: Option<u32>,
    /// Whether the document has the article in a wrong quantity.
    pub wrong_quantity: bool,
    /// The score before calibration, 0 to 1.
    pub raw: f64,
    /// The calibrated probability.
    pub probability: f64,
    /// The comparison vector by name: levels from 0 (missing) to 5 (equal), or what a learned model looks at.
    pub vector: BTreeMap<String, f32>,
    /// What each field says, the strongest first.
    pub weights: Vec<Weight>,
    /// Why, without a full stop.
    pub sentence: String,
    /// All bits together; orders what is equally probable.
    pub bits: f64,
}

impl Judge {
    /// The rules, with nothing learned.
    pub const fn fixed_rules() -> Self {
        Self::Rules { calibration: None }
    }

    /// What kind it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Rules { .. } => "rules",
            Self::Fields { .. } => "fields",
            Self::Learned(_) => "learned",
        }
    }

    /// Only the probability.
    pub fn probability(&self, subject: &ProofSubject, said: &Said) -> f64 {
        self.scores(subject, said, &sides(subject, said)).1
    }

    /// Raw score and calibrated probability.
    fn scores(&self, subject: &ProofSubject, said: &Said, sides: &Sides) -> (f64, f64) {
        match self {
            Self::Rules { calibration } => {
                let score = rules::judge(&for_rules(subject), &said.facts()).score();
                (score, calibration.as_ref().map_or(score, |calibration| calibration.probability(logit(score))))
            }
            Self::Fields { model, calibration } => {
                let judged = weigh(model, sides);
                (judged.probability, calibration.probability(judged.bits * LN_2))
            }
            Self::Learned(model) => {
                let ready = |record| model.comparer().prepare(record);
                let score = model.score(&ready(&sides.subject), &ready(&sides.document));
                (sigmoid(score.raw), score.probability)
            }
        }
    }

    /// The whole opinion on a pair.
    pub fn opinion(&self, subject: &ProofSubject, said: &Said) -> Opinion {
        let (subject_for_rules, facts, sides) = (for_rules(subject), said.facts(), sides(subject, said));
        let rule = rules::judge(&subject_for_rules, &facts);
        let (raw, probability) = self.scores(subject, said, &sides);
        let judged = weigh(if let Self::Fields { model, .. } = self { model } else { &ASSUMED }, &sides);
        let levels: BTreeMap<String, f32> =
            judged.fields.iter().map(|word| (word.field.clone(), f32::from(word.level))).collect();
        let mut weights: Vec<Weight> =
            judged.fields.iter().map(|word| Weight { field: word.field.clone(), bits: word.bits }).collect();
        let mut vector = levels;
        let reason = match self {
            Self::Rules { .. } => {
                format!("{} (rule score {raw:.2})", rule.sentence().trim_end_matches('.'))
            }
            Self::Fields { .. } => "The fields together say so".to_owned(),
            Self::Learned(model) => {
                let ready = |record| model.comparer().prepare(record);
                let compared = model.comparer().compare(&ready(&sides.subject), &ready(&sides.document));
                let explained = model.explain(&compared, None);
                vector = explained.vector;
                weights = explained
                    .weights
                    .into_iter()
                    .map(|effect| Weight { field: effect.part, bits: effect.weight / LN_2 })
                    .collect();
                "The learned model weighs the parts so".to_owned()
            }
        };
        weights.sort_by(|a, b| b.bits.abs().total_cmp(&a.bits.abs()).then_with(|| a.field.cmp(&b.field)));
        let sentence = format!("{reason}: {}; probability {probability:.2}", strongest(&weights, &judged, self));
        Opinion {
            rule,
            line: sides.line,
            wrong_quantity: rules::wrong_quantity(&subject_for_rules, &facts),
            raw,
            probability,
            vector,
            weights,
            sentence,
            bits: judged.bits,
        }
    }
}

fn weigh(model: &FellegiSunter, sides: &Sides) -> Judgement {
    model.judge(&model.ready(&sides.subject), &model.ready(&sides.document))
}

/// The three parts that say most, in words.
fn strongest(weights: &[Weight], judged: &Judgement, judge: &Judge) -> String {
    let level = |field: &str| {
        let word = judged.fields.iter().find(|word| word.field == field)?;
        Some(levels::name(word.level))
    };
    let told: Vec<String> = weights
        .iter()
        .filter(|weight| weight.bits.abs() >= 0.05)
        .take(3)
        .map(|Weight { field, bits }| match level(field).filter(|_| !matches!(judge, Judge::Learned(_))) {
            Some(level) => format!("{field} {level} ({bits:+.1} bits)"),
            None => format!("{field} ({bits:+.1} bits)"),
        })
        .collect();
    if told.is_empty() { "no field stands out".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::match_facts::SaidLine;
    use proptest::prelude::*;

    fn subject() -> ProofSubject {
        ProofSubject {
            order_id: Some("112-1234567-1234567".into()),
            asin: Some("B08XYZ1234".into()),
            sku: Some("WTR-BTL-32OZ".into()),
            quantity: Some(5),
            order_date: "2025-01-01".parse().ok(),
            dispute_date: "2025-01-10".parse().ok(),
            supplier: Some("Acme Supplies Ltd".into()),
            ..ProofSubject::default()
        }
    }

    fn line(sku: &str, quantity: i64) -> SaidLine {
        SaidLine { sku: Some(sku.into()), quantity: Some(quantity), ..SaidLine::default() }
    }

    #[test]
    fn a_rule_score_is_its_probability_until_it_is_calibrated() {
        let said = Said { lines: vec![line("WTR-BTL-32OZ", 5)], dated: "2025-01-20".parse().ok(), ..Said::default() };
        let opinion = Judge::fixed_rules().opinion(&subject(), &said);
        assert_eq!((opinion.rule, opinion.raw, opinion.probability), (Rule::SkuMatch, 0.9, 0.9));
        assert_eq!((opinion.line, opinion.wrong_quantity), (Some(1), false));
        assert_eq!(opinion.weights[0].field, "sku");
        assert_eq!(opinion.vector["quantity"], 5.0);
        assert!(opinion.sentence.starts_with("A line has the article in the right quantity"), "{}", opinion.sentence);
        assert!(opinion.sentence.contains("sku equal (+7.1 bits)"), "{}", opinion.sentence);
        let calibration = Some(Calibration::Platt { stretch: 1.0, shift: 1.0 });
        let calibrated = Judge::Rules { calibration }.opinion(&subject(), &said);
        assert!(calibrated.raw == 0.9 && calibrated.probability > 0.95);
    }

    proptest! {
        #[test]
        fn the_order_of_lines_and_orders_does_not_matter(
            lines in proptest::collection::vec((0..4_usize, 0..4_i64, 0..3_usize), 0..6),
            turn in 0..6_usize,
        ) {
            let skus = ["WTR-BTL-32OZ", "B08XYZ1234", "TEA-1", "wtr btl 32oz"];
            let titles = [None, Some("Water bottle".to_owned()), Some("Tea".to_owned())];
            let lines: Vec<SaidLine> = lines
                .into_iter()
                .map(|(sku, more, title)| SaidLine { description: titles[title].clone(), ..line(skus[sku], 3 + more) })
                .collect();
            let mut said = Said { lines, orders: vec!["A1".into(), "B2".into()], ..Said::default() };
            let before = Judge::fixed_rules().opinion(&subject(), &said);
            let places = said.lines.len().max(1);
            said.lines.rotate_left(turn % places);
            said.orders.reverse();
            let after = Judge::fixed_rules().opinion(&subject(), &said);
            prop_assert_eq!((before.rule, before.raw, before.vector), (after.rule, after.raw, after.vector));
            prop_assert_eq!((before.weights, before.sentence), (after.weights, after.sentence));
        }

        #[test]
        fn calibrated_rules_keep_their_order(stretch in 0.0..3.0_f64, shift in -3.0..3.0_f64) {
            let judge = Judge::Rules { calibration: Some(Calibration::Platt { stretch, shift }) };
            let facts = [
                Said { number: Some("112-1234567-1234567".into()), ..Said::default() },
                Said { lines: vec![line("WTR-BTL-32OZ", 5)], dated: "2025-01-20".parse().ok(), ..Said::default() },
                Said { lines: vec![line("B08XYZ1234", 5)], ..Said::default() },
                Said { dated: "2025-01-05".parse().ok(), ..Said::default() },
                Said::default(),
            ];
            let probabilities: Vec<f64> = facts.iter().map(|said| judge.probability(&subject(), said)).collect();
            prop_assert!(probabilities.windows(2).all(|two| two[0] >= two[1]), "{:?}", probabilities);
        }
    }
}
