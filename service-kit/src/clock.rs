//! Time enters here. Rules and handlers get it from an injected [`Clock`], so that tests and the demo own it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Tells the time, in UTC and in whole microseconds (what Postgres keeps).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        let now = Utc::now();
        // Cannot fail before the year 2262; a time with nanoseconds is still the right time.
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// Stands still at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Jumps to `now`.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().expect("nothing panics while it holds the clock") = now;
    }

    /// Moves on (or back) by `step`.
    pub fn advance(&self, step: TimeDelta) {
        *self.0.lock().expect("nothing panics while it holds the clock") += step;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("nothing panics while it holds the clock")
    }
}

/// The machine's clock plus an offset that a developer may move forward, so that a hold of thirty days passes in a demo.
/// [`crate::config::RuntimeConfig`] allows it only in development on a loopback address.
#[derive(Debug, Default)]
pub struct DevClock {
    offset_micros: AtomicI64,
}

/// Most that a [`DevClock`] can be ahead: a hundred years.
const MOST_AHEAD_SECONDS: i64 = 100 * 366 * 86_400;

impl DevClock {
    /// Moves ahead by `seconds` and returns the new time; `None` when the step is negative or the clock would be more than a
    /// hundred years ahead. It never moves back, because jobs that came due would come due again.
    pub fn advance(&self, seconds: i64) -> Option<DateTime<Utc>> {
        let step = seconds.checked_mul(1_000_000).filter(|step| *step >= 0)?;
        let moved = self.offset_micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |offset| {
            offset.checked_add(step).filter(|ahead| *ahead <= MOST_AHEAD_SECONDS * 1_000_000)
        });
        moved.is_ok().then(|| self.now())
    }
}

impl Clock for DevClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::microseconds(self.offset_micros.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_development_clock_moves_ahead_only() {
        let clock = DevClock::default();
        let before = clock.now();
        let after = clock.advance(86_400).expect("a day is allowed");
        assert!(after - before >= TimeDelta::days(1));
        assert_eq!(clock.advance(-1), None);
        assert_eq!(clock.advance(i64::MAX), None);
        assert_eq!(clock.advance(MOST_AHEAD_SECONDS), None);
    }

    #[test]
    fn the_system_clock_counts_whole_microseconds() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
    }

    #[test]
    fn the_manual_clock_stands_still() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).expect("in range");
        let clock = ManualClock::at(start);
        clock.advance(TimeDelta::seconds(5));
        assert_eq!(clock.now(), start + TimeDelta::seconds(5));
    }
}
