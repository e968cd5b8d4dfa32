//! Rate limits, per subject.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use shared_events::{Subject, TenantId};

use crate::problem::Problem;

/// Requests after which subjects that are idle are forgotten. Bounds the memory: no more new subjects than requests.
const FORGET_EVERY: u32 = 10_000;

/// So many requests per second for each subject of each tenant, twice as many in a burst.
#[derive(Debug)]
pub struct SubjectLimits {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
    counted: AtomicU32,
}

impl SubjectLimits {
    /// Allows `per_second` requests; 0 counts as 1.
    pub fn new(per_second: u32) -> Self {
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), counted: AtomicU32::new(0) }
    }

    /// Counts a request of a subject.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn check(&self, tenant: &TenantId, subject: &Subject) -> Result<(), Problem> {
        self.check_key(&format!("{tenant}\u{1f}{subject}"))
    }

    /// Counts a request under any key.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn check_key(&self, key: &String) -> Result<(), Problem> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            // Only those whose allowance is full again, so nobody gains by it.
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            Problem::too_many_requests(wait.as_secs() + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subject_does_not_use_up_anothers_allowance() {
        let limits = SubjectLimits::new(1);
        let tenant = TenantId::try_new("demo").expect("valid");
        let (greedy, modest) = (Subject::try_new("a").expect("valid"), Subject::try_new("b").expect("valid"));
        let refused = (0..5).filter(|_| limits.check(&tenant, &greedy).is_err()).count();
        assert!(refused >= 2, "{refused} of 5 refused");
        assert!(limits.check(&tenant, &modest).is_ok());
    }
}
