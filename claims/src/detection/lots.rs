//! Netting: units that went missing, row by row, and what has already been done about them. What is settled is taken from the
//! oldest row first, never below nothing, so every unit that is left points to its row.

use chrono::NaiveDate;

use crate::marketplace::Marketplace;
use crate::reports::RowKey;

/// Units of one row.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    pub(crate) key: RowKey,
    pub(crate) marketplace: Marketplace,
    /// The day the clock started.
    pub(crate) clock: NaiveDate,
    /// How many went missing.
    pub(crate) units: i64,
    /// How many are still open.
    pub(crate) left: i64,
    /// How many of the open ones have to wait.
    pub(crate) waiting: i64,
    /// What the row says, in words.
    pub(crate) words: String,
    /// What was taken off, in words.
    pub(crate) settled: Vec<String>,
}

impl Lot {
    pub(crate) fn new(key: RowKey, marketplace: Marketplace, clock: NaiveDate, units: i64, words: String) -> Self {
        Self { key, marketplace, clock, units, left: units, waiting: 0, words, settled: Vec::new() }
    }

    /// Takes up to `units` off; gives how many it took.
    pub(crate) fn take(&mut self, units: i64, why: &str) -> i64 {
        let taken = units.clamp(0, self.left);
        if taken > 0 {
            self.left -= taken;
            self.settled.push(format!("less {taken} {why}"));
        }
        taken
    }
}

/// Lots of one kind, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lots(pub(crate) Vec<Lot>);

impl Lots {
    pub(crate) fn new(mut lots: Vec<Lot>) -> Self {
        lots.sort_by_key(|lot| (lot.clock, lot.key));
        Self(lots)
    }

    /// Takes units off, oldest first; gives how many found nothing to settle.
    pub(crate) fn take_oldest(&mut self, units: i64, why: &str) -> i64 {
        self.0.iter_mut().fold(units.max(0), |left, lot| left - lot.take(left, why))
    }

    /// Holds what a claim took: from its own row, and what no longer fits there from the oldest; gives how many fit nowhere.
    pub(crate) fn hold(&mut self, rows: &[(RowKey, i64)], mut units: i64, why: &str) -> i64 {
        let mut beyond = 0;
        for (key, claimed) in rows {
            if let Some(lot) = self.0.iter_mut().find(|lot| lot.key == *key) {
                let wanted = (*claimed).min(units);
                units -= wanted;
                beyond += wanted - lot.take(wanted, why);
            }
        }
        self.take_oldest(beyond, why)
    }

    /// Marks units as waiting, newest first: what Amazon still looks for was lost lately.
    pub(crate) fn wait_newest(&mut self, mut units: i64, since: NaiveDate) {
        for lot in self.0.iter_mut().rev().filter(|lot| lot.clock >= since) {
            let waiting = units.clamp(0, lot.left - lot.waiting);
            lot.waiting += waiting;
            units -= waiting;
        }
    }

    /// What is left, by marketplace and clock: rows of one day are one finding.
    pub(crate) fn by_clock(&self) -> Vec<Vec<&Lot>> {
        let mut groups: Vec<Vec<&Lot>> = Vec::new();
        for lot in self.0.iter().filter(|lot| lot.left > 0) {
            let same = |group: &&mut Vec<&Lot>| group[0].clock == lot.clock && group[0].marketplace == lot.marketplace;
            match groups.iter_mut().find(same) {
                Some(group) => group.push(lot),
                None => groups.push(vec![lot]),
            }
        }
        groups
    }
}
