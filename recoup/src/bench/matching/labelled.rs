//! Sets of labelled pairs with fixed splits: `COL name VAL value ...`, TAB, the other record, TAB, 0 or 1.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use evidence::matching::model::{Lessons, Model, compare_all};
use evidence::matching::record::{Labelled, Pair, Record, Tables};
use evidence::matching::scorer::Effort;

use super::figures::{self, Figures, OwnTime, Spent};

/// The sets at or directly below `data`, by name.
pub(super) fn folders(data: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut candidates = vec![data.to_owned()];
    let entries = std::fs::read_dir(data).with_context(|| format!("reading {}", data.display()))?;
    for entry in entries {
        candidates.push(entry?.path());
    }
    candidates.retain(|folder| ["train.txt", "valid.txt", "test.txt"].iter().all(|file| folder.join(file).is_file()));
    candidates.sort();
    let name = |folder: &PathBuf| {
        folder.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    Ok(candidates.into_iter().map(|folder| (name(&folder), folder)).collect())
}

/// Trains on train.txt and valid.txt, and measures on test.txt.
pub(super) fn run(name: &str, folder: &Path) -> anyhow::Result<Figures> {
    figures::forget_peak();
    let started = Instant::now();
    let mut reader = Reader::default();
    let train = reader.read(&folder.join("train.txt"))?;
    let valid = reader.read(&folder.join("valid.txt"))?;
    let test = reader.read(&folder.join("test.txt"))?;
    let tables = reader.tables;
    let asked: Vec<Pair> = test.iter().map(|labelled| labelled.pair).collect();
    let lessons = Lessons { tables: &tables, train: &train, valid: &valid, rivals: &asked };
    let model = Model::train(name, lessons, &Effort::default());
    eprintln!("  {}", model.summary());

    // From the raw records to the probability, on one core. The pairs of all three files are rivals; only those of test.txt are asked for.
    let clock = OwnTime::start();
    let pairs: Vec<Pair> =
        train.iter().chain(&valid).map(|labelled| labelled.pair).chain(asked.iter().copied()).collect();
    let compared = compare_all(model.comparer(), &tables, &pairs);
    let scores = model.score_among_rivals(&pairs, &compared);
    let pairs_per_s = pairs.len() as f64 / clock.seconds();
    let last = pairs.len() - asked.len();
    let context: Vec<f64> = scores[last..].iter().map(|score| score.probability).collect();
    let alone: Vec<f64> = compared[last..].iter().map(|compared| model.score_compared(compared).probability).collect();
    let labels: Vec<bool> = test.iter().map(|labelled| labelled.matches).collect();
    let spent = Spent { pairs_per_s, seconds: started.elapsed().as_secs_f64() };
    Ok(Figures::of(name, &context, &alone, &labels, 0, &spent))
}

/// Gives equal records of a side one number.
#[derive(Default)]
struct Reader {
    tables: Tables,
    left: HashMap<Record, u32>,
    right: HashMap<Record, u32>,
}

impl Reader {
    fn read(&mut self, path: &Path) -> anyhow::Result<Vec<Labelled>> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut pairs = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut parts = line.split('\t');
            let (Some(left), Some(right), Some(label)) = (parts.next(), parts.next(), parts.next()) else {
                anyhow::bail!("{}:{}: not two records and a label", path.display(), number + 1);
            };
            let pair = Pair {
                left: numbered(&mut self.left, &mut self.tables.left, record(left)),
                right: numbered(&mut self.right, &mut self.tables.right, record(right)),
            };
            pairs.push(Labelled { pair, matches: label.trim() == "1" });
        }
        Ok(pairs)
    }
}

fn numbered(known: &mut HashMap<Record, u32>, table: &mut Vec<Record>, record: Record) -> u32 {
    *known.entry(record).or_insert_with_key(|record| {
        table.push(record.clone());
        table.len() as u32 - 1
    })
}

fn record(text: &str) -> Record {
    let mut values: Vec<(String, String)> = Vec::new();
    for part in text.split("COL ") {
        match (part.split_once(" VAL"), values.last_mut()) {
            (Some((name, value)), _) => values.push((name.trim().to_owned(), value.trim().to_owned())),
            // The word stood in a value.
            (None, Some((_, value))) => value.push_str(&format!(" COL {part}")),
            (None, None) => {}
        }
    }
    values.into_iter().collect()
}
