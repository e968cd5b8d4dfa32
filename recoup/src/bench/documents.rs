//! `recoup bench documents`: how many fields of real invoices are read right, beside what people say they are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use evidence::reading::apart::{self, Limits};
use evidence::reading::invoice::Invoice;
use evidence::reading::names;
use serde::Serialize;
use serde_json::Value;
use shared_events::money::Money;

use crate::output::Exit;

/// Settings of `bench documents`.
#[derive(Debug, Args)]
pub struct Documents {
    /// Folder that holds X.pdf (or another kind) beside X.json with the expected fields.
    #[arg(long)]
    data: PathBuf,
    /// Writes the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Our name of a field, theirs, and whether it counts for the accuracy.
const FIELDS: [(&str, &str, bool); 7] = [
    ("issuer", "issuer", true),
    ("number", "invoice_number", true),
    ("date", "date", true),
    ("currency", "currency", true),
    ("gross", "amount", true),
    ("net", "amount_untaxed", false),
    ("tax", "amount_tax", false),
];

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Count {
    right: u32,
    wrong: u32,
    missing: u32,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Share of the fields that count which are right.
    accuracy: f64,
    fields: BTreeMap<&'static str, Count>,
    /// Read for interest only: not every set tells them.
    more: BTreeMap<&'static str, Count>,
    documents: usize,
    seconds: f64,
    /// What was not right: document, field, expected, read.
    misses: Vec<[String; 4]>,
}

/// Reads every document of the folder as the service would, and compares.
///
/// # Errors
/// When the folder has no documents, or an expectation is not JSON.
pub fn run(settings: &Documents) -> anyhow::Result<Exit> {
    let program = std::env::current_exe()?;
    let pairs = pairs(&settings.data)?;
    anyhow::ensure!(!pairs.is_empty(), "{} holds no document with a .json beside it", settings.data.display());
    let started = Instant::now();
    let mut fields: BTreeMap<&str, Count> = BTreeMap::new();
    let mut misses = vec![];
    for (document, expectation) in &pairs {
        let name = document.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let expected = expected(expectation)?;
        let read = apart::read(&program, &std::fs::read(document)?, Limits::default());
        let refused = read.as_ref().err().map(ToString::to_string);
        for (field, theirs, _) in FIELDS {
            let Some(wanted) = expected.get(theirs).and_then(text) else { continue };
            let found = read.as_ref().ok().and_then(|invoice| value(invoice, field));
            let count = fields.entry(field).or_default();
            match found {
                Some(found) if agree(field, &wanted, &found) => count.right += 1,
                Some(found) => {
                    count.wrong += 1;
                    misses.push([name.clone(), field.into(), wanted, found]);
                }
                None => {
                    count.missing += 1;
                    misses.push([name.clone(), field.into(), wanted, refused.clone().unwrap_or_default()]);
                }
            }
        }
    }
    let report = Report::of(&fields, pairs.len(), started.elapsed().as_secs_f64(), misses);
    println!("{report}");
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(Exit::Done)
}

/// Documents with a `.json` of the same name, sorted.
fn pairs(folder: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let mut pairs = vec![];
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let document = entry?.path();
        let expectation = document.with_extension("json");
        if document.is_file() && document != expectation && expectation.is_file() {
            pairs.push((document, expectation));
        }
    }
    pairs.sort();
    Ok(pairs)
}

/// The object, or the first of a list of objects.
fn expected(path: &Path) -> anyhow::Result<Value> {
    let value: Value = serde_json::from_slice(&std::fs::read(path)?).with_context(|| path.display().to_string())?;
    Ok(match value {
        Value::Array(list) => list.into_iter().next().unwrap_or_default(),
        other => other,
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn value(invoice: &Invoice, field: &str) -> Option<String> {
    let money =
        |found: &Option<evidence::reading::invoice::Found<Money>>| found.as_ref().map(|found| found.value.decimal());
    match field {
        "issuer" => invoice.issuer.as_ref().map(|found| found.value.clone()),
        "number" => invoice.number.as_ref().map(|found| found.value.clone()),
        "date" => invoice.date.as_ref().map(|found| found.value.date.to_string()),
        "currency" => invoice.currency.as_ref().map(|found| found.value.to_string()),
        "gross" => money(&invoice.gross),
        "net" => money(&invoice.net),
        _ => money(&invoice.tax),
    }
}

/// Names as people compare them, amounts by value, the rest letter by letter but for spaces and case.
fn agree(field: &str, wanted: &str, found: &str) -> bool {
    let amount = |text: &str| text.parse::<evidence::reading::decimal::Decimal>().ok();
    let plain = |text: &str| text.to_lowercase().split_whitespace().collect::<String>();
    match field {
        "issuer" => names::same(wanted, found),
        "gross" | "net" | "tax" => amount(wanted).is_some() && amount(wanted) == amount(found),
        "date" => wanted.get(..10) == Some(found),
        _ => plain(wanted) == plain(found),
    }
}

impl Report {
    #[expect(clippy::float_arithmetic, reason = "a share, not money")]
    fn of(fields: &BTreeMap<&str, Count>, documents: usize, seconds: f64, misses: Vec<[String; 4]>) -> Self {
        let chosen = |counts: bool| {
            let of =
                |(field, _, _): &(&'static str, &str, bool)| (*field, fields.get(field).copied().unwrap_or_default());
            FIELDS.iter().filter(|(_, _, counted)| *counted == counts).map(of).collect::<BTreeMap<_, _>>()
        };
        let counted = chosen(true);
        let right: u32 = counted.values().map(|count| count.right).sum();
        let all: u32 = counted.values().map(|count| count.right + count.wrong + count.missing).sum();
        let accuracy = f64::from(right) / f64::from(all.max(1));
        Self { accuracy, fields: counted, more: chosen(false), documents, seconds, misses }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>6} {:>6} {:>8}", "field", "right", "wrong", "missing")?;
        for (field, count) in self.fields.iter().chain(&self.more) {
            writeln!(f, "{field:<10} {:>6} {:>6} {:>8}", count.right, count.wrong, count.missing)?;
        }
        for [document, field, wanted, found] in &self.misses {
            writeln!(f, "  {document}: {field} is {wanted:?}, read {found:?}")?;
        }
        write!(
            f,
            "accuracy {:.3} over issuer, number, date, currency and gross of {} documents, {:.1} s",
            self.accuracy, self.documents, self.seconds
        )
    }
}
