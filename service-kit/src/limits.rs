//! Rate limits, per subject: shared by all instances through Redis where there is one, else each instance has its own.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use shared_events::{Subject, TenantId};

use crate::problem::Problem;
use crate::redis::Redis;

/// Requests after which subjects that are idle are forgotten. Bounds the memory: no more new subjects than requests.
const FORGET_EVERY: u32 = 10_000;

/// So many requests per second for each subject of each tenant, twice as many in a burst.
#[derive(Debug)]
pub struct SubjectLimits {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
    counted: AtomicU32,
    per_second: NonZeroU32,
    shared: Option<Redis>,
}

impl SubjectLimits {
    /// Allows `per_second` requests; 0 counts as 1.
    pub fn new(per_second: u32) -> Self {
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let (limiter, clock) = (RateLimiter::keyed(quota), DefaultClock::default());
        Self { limiter, clock, counted: AtomicU32::new(0), per_second: rate, shared: None }
    }

    /// Counts over all instances that share this Redis.
    #[must_use]
    pub fn shared(mut self, redis: Option<Redis>) -> Self {
        self.shared = redis;
        self
    }

    /// Counts a request of a subject.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub async fn check(&self, tenant: &TenantId, subject: &Subject) -> Result<(), Problem> {
        let key = format!("{tenant}\u{1f}{subject}");
        let Some(redis) = &self.shared else { return self.check_key(&key) };
        let per_second = self.per_second.get();
        match redis.take(&key, per_second, per_second.saturating_mul(2)).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => Err(Problem::too_many_requests(wait.as_secs() + 1)),
            // A limit that cannot be shared is kept by each instance alone: nobody is shut out because Redis is away.
            Err(away) => {
                tracing::debug!(%away, "limits are not shared for the moment");
                self.check_key(&key)
            }
        }
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

    #[tokio::test]
    async fn one_subject_does_not_use_up_anothers_allowance() {
        let limits = SubjectLimits::new(1);
        let tenant = TenantId::try_new("demo").expect("valid");
        let (greedy, modest) = (Subject::try_new("a").expect("valid"), Subject::try_new("b").expect("valid"));
        let mut refused = 0;
        for _ in 0..5 {
            refused += usize::from(limits.check(&tenant, &greedy).await.is_err());
        }
        assert!(refused >= 2, "{refused} of 5 refused");
        assert!(limits.check(&tenant, &modest).await.is_ok());
    }
}
