//! `recoup bench detection`: how much of what is truly owed is found, and how much of what is found is truly owed, over worlds
//! whose truth is known. Each miss is explained.
#![expect(clippy::float_arithmetic, reason = "rates and shares, no amounts of money")]

mod compare;
mod load;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use sandbox::world::{Settings, World};
use serde::Serialize;

use self::compare::Tally;

/// Settings of `bench detection`.
#[derive(Debug, Args)]
pub struct Detection {
    /// The worlds' numbers, from the first to the last: A..B.
    #[arg(long, default_value = "1..20", value_parser = range)]
    seeds: (u64, u64),
    /// Articles in each of a world's two regions.
    #[arg(long, default_value_t = 24)]
    articles: usize,
    /// Orders of each article.
    #[arg(long, default_value_t = 40)]
    orders: usize,
    /// Writes the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    numbers.filter(|(from, to)| from <= to).ok_or_else(|| "expected A..B, such as 1..20".to_owned())
}

/// Found and owed amounts of one type of claim, as shares.
#[derive(Debug, Serialize)]
struct Shares {
    recall: f64,
    precision: f64,
    owed: usize,
    found: usize,
}

/// What is written as JSON.
#[derive(Debug, Serialize)]
struct Report {
    recall: f64,
    precision: f64,
    by_type: BTreeMap<String, Shares>,
    rows_per_s: f64,
    /// Rows read, typed and put into the books in a second; nothing is evaluated and no database is in it.
    parsed_rows_per_s: f64,
    /// Most memory of the process at once, in bytes; it holds whole worlds. Absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_bytes: Option<u64>,
    worlds: u64,
    rows: u64,
    quarantined: u64,
    bad_rows: u64,
    reversed_share: f64,
    interchanged: usize,
    misses: Vec<String>,
}

/// Makes each world, reads its reports, evaluates, and compares.
///
/// # Errors
/// When the figures cannot be written, or a report cannot be opened.
pub fn run(settings: &Detection) -> anyhow::Result<()> {
    let mut tally = Tally::default();
    let (mut rows, mut quarantined, mut bad_rows) = (0, 0, 0);
    let (mut seconds, mut parsing) = (0.0, 0.0);
    let (mut paid, mut reversed) = (0_i64, 0_i64);
    for seed in settings.seeds.0..=settings.seeds.1 {
        let world = World::generate(Settings {
            articles: settings.articles,
            orders: settings.orders,
            ..Settings::of_seed(seed)
        });
        let started = Instant::now();
        let loaded = load::load(&world)?;
        parsing += started.elapsed().as_secs_f64();
        let findings = loaded.books.evaluate_all(world.now);
        seconds += started.elapsed().as_secs_f64();
        rows += loaded.rows;
        quarantined += loaded.quarantined;
        bad_rows += loaded.bad_rows;
        paid += world.paid_and_reversed.0;
        reversed += world.paid_and_reversed.1;
        tally.compare(seed, &world.truth, &findings);
    }
    let share = |part: i64, whole: i64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
    let shares = |counts: &compare::Counts| Shares {
        recall: share(counts.hit, counts.owed),
        precision: share(counts.hit, counts.found),
        owed: counts.owed_things,
        found: counts.found_things,
    };
    let all = tally.sum();
    let report = Report {
        recall: share(all.hit, all.owed),
        precision: share(all.hit, all.found),
        by_type: tally.by_type.iter().map(|(name, counts)| (name.clone(), shares(counts))).collect(),
        rows_per_s: rows as f64 / seconds,
        parsed_rows_per_s: rows as f64 / parsing,
        peak_bytes: peak_bytes(),
        worlds: settings.seeds.1 - settings.seeds.0 + 1,
        rows,
        quarantined,
        bad_rows,
        reversed_share: share(reversed, paid),
        interchanged: tally.interchanged,
        misses: tally.misses,
    };
    print(&report);
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

/// Most memory that this process had at once.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn print(report: &Report) {
    println!("{:<34} {:>6} {:>6} {:>8} {:>10}", "claim type", "owed", "found", "recall", "precision");
    for (name, shares) in &report.by_type {
        println!("{name:<34} {:>6} {:>6} {:>8.4} {:>10.4}", shares.owed, shares.found, shares.recall, shares.precision);
    }
    println!("{:<34} {:>6} {:>6} {:>8.4} {:>10.4}", "all, by amount", "", "", report.recall, report.precision);
    println!(
        "{} worlds, {} rows read and evaluated, {:.0} a second; {} quarantined for unknown reasons, {} unreadable; {:.1} % of what Amazon paid was taken back",
        report.worlds,
        report.rows,
        report.rows_per_s,
        report.quarantined,
        report.bad_rows,
        report.reversed_share * 100.0
    );
    println!(
        "{:.0} rows read and typed a second; {} MB of memory at most",
        report.parsed_rows_per_s,
        report.peak_bytes.unwrap_or_default() / 1_000_000
    );
    for miss in &report.misses {
        println!("- {miss}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_found_and_nothing_else_but_what_reports_do_not_tell() {
        let mut tally = Tally::default();
        for seed in [101, 102] {
            let world = World::generate(Settings { articles: 10, orders: 25, ..Settings::of_seed(seed) });
            let loaded = load::load(&world).expect("the reports are whole");
            assert_eq!(loaded.bad_rows, 0);
            assert!(loaded.quarantined > 0, "an unknown reason code is there, and is not guessed");
            let findings = loaded.books.evaluate_all(world.now);
            tally.compare(seed, &world.truth, &findings);
            // Reading everything again changes nothing.
            let mut again = loaded;
            again.read_again(&world);
            assert_eq!(again.books.evaluate_all(world.now), findings);
        }
        let all = tally.sum();
        assert!(all.owed_things > 100, "there is something to find: {all:?}");
        assert_eq!(tally.misses.len(), tally.interchanged, "{:#?}", tally.misses);
    }

    #[test]
    fn a_world_may_end_on_any_day() {
        // Before and after changes of the clocks, at ends of months, and on each day of a week.
        let days = [
            "2026-03-09",
            "2026-04-30",
            "2026-07-31",
            "2026-10-27",
            "2026-11-02",
            "2026-11-22",
            "2027-01-01",
            "2027-02-28",
        ];
        let mut tally = Tally::default();
        for (seed, day) in (201..).zip(days) {
            let last_day = day.parse().expect("a date");
            let world = World::generate(Settings { articles: 8, orders: 20, last_day, ..Settings::of_seed(seed) });
            let loaded = load::load(&world).expect("the reports are whole");
            tally.compare(seed, &world.truth, &loaded.books.evaluate_all(world.now));
        }
        assert_eq!(tally.misses.len(), tally.interchanged, "{:#?}", tally.misses);
    }

    #[test]
    fn ranges_are_read_and_wrong_ones_refused() {
        assert_eq!((range("1..20"), range("5..5")), (Ok((1, 20)), Ok((5, 5))));
        for text in ["", "5", "9..3", "a..b"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
