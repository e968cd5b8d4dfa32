//! Which row is which: the same row read again is the same, and two identical rows of one file are two.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::NaiveDate;

/// How many different rows are remembered at most while a file is read: some 100 MB.
const REMEMBERED: usize = 1 << 22;

/// The identity of a row within a seller's rows of one report.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Hash of the report's name and the identifying columns.
    pub hash: u128,
    /// 1 for the first such row of a file, 2 for the second: identical ledger rows are separate events.
    pub occurrence: u32,
}

impl RowKey {
    /// The key of the first row with these identifying texts.
    pub fn of(parts: &[&str]) -> Self {
        Self { hash: shared_events::ids::derive(parts).as_u128(), occurrence: 1 }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}.{}", self.hash, self.occurrence)
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Counts identical rows of one file. Reports are sorted by day, either way round, so days long past are forgotten once
/// there are too many rows; a forgotten day that comes again cannot be counted safely, and that is said instead.
#[derive(Debug)]
pub struct Occurrences {
    days: BTreeMap<Option<NaiveDate>, Day>,
    forgotten: std::collections::BTreeSet<Option<NaiveDate>>,
    remembered: usize,
    limit: usize,
    clock: u64,
}

#[derive(Debug, Default)]
struct Day {
    rows: HashMap<u128, u32>,
    touched: u64,
}

impl Default for Occurrences {
    fn default() -> Self {
        Self::with_limit(REMEMBERED)
    }
}

impl Occurrences {
    /// Remembers `limit` rows, and always those of the current day.
    pub fn with_limit(limit: usize) -> Self {
        Self { days: BTreeMap::new(), forgotten: std::collections::BTreeSet::new(), remembered: 0, limit, clock: 0 }
    }

    /// The number of this row among identical ones; `None` when its day was forgotten already.
    pub fn count(&mut self, day: Option<NaiveDate>, hash: u128) -> Option<u32> {
        if self.forgotten.contains(&day) {
            return None;
        }
        self.clock += 1;
        if self.remembered >= self.limit {
            self.forget_oldest_but(day);
        }
        let here = self.days.entry(day).or_default();
        here.touched = self.clock;
        let count = here.rows.entry(hash).or_default();
        if *count == 0 {
            self.remembered += 1;
        }
        *count += 1;
        Some(*count)
    }

    fn forget_oldest_but(&mut self, current: Option<NaiveDate>) {
        let oldest = self.days.iter().filter(|(day, _)| **day != current).min_by_key(|(_, rows)| rows.touched);
        if let Some(day) = oldest.map(|(day, _)| *day) {
            let gone = self.days.remove(&day).map_or(0, |rows| rows.rows.len());
            self.remembered -= gone;
            self.forgotten.insert(day);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identical_rows_are_numbered_and_a_forgotten_day_is_said() {
        let day = |number| NaiveDate::from_ymd_opt(2026, 5, number);
        let mut seen = Occurrences::with_limit(2);
        assert_eq!(seen.count(day(1), 7), Some(1));
        assert_eq!(seen.count(day(1), 7), Some(2));
        assert_eq!(seen.count(day(1), 8), Some(1));
        assert_eq!(seen.count(day(2), 7), Some(1), "another day");
        assert_eq!(seen.count(day(1), 7), None, "its day was forgotten for lack of room");
    }
}
