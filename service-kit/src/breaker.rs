//! A circuit breaker: a service that failed several times in a row is left alone for a while, then tried with one request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long a service is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// The circuit to one service.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody else calls. While a trial call is under way, it lies ahead too.
    closed_to_all_until: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made at `now`. After a pause, one caller at a time is let through.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_to_all_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_to_all_until = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// Notes how a call went.
    pub fn note(&self, succeeded: bool, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if succeeded {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.closed_to_all_until = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_service_is_left_alone_then_tried_once() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(breaker.allows(start));
            breaker.note(false, start);
        }
        assert!(!breaker.allows(start));
        let later = start + PAUSE;
        assert!(breaker.allows(later), "one may try");
        assert!(!breaker.allows(later), "the others wait for it");
        breaker.note(true, later);
        assert!(breaker.allows(later) && breaker.allows(later));
    }
}
