//! The rate of each operation and seller, kept on our side so that Amazon need not refuse.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Error, Operation};

/// The longest interval that an answer can teach: a hundred minutes.
const SLOWEST: Duration = Duration::from_secs(6_000);

/// A bucket that fills by one per interval, kept as the moment at which it will be full again.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    interval: Duration,
    burst: u32,
    full_at: Instant,
}

impl Bucket {
    fn new((interval, burst): (Duration, u32), now: Instant) -> Self {
        Self { interval, burst, full_at: now }
    }

    /// Takes one, or says how long to wait for it.
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now);
        let missing = full_at - now;
        let room = self.interval * (self.burst.max(1) - 1);
        if missing > room {
            return Err(missing - room);
        }
        self.full_at = full_at + self.interval;
        Ok(())
    }

    /// Amazon says that it is empty.
    fn empty(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now + self.interval * self.burst);
    }

    /// Amazon says how fast it fills. What is missing is refilled at the new speed.
    fn learn(&mut self, interval: Duration, now: Instant) {
        if interval == self.interval || interval.is_zero() {
            return;
        }
        let missing = self.full_at.saturating_duration_since(now).as_nanos();
        let taken = missing.div_ceil(self.interval.as_nanos().max(1));
        let taken = u32::try_from(taken).unwrap_or(self.burst).min(self.burst);
        self.interval = interval;
        self.full_at = now + interval * taken;
    }
}

/// The interval of a rate such as `0.0167` a second.
pub(crate) fn interval_of(rate: &str) -> Option<Duration> {
    let (whole, fraction) = rate.trim().split_once('.').unwrap_or((rate.trim(), ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let nanoseconds = (scale * 1_000_000_000).checked_div(digits.parse().ok()?)?;
    Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?).min(SLOWEST))
}

/// All buckets of a process, by seller and operation.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<(String, Operation), Bucket>>);

impl Buckets {
    fn with<T>(&self, seller: &str, operation: Operation, act: impl FnOnce(&mut Bucket, Instant) -> T) -> T {
        let now = Instant::now();
        let mut buckets = self.0.lock().expect("nothing panics while it holds the buckets");
        let bucket =
            buckets.entry((seller.to_owned(), operation)).or_insert_with(|| Bucket::new(operation.rate(), now));
        act(bucket, now)
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Error::Throttled`] at once when that is beyond the deadline.
    pub(crate) async fn wait(&self, seller: &str, operation: Operation, until: Instant) -> Result<(), Error> {
        loop {
            match self.with(seller, operation, Bucket::take) {
                Ok(()) => return Ok(()),
                Err(after) if Instant::now() + after > until => return Err(Error::Throttled { operation, after }),
                Err(after) => sleep(after).await,
            }
        }
    }

    /// How long until the next turn.
    pub(crate) fn emptied(&self, seller: &str, operation: Operation) -> Duration {
        self.with(seller, operation, |bucket, now| {
            bucket.empty(now);
            bucket.interval
        })
    }

    pub(crate) fn learn(&self, seller: &str, operation: Operation, interval: Duration) {
        self.with(seller, operation, |bucket, now| bucket.learn(interval, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_by_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new((SECOND, 3), start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(SECOND));
        assert_eq!(bucket.take(start + SECOND / 2), Err(SECOND / 2));
        assert_eq!(bucket.take(start + SECOND), Ok(()));
        assert_eq!(bucket.take(start + SECOND), Err(SECOND));
        // After a long rest there is a burst again, and no more than that.
        let later = start + SECOND * 100;
        assert_eq!([(); 4].map(|()| bucket.take(later).is_ok()), [true, true, true, false]);
    }

    #[test]
    fn an_empty_bucket_gives_one_after_its_interval() {
        let start = Instant::now();
        let mut bucket = Bucket::new((SECOND, 10), start);
        bucket.empty(start);
        assert_eq!(bucket.take(start), Err(SECOND));
        assert_eq!(bucket.take(start + SECOND), Ok(()));
        assert_eq!(bucket.take(start + SECOND), Err(SECOND));
    }

    #[test]
    fn a_learned_rate_counts_at_once() {
        let start = Instant::now();
        let mut bucket = Bucket::new((SECOND * 60, 2), start);
        assert_eq!((bucket.take(start), bucket.take(start)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(start), Err(SECOND * 60));
        bucket.learn(SECOND / 10, start);
        assert_eq!(bucket.take(start), Err(SECOND / 10));
        // Slower again: what is taken stays taken.
        bucket.learn(SECOND * 60, start);
        assert_eq!(bucket.take(start), Err(SECOND * 60));
    }

    #[test]
    fn rates_are_read_exactly() {
        assert_eq!(interval_of("0.5"), Some(SECOND * 2));
        assert_eq!(interval_of("80"), Some(Duration::from_micros(12_500)));
        assert_eq!(interval_of("0.0167").map(|interval| interval.as_millis()), Some(59_880));
        assert_eq!(interval_of("0.0000000001"), Some(SLOWEST));
        for bad in ["", ".", "0", "0.0", "-1", "1e3", "many", "1.2.3"] {
            assert_eq!(interval_of(bad), None, "{bad}");
        }
    }
}
