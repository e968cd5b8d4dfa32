//! How long messages gather so that they share a transaction or an entry: only under load, and never longer than a few milliseconds. On an
//! idle service a lone message waits for nobody.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// A message that comes so soon after a run means load: it waits as long for others to share its transaction.
pub(crate) const RUN_GATHERS: Duration = Duration::from_millis(3);
/// After a page of the outbox that was not full, the next one gathers for as long as the last took, within these bounds: under load fewer
/// and larger entries cost everybody less, and a lone event finds the relay idle.
pub(crate) const PAGE_GATHERS: RangeInclusive<Duration> = Duration::from_millis(3)..=Duration::from_millis(12);

/// How long a run gathers whose first message is here at `now`; `ended` is when the run before it was done.
pub(crate) fn before_run(ended: Option<Instant>, now: Instant) -> Duration {
    let load = ended.is_some_and(|ended| now.saturating_duration_since(ended) < RUN_GATHERS);
    if load { RUN_GATHERS } else { Duration::ZERO }
}

/// How long the outbox gathers after a page that took so long to publish.
pub(crate) fn after_page(took: Duration) -> Duration {
    took.clamp(*PAGE_GATHERS.start(), *PAGE_GATHERS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_lone_message_waits_for_nobody_and_one_under_load_no_longer_than_its_bound() {
        let ended = Instant::now();
        assert_eq!(before_run(None, ended), Duration::ZERO, "the first of all");
        for (later, waits) in [(0, 3), (1, 3), (2, 3), (3, 0), (4, 0), (60_000, 0)] {
            assert_eq!(before_run(Some(ended), ended + ms(later)), ms(waits), "{later} ms after the last run");
        }
    }

    /// Messages that come one by one, each as soon as the worst case allows: none waits twice.
    #[test]
    fn what_gathers_is_not_held_back_again() {
        let (mut now, mut ended) = (Instant::now(), None);
        for _ in 0..100 {
            let came = now;
            now += before_run(ended, now);
            assert!(now.duration_since(came) <= RUN_GATHERS);
            // Handled in no time, and the next one is here already.
            ended = Some(now);
        }
    }

    #[test]
    fn the_outbox_gathers_within_its_bounds_however_long_the_broker_took() {
        for (took, waits) in [(0, 3), (5, 5), (12, 12), (15_000, 12)] {
            assert_eq!(after_page(ms(took)), ms(waits), "after {took} ms");
        }
    }
}
