//! What was found beside what is owed.

use std::collections::{BTreeMap, BTreeSet};

use claims::detection::Finding;
use claims::marketplace::Marketplace;
use sandbox::world::Owed;

/// Amounts in minor units, of whatever currency: they are only made into shares.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    pub(super) owed: i64,
    pub(super) found: i64,
    pub(super) hit: i64,
    pub(super) owed_things: usize,
    pub(super) found_things: usize,
}

/// Counts of all worlds, and what went wrong in words.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) by_type: BTreeMap<String, Counts>,
    pub(super) misses: Vec<String>,
    /// Misses where another thing of the same article and amount was found instead. They count as misses all the same.
    pub(super) interchanged: usize,
}

/// Type, marketplace, subject and clock.
type Key = (String, String, String, String);

fn key_of_finding(finding: &Finding) -> Key {
    let clock = finding.window.as_ref().map(|window| window.clock_start.to_string()).unwrap_or_default();
    (finding.claim_type.name(), finding.marketplace.code().to_owned(), finding.subject.clone(), clock)
}

/// The last day on which it can be claimed, there.
fn until(finding: &Finding) -> Option<chrono::NaiveDate> {
    let place: Marketplace = finding.marketplace;
    finding.window.as_ref().map(|window| place.date_of(&window.closes_at))
}

/// Something owed that was not found as such.
struct Missed<'a> {
    owed: &'a Owed,
    what: String,
    why: String,
}

impl Tally {
    /// Adds one world. A finding counts as right only as far as its amount is owed, and if its last day is right.
    pub(super) fn compare(&mut self, seed: u64, truth: &[Owed], findings: &[Finding]) {
        let mut found: BTreeMap<Key, &Finding> = BTreeMap::new();
        for finding in findings {
            if let Some(value) = finding.claimable() {
                let counts = self.by_type.entry(finding.claim_type.name()).or_default();
                counts.found += value.minor;
                counts.found_things += 1;
                found.insert(key_of_finding(finding), finding);
            }
        }
        let mut missed = Vec::new();
        let mut right: BTreeSet<Key> = BTreeSet::new();
        for owed in truth {
            let counts = self.by_type.entry(owed.claim_type.to_owned()).or_default();
            counts.owed += owed.minor;
            counts.owed_things += 1;
            let key =
                (owed.claim_type.to_owned(), owed.marketplace.to_owned(), owed.subject.clone(), owed.clock.to_string());
            let what = format!("world {seed}: {} of {} on {}", owed.claim_type, owed.subject, owed.clock);
            let Some(finding) = found.remove(&key) else {
                let state = findings.iter().find(|finding| key_of_finding(finding) == key);
                let why = state.map_or_else(
                    || "nothing was found".to_owned(),
                    |finding| format!("found as {:?}: {}", finding.status, finding.arithmetic.join("; ")),
                );
                missed.push(Missed { owed, what, why });
                continue;
            };
            right.insert(key);
            let value = finding.claimable().map_or(0, |value| value.minor);
            if value != owed.minor {
                let how = finding.arithmetic.join("; ");
                self.misses.push(format!("{what}: {} owed ({}), {value} found: {how}", owed.minor, owed.story));
            }
            if owed.until.is_some() && until(finding) != owed.until {
                self.misses.push(format!("{what}: until {:?}, found until {:?}", owed.until, until(finding)));
                continue;
            }
            counts.hit += value.min(owed.minor);
        }
        let not_owed = findings.iter().filter(|finding| !right.contains(&key_of_finding(finding)));
        let mut not_owed: Vec<&Finding> = not_owed.collect();
        for Missed { owed, what, why } in missed {
            let twin = not_owed.iter().position(|finding| is_twin(finding, owed));
            if let Some(twin) = twin.map(|at| not_owed.remove(at)) {
                self.interchanged += 1;
                found.remove(&key_of_finding(twin));
                self.misses.push(format!(
                    "{what}: found as {} ({:?}) instead, of the same article and amount ({} minor units): the reports do not tell which of the two it was",
                    twin.subject, twin.status, owed.minor
                ));
                continue;
            }
            self.misses.push(format!("{what} is owed ({} minor units; {}), but {why}", owed.minor, owed.story));
        }
        for finding in found.into_values() {
            self.misses.push(format!(
                "world {seed}: {} of {} was found and is not owed: {}",
                finding.claim_type.name(),
                finding.subject,
                finding.arithmetic.join("; ")
            ));
        }
    }

    /// All types together.
    pub(super) fn sum(&self) -> Counts {
        self.by_type.values().fold(Counts::default(), |sum, counts| Counts {
            owed: sum.owed + counts.owed,
            found: sum.found + counts.found,
            hit: sum.hit + counts.hit,
            owed_things: sum.owed_things + counts.owed_things,
            found_things: sum.found_things + counts.found_things,
        })
    }
}

/// Another thing of the same kind, article and amount.
fn is_twin(finding: &Finding, owed: &Owed) -> bool {
    let article = owed.subject.rsplit(' ').next().unwrap_or_default();
    let amount = finding.expected_value.map(|value| value.minor);
    finding.claim_type.name() == owed.claim_type && finding.subject.ends_with(article) && amount == Some(owed.minor)
}
