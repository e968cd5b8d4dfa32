//! How long an answer is waited for.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

/// How long one call goes on trying.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the call to its result, waiting for the rate and signing in included; and how long a download may stand still. Less than the
    /// lease of a job, so that nobody takes the job over meanwhile.
    pub deadline: Duration,
    /// For one request and its answer.
    pub request: Duration,
    /// The longest pause after the first failure; it doubles with every further one.
    pub first_pause: Duration,
    /// The longest pause at all.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(25),
            request: Duration::from_secs(15),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(10),
        }
    }
}

impl Patience {
    /// The pause after so many failures: between half of the longest allowed and the whole, so that callers part.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let most = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest_pause);
        let mut random = [0_u8; 1];
        // Without randomness the pause is a whole one.
        let share = SystemRandom::new().fill(&mut random).map_or(255, |()| random[0]);
        most / 2 + (most / 2) * u32::from(share) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let patience = Patience::default();
        for (failures, most) in [(1, 500), (2, 1_000), (4, 4_000), (9, 10_000), (60, 10_000)] {
            let pause = patience.pause(failures).as_millis();
            assert!((most / 2..=most).contains(&pause), "{failures}: {pause}");
        }
    }
}
