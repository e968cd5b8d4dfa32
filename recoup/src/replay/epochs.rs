//! The one true time. In development the services' clock may be moved ahead, and a restart puts it back, so that times of different days of a demo do not
//! tell what came first. The broker's clock does, roughly: the difference of the two tells which epoch a time belongs to.

use chrono::{DateTime, TimeDelta, Utc};

/// A service's clock that is less than this ahead of the broker's was not moved.
const NOT_MOVED: TimeDelta = TimeDelta::seconds(1);
/// Publishing takes a while, so the same epoch is seen with different distances.
const BLUR: TimeDelta = TimeDelta::seconds(60);

/// How far the clock was ahead, as far as it was seen.
#[derive(Debug, Default)]
pub struct Epochs(Vec<TimeDelta>);

impl Epochs {
    /// The true time of `at`, by the service's clock, for something that the broker had at `published`. Within one epoch the order stays exact.
    pub fn true_time(&mut self, at: DateTime<Utc>, published: DateTime<Utc>) -> DateTime<Utc> {
        let ahead = at - published;
        if ahead < NOT_MOVED {
            return at;
        }
        let known = self
            .0
            .iter()
            .copied()
            .filter(|known| (*known - ahead).abs() <= BLUR)
            .min_by_key(|known| (*known - ahead).abs());
        let epoch = known.unwrap_or_else(|| {
            self.0.push(ahead);
            ahead
        });
        at - epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("in range")
    }

    #[test]
    fn what_came_after_a_clock_was_put_back_comes_after() {
        let mut epochs = Epochs::default();
        let before = epochs.true_time(time(10), time(10));
        let ahead = epochs.true_time(time(90_020), time(21));
        let still_ahead = epochs.true_time(time(90_021), time(21));
        let delayed = epochs.true_time(time(90_022), time(52));
        let put_back = epochs.true_time(time(60), time(61));
        let in_order = [before, ahead, still_ahead, delayed, put_back];
        assert!(in_order.is_sorted(), "{in_order:?}");
        assert_eq!(still_ahead - ahead, TimeDelta::seconds(1), "within an epoch the service's clock is exact");
    }

    #[test]
    fn an_outage_of_the_broker_is_no_epoch() {
        let mut epochs = Epochs::default();
        assert_eq!(epochs.true_time(time(10), time(500)), time(10));
    }
}
