//! When a webhook's message is tried again: soon at first, then rarely, and for the last time a day after it was asked for.

use chrono::{DateTime, TimeDelta, Utc};

/// For how long a message is tried.
pub const WHOLE: TimeDelta = TimeDelta::hours(24);
/// Seconds from one attempt to the next; the last attempt is at the end of [`WHOLE`].
const PAUSES: [i64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];

/// When to try again after so many attempts; `None`: never. Pauses vary by up to a tenth with `chance` (0 to 999), so that many messages
/// that failed together do not come back together. What the receiver asks for is waited for, as long as it lies within the day.
pub fn next(
    asked_at: DateTime<Utc>,
    now: DateTime<Utc>,
    attempts: u32,
    chance: u32,
    asked_pause: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    let end = asked_at + WHOLE;
    if now >= end {
        return None;
    }
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let planned = match PAUSES.get(index) {
        Some(seconds) => {
            let millis = seconds * 1_000;
            // From a tenth less to a tenth more.
            now + TimeDelta::milliseconds(millis - millis / 10 + millis * 2 * i64::from(chance.min(999)) / 10_000)
        }
        None => end,
    };
    let wished = asked_pause.map_or(planned, |pause| planned.max(now + pause.min(WHOLE)));
    Some(wished.min(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().expect("a time")
    }

    proptest! {
        #[test]
        fn it_ends_after_a_day_whatever_chance_says(chances in proptest::collection::vec(0_u32..1_000, 30), hurry in 0_i64..100) {
            let (mut now, mut attempts) = (start(), 1);
            for chance in chances {
                let Some(at) = next(start(), now, attempts, chance, None) else { break };
                prop_assert!(at > now && at <= start() + WHOLE);
                now = at + TimeDelta::milliseconds(hurry);
                attempts += 1;
            }
            prop_assert!(now >= start() + WHOLE, "{now}");
            prop_assert_eq!(attempts, 11, "ten pauses and the first");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_more_than_the_day() {
        let after = |pause| next(start(), start(), 1, 500, Some(pause)).map(|at| (at - start()).num_seconds());
        assert_eq!(after(TimeDelta::seconds(1)), Some(5));
        assert_eq!(after(TimeDelta::minutes(10)), Some(600));
        assert_eq!(after(TimeDelta::days(9)), Some(24 * 3_600));
        assert_eq!(next(start(), start() + WHOLE, 3, 0, None), None);
    }
}
