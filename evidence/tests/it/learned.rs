//! The learned judge from end to end, on a generated set of articles and invoice lines.

use std::sync::LazyLock;

use evidence::matching::decision::Gate;
use evidence::matching::growing::Growth;
use evidence::matching::metrics::Counts;
use evidence::matching::model::{Lessons, Model, compare_all};
use evidence::matching::random::Random;
use evidence::matching::record::{Labelled, Pair, Record, Tables};
use evidence::matching::scorer::{Effort, Score};
use proptest::prelude::*;

const MAKERS: [&str; 6] = ["acme", "bolt works", "cedar", "dorn", "elm", "fjord"];
const THINGS: [&str; 8] =
    ["water bottle", "desk lamp", "usb cable", "door mat", "tea kettle", "bike pump", "wall clock", "hand saw"];
const COLOURS: [&str; 5] = ["blue", "red", "green", "black", "white"];

struct Set {
    tables: Tables,
    train: Vec<Labelled>,
    valid: Vec<Labelled>,
    test: Vec<Labelled>,
}

/// An article as a claim has it, and as an invoice writes it: other order, another spelling, sometimes no code or price.
fn article(random: &mut Random) -> (Record, Record) {
    let (maker, thing, colour) = (MAKERS[random.below(6)], THINGS[random.below(8)], COLOURS[random.below(5)]);
    let code = format!("{}{}", ["wx", "kt", "zr"][random.below(3)], 1000 + random.below(9000));
    let cents = 500 + random.below(9000);
    let price = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
    let left =
        [("title", format!("{maker} {thing} {colour} {code}")), ("maker", maker.to_owned()), ("price", price(cents))];
    let title = match random.below(4) {
        0 => format!("{colour} {thing} by {maker}"),
        1 => format!("{thing} {} {colour}", code.to_uppercase()),
        _ => format!("{maker} {} {colour} {}-{}", thing.replace(' ', ""), &code[..2], &code[2..]),
    };
    let known = random.below(3) > 0;
    let right = [
        ("title", title),
        ("maker", String::new()),
        ("price", if known { price(cents + random.below(20)) } else { String::new() }),
    ];
    (left.into_iter().collect(), right.into_iter().collect())
}

fn generate(seed: u64) -> Set {
    let mut random = Random::of(seed);
    let mut tables = Tables::default();
    for _ in 0..150 {
        let (left, right) = article(&mut random);
        tables.left.push(left);
        tables.right.push(right);
    }
    let mut pairs = Vec::new();
    for left in 0..150 {
        pairs.push(Labelled { pair: Pair { left, right: left }, matches: true });
        for _ in 0..3 {
            let right = (left + 1 + random.below(149) as u32) % 150;
            pairs.push(Labelled { pair: Pair { left, right }, matches: false });
        }
    }
    let order = random.folds(&vec![false; pairs.len()], 5);
    let part = |folds: &[usize]| {
        pairs.iter().zip(&order).filter(|(_, fold)| folds.contains(fold)).map(|(pair, _)| *pair).collect()
    };
    Set { train: part(&[0, 1, 2]), valid: part(&[3]), test: part(&[4]), tables }
}

fn effort() -> Effort {
    let growth = Growth { rate: 0.15, trees: 40, patience: 10, ..Growth::default() };
    Effort { forests: 1, growth, seed: 1 }
}

fn train(set: &Set) -> Model {
    let rivals: Vec<Pair> = set.test.iter().map(|labelled| labelled.pair).collect();
    Model::train(
        "test-1",
        Lessons { tables: &set.tables, train: &set.train, valid: &set.valid, rivals: &rivals },
        &effort(),
    )
}

static SET: LazyLock<Set> = LazyLock::new(|| generate(5));
static MODEL: LazyLock<Model> = LazyLock::new(|| train(&SET));

/// All test pairs in the context of all pairs.
fn scores(model: &Model, set: &Set) -> Vec<Score> {
    let all: Vec<Pair> = set.train.iter().chain(&set.valid).chain(&set.test).map(|labelled| labelled.pair).collect();
    let compared = compare_all(model.comparer(), &set.tables, &all);
    model.score_among_rivals(&all, &compared).split_off(all.len() - set.test.len())
}

