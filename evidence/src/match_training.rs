//! Learning from labels: the simplest judge that is as good as any other on labels it was not fitted to.
#![expect(clippy::float_arithmetic, reason = "logits")]

use std::f64::consts::LN_2;

use shared_events::evidence::ProofSubject;

use crate::match_assumed::{ASSUMED, STYLES};
use crate::match_facts::{Said, for_rules};
use crate::match_judge::Judge;
use crate::match_records::sides;
use crate::matching::calibration::Calibration;
use crate::matching::fellegi_sunter::FellegiSunter;
use crate::matching::levels;
use crate::matching::logistic::logit;
use crate::matching::metrics;
use crate::matching::model::{Lessons, Model};
use crate::matching::random::Random;
use crate::matching::record::{Labelled, Pair, Record, Tables};
use crate::matching::rules;
use crate::matching::scorer::Effort;

/// A pair whose truth is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What had to be proved.
    pub subject: ProofSubject,
    /// What the document said.
    pub said: Said,
    /// Whether it proved it.
    pub proved: bool,
}

/// Fewest labels to learn anything from, and fewest of either kind.
pub const FEWEST: usize = 20;
/// Fewest labels of either kind.
pub const FEWEST_OF_A_KIND: usize = 3;
/// Fewest labels for trees: on fewer they follow chance.
const FEWEST_FOR_TREES: usize = 200;
/// A judge with more freedom has to be better by this factor.
const CLEARLY: f64 = 0.98;
/// One in this many labels is for comparing the judges at a time.
const PARTS: usize = 4;

/// What was learned.
#[derive(Debug)]
pub struct Trained {
    /// The judge.
    pub judge: Judge,
    /// How it was chosen, in a sentence.
    pub explanation: String,
}

/// Learns from `lessons`, of which there are at least [`FEWEST`]; the same lessons give the same judge.
pub fn train(version: &str, lessons: &[Example], effort: &Effort) -> Trained {
    let labels: Vec<bool> = lessons.iter().map(|lesson| lesson.proved).collect();
    let part = Random::of(effort.seed).folds(&labels, PARTS);
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<Example> {
        lessons.iter().zip(&part).filter(|(_, part)| wanted(**part)).map(|(lesson, _)| lesson.clone()).collect()
    };
    let trees = lessons.len() >= FEWEST_FOR_TREES;
    let kinds: &[&str] = if trees { &["rules", "fields", "learned"] } else { &["rules", "fields"] };
    // Few labels are compared on each part in turn; trees take their time, and come with enough labels for one part to be telling.
    let rounds = if trees { 1 } else { PARTS };
    let mut losses = vec![0.0; kinds.len()];
    for round in 0..rounds {
        let (seen, unseen) = (of(&|part| part != round), of(&|part| part == round));
        for (kind, loss) in kinds.iter().zip(&mut losses) {
            let judge = match *kind {
                "learned" => {
                    let stop = (round + 1) % PARTS;
                    by_trees(version, &of(&|part| part != round && part != stop), &of(&|part| part == stop), effort)
                }
                "fields" => by_fields(&seen, effort.seed),
                _ => by_rules(&seen, effort.seed),
            };
            *loss += loss_of(&judge, &unseen) / rounds as f64;
        }
    }
    let best = (1..kinds.len()).fold(0, |best, next| if losses[next] < CLEARLY * losses[best] { next } else { best });
    // The chosen kind learns again, now from everything.
    let judge = match kinds[best] {
        "learned" => by_trees(version, &of(&|part| part != 0), &of(&|part| part == 0), effort),
        "fields" => by_fields(lessons, effort.seed),
        _ => by_rules(lessons, effort.seed),
    };
    let told: Vec<String> = kinds.iter().zip(&losses).map(|(kind, loss)| format!("{kind} {loss:.4}")).collect();
    let explanation = format!(
        "{} chosen among {} labels, by log loss on those that it had not seen: {}",
        kinds[best],
        lessons.len(),
        told.join(", ")
    );
    Trained { judge, explanation }
}

fn loss_of(judge: &Judge, examples: &[Example]) -> f64 {
    let answers: Vec<f64> = examples.iter().map(|example| judge.probability(&example.subject, &example.said)).collect();
    metrics::log_loss(&answers, &examples.iter().map(|example| example.proved).collect::<Vec<_>>())
}

fn by_rules(examples: &[Example], seed: u64) -> Judge {
    let score = |example: &Example| logit(rules::judge(&for_rules(&example.subject), &example.said.facts()).score());
    Judge::Rules { calibration: Some(calibrate(examples, score, seed)) }
}

fn by_fields(examples: &[Example], seed: u64) -> Judge {
    let ready = |record: &Record| levels::fields(&ASSUMED.schema, &STYLES, record);
    let both = examples.iter().map(|example| sides(&example.subject, &example.said));
    let (left, right): (Vec<_>, Vec<_>) = both.map(|sides| (ready(&sides.subject), ready(&sides.document))).unzip();
    let levels: Vec<Vec<u8>> = left.iter().zip(&right).map(|(l, r)| levels::of(&STYLES, l, r)).collect();
    let model = FellegiSunter::learn(&ASSUMED.schema, &STYLES, &left, &right, &levels, seed);
    let bits: Vec<f64> = left.iter().zip(&right).map(|(l, r)| model.judge(l, r).bits * LN_2).collect();
    let calibration = Calibration::fit(&bits, &proved(examples), seed);
    Judge::Fields { model, calibration }
}

fn by_trees(version: &str, learn: &[Example], stop: &[Example], effort: &Effort) -> Judge {
    let (mut tables, mut labelled) = (Tables::default(), Vec::new());
    for (number, example) in (0_u32..).zip(learn.iter().chain(stop)) {
        let sides = sides(&example.subject, &example.said);
        tables.left.push(sides.subject);
        tables.right.push(sides.document);
        labelled.push(Labelled { pair: Pair { left: number, right: number }, matches: example.proved });
    }
    let (train, valid) = labelled.split_at(learn.len());
    Judge::Learned(Box::new(Model::train(version, Lessons { tables: &tables, train, valid, rivals: &[] }, effort)))
}

fn calibrate(examples: &[Example], score: impl Fn(&Example) -> f64, seed: u64) -> Calibration {
    let scores: Vec<f64> = examples.iter().map(score).collect();
    Calibration::fit(&scores, &proved(examples), seed)
}

fn proved(examples: &[Example]) -> Vec<bool> {
    examples.iter().map(|example| example.proved).collect()
}
