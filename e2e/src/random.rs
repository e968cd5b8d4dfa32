//! Seeded randomness, so that a failed run can be repeated: `RECOUP_SEED=… ./dev test`.

use service_kit::clock::{Clock, SystemClock};
use service_kit::config::Env;

/// A small generator (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator that starts from `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of `range`.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }
}

/// The seed of this run: `RECOUP_SEED`, or the time.
pub fn seed() -> u64 {
    let named = Env::process().get("RECOUP_SEED").and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| SystemClock.now().timestamp_micros().unsigned_abs())
}