#[test]
fn a_small_set_is_learned() {
    let answers: Vec<f64> = scores(&MODEL, &SET).iter().map(|score| score.probability).collect();
    let labels: Vec<bool> = SET.test.iter().map(|labelled| labelled.matches).collect();
    let f1 = Counts::at(0.5, &answers, &labels).f1();
    assert!(f1 >= 0.9, "F1 {f1}");
    let gate = Gate::judge(&answers, &labels);
    assert!(gate.ece <= 0.1, "{}", gate.reason());
    assert!(!Gate::judge(&answers[..20], &labels[..20]).open, "twenty labels are not enough for anything automatic");
}

#[test]
fn the_same_seed_trains_the_same_model_and_json_keeps_it() {
    let json = serde_json::to_string(&*MODEL).unwrap();
    let again = serde_json::to_string(&train(&SET)).unwrap();
    assert!(json == again, "training is not repeatable");
    let restored: Model = serde_json::from_str(&json).unwrap();
    assert_eq!(restored.version, "test-1");
    for (kept, own) in scores(&restored, &SET).iter().zip(scores(&MODEL, &SET)) {
        assert!((kept.probability - own.probability).abs() < 1e-9 && (kept.raw - own.raw).abs() < 1e-6);
    }
}

#[test]
fn an_explanation_gives_the_score_and_its_strongest_parts() {
    let matching = SET.test.iter().find(|labelled| labelled.matches).unwrap().pair;
    let compared = compare_all(MODEL.comparer(), &SET.tables, &[matching]);
    let alone = MODEL.explain(&compared[0], None);
    assert_eq!(alone.score, MODEL.score_compared(&compared[0]));
    assert!(
        alone.sentence().starts_with("Matches with ") && alone.sentence().ends_with("(model test-1)."),
        "{}",
        alone.sentence()
    );
    let context = MODEL.contexts(&[matching], &compared).remove(0);
    let among = MODEL.explain(&compared[0], Some(&context));
    assert_eq!(among.score, MODEL.score_in(&compared[0], &context));
    assert!(among.weights.iter().any(|effect| effect.part == "rivals"));
    assert!(among.weights.windows(2).all(|two| two[0].weight.abs() >= two[1].weight.abs()));
    assert!(among.vector.contains_key("main text: cosine of rare words"));
}

proptest! {
    #[test]
    fn the_order_of_the_fields_does_not_matter(left in 0..150_usize, right in 0..150_usize, turn in 1..3_usize) {
        let turned = |record: &Record| -> Record {
            let mut names: Vec<&str> = record.names().collect();
            names.rotate_left(turn);
            names.into_iter().map(|name| (name, record.get(name))).collect()
        };
        let comparer = MODEL.comparer();
        let score = |l: &Record, r: &Record| MODEL.score(&comparer.prepare(l), &comparer.prepare(r));
        let (l, r) = (&SET.tables.left[left], &SET.tables.right[right]);
        prop_assert_eq!(score(l, r), score(&turned(l), &turned(r)));
        prop_assert_eq!(score(l, r), score(l, &turned(r)));
    }
}

#[test]
fn strange_records_are_scored_too() {
    let comparer = MODEL.comparer();
    let long = "x1 ".repeat(5_000) + &"y".repeat(10_000);
    let mut odd = vec![Record::default(), [("title", long.as_str())].into_iter().collect()];
    odd.extend(
        ["", " ", "\u{0}", "🧴 ẞ İstanbul", "''''", "1.", ".5.", "-", "1e400"]
            .map(|text| [("title", text), ("price", text)].into_iter().collect()),
    );
    for left in &odd {
        for right in &odd {
            let score = MODEL.score(&comparer.prepare(left), &comparer.prepare(right));
            assert!((0.0..=1.0).contains(&score.probability), "{left:?} {right:?}");
        }
    }
}
