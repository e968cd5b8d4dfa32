//! What a sandbox remembers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::cases::Case;
use super::pages::Page;
use super::reports::Ordered;
use crate::faults::{Fault, Kind, take};
use crate::world::World;
use crate::world::region::Region;

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    /// How far the time there is ahead of the clock.
    pub(super) ahead: TimeDelta,
    number: u64,
    /// Codes of consents, until when each is good.
    pub(super) codes: BTreeMap<String, DateTime<Utc>>,
    /// Access tokens, until when each is good.
    pub(super) tokens: BTreeMap<String, DateTime<Utc>>,
    /// After a revocation only these refresh tokens are good.
    pub(super) only: Option<BTreeSet<String>>,
    pub(super) reports: BTreeMap<String, Ordered>,
    pub(super) pages: BTreeMap<String, Page>,
    pub(super) faults: Vec<Fault>,
    pub(super) cases: BTreeMap<String, Case>,
    /// Claims for parcels, by the parcel.
    pub(super) claims: BTreeMap<String, String>,
    /// How often each operation was asked.
    pub(super) calls: BTreeMap<String, u64>,
    /// When each operation's bucket is full again, in microseconds of the clock.
    pub(super) buckets: BTreeMap<String, i64>,
}

impl State {
    pub(super) fn new(world: World, ahead: TimeDelta) -> Self {
        Self {
            world,
            ahead,
            number: 0,
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            only: None,
            reports: BTreeMap::new(),
            pages: BTreeMap::new(),
            faults: Vec::new(),
            cases: BTreeMap::new(),
            claims: BTreeMap::new(),
            calls: BTreeMap::new(),
            buckets: BTreeMap::new(),
        }
    }

    /// A new number for tokens, reports and the like.
    pub(super) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// The next fault of an operation, of one of these kinds.
    pub(super) fn fault(&mut self, operation: &str, kinds: &[Kind]) -> Option<Fault> {
        take(&mut self.faults, operation, kinds)
    }

    /// The seller's id.
    pub(super) fn seller(&self) -> String {
        format!("A2SANDBOX{:05}", self.world.settings.seed % 100_000)
    }

    /// Counts a call, and says whether it came too often: `rate` a second after a burst of thirty.
    pub(super) fn is_too_often(&mut self, operation: &str, now: DateTime<Utc>, rate: u32) -> bool {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        let (now, interval) = (now.timestamp_micros(), 1_000_000 / i64::from(rate.max(1)));
        let full_at = self.buckets.entry(operation.to_owned()).or_insert(now);
        let next = (*full_at).max(now) + interval;
        if next - now > interval * 30 {
            return true;
        }
        *full_at = next;
        false
    }
}

/// The day in a region.
pub(super) fn day_in(region: &Region, now: DateTime<Utc>) -> NaiveDate {
    region.zone.date_of(now)
}
