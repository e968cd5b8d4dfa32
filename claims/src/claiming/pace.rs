//! When a claim may be sent, and when it is tried again. Marketplaces forbid many requests in a short time.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::marketplace::Marketplace;

/// How often sending is tried again after errors of transport.
pub const MOST_RETRIES: i32 = 3;
/// The first pause; each further one is four times as long.
const FIRST_PAUSE_SECONDS: i64 = 30;

/// Claims of a tenant that are sent a day, unless it says otherwise.
pub const DEFAULT_PER_DAY: i32 = 10;

/// When a claim may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// Not before then.
    At(DateTime<Utc>),
    /// Never: the window is over.
    Over,
}

/// From when until when a claim may be sent. The last second of the window counts to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first moment; none: nothing says so.
    pub opens_at: Option<DateTime<Utc>>,
    /// The last second.
    pub closes_at: Option<DateTime<Utc>>,
}

impl Bounds {
    /// Whether it is too late.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.closes_at.is_some_and(|last| now >= last + TimeDelta::seconds(1))
    }

    /// Whether it may be sent now.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at.is_none_or(|first| first <= now) && !self.is_over(now)
    }
}

/// The day that pacing counts by: the marketplace's.
pub fn day_of(place: Marketplace, now: DateTime<Utc>) -> NaiveDate {
    place.date_of(&now)
}

/// When the next claim may be sent after `sent` of at most `per_day` were sent today.
pub fn turn(bounds: Bounds, place: Marketplace, now: DateTime<Utc>, sent: i64, per_day: i32) -> Turn {
    if bounds.is_over(now) {
        return Turn::Over;
    }
    if let Some(first) = bounds.opens_at.filter(|first| *first > now) {
        return Turn::At(first);
    }
    if sent < i64::from(per_day) {
        return Turn::Now;
    }
    // Too many today: the first moment of tomorrow there, if the window is still open then.
    let tomorrow = place.start_of(day_of(place, now) + Days::new(1));
    if bounds.is_over(tomorrow) { Turn::Over } else { Turn::At(tomorrow) }
}

/// How long to wait before the `retry`th retry, counted from 1; none when there are no more. `chance` is any number, so that claims
/// that failed together do not come back together: it lengthens the pause by up to a half.
pub fn pause(retry: i32, chance: u64) -> Option<TimeDelta> {
    let step = u32::try_from(retry - 1).ok().filter(|_| retry <= MOST_RETRIES)?;
    let base = FIRST_PAUSE_SECONDS * 4_i64.pow(step);
    let more = i64::try_from(chance % 1_000).unwrap_or_default() * base / 2_000;
    Some(TimeDelta::seconds(base + more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ClaimType, Policy, Window};

    fn bounds(place: Marketplace, clock: &str) -> Bounds {
        let clock = clock.parse().expect("a date");
        let window = Window::of(Policy::embedded(), place, ClaimType::FcLost, clock).expect("policy is known");
        Bounds { opens_at: Some(window.opens_at), closes_at: Some(window.closes_at) }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    #[test]
    fn a_window_ends_at_midnight_there_and_over_a_change_of_clocks() {
        let us = Marketplace::of_country("US").expect("listed");
        // The 60 days end on 21 March; on the 8th clocks went forward, so midnight is at 07:00 and no longer at 08:00.
        let window = bounds(us, "2026-01-20");
        assert_eq!(turn(window, us, at("2026-03-22T06:59:59.999Z"), 0, 10), Turn::Now);
        assert_eq!(turn(window, us, at("2026-03-22T07:00:00Z"), 0, 10), Turn::Over);
        assert_eq!(turn(window, us, at("2026-01-20T07:59:59Z"), 0, 10), Turn::At(at("2026-01-20T08:00:00Z")));
        // And on the day they go forward itself.
        let window = bounds(us, "2026-01-07");
        assert_eq!(turn(window, us, at("2026-03-09T06:59:59Z"), 0, 10), Turn::Now);
        assert_eq!(turn(window, us, at("2026-03-09T07:00:00Z"), 0, 10), Turn::Over);
        let (de, window) = (Marketplace::of_country("DE").expect("listed"), at("2026-10-30T12:00:00Z"));
        assert_eq!(turn(bounds(de, "2026-09-01"), de, window, 10, 10), Turn::At(at("2026-10-30T23:00:00Z")));
    }

    #[test]
    fn too_many_a_day_wait_for_the_marketplaces_midnight_or_are_too_late() {
        let us = Marketplace::of_country("US").expect("listed");
        let window = bounds(us, "2026-01-20");
        assert_eq!(turn(window, us, at("2026-03-01T12:00:00Z"), 9, 10), Turn::Now);
        assert_eq!(turn(window, us, at("2026-03-01T12:00:00Z"), 10, 10), Turn::At(at("2026-03-02T08:00:00Z")));
        // 02:00 in UTC is still the day before there.
        assert_eq!(turn(window, us, at("2026-03-02T02:00:00Z"), 10, 10), Turn::At(at("2026-03-02T08:00:00Z")));
        assert_eq!(turn(window, us, at("2026-03-21T12:00:00Z"), 10, 10), Turn::Over, "tomorrow is too late");
    }

    #[test]
    fn pauses_grow_are_spread_and_end() {
        assert_eq!(pause(1, 0), Some(TimeDelta::seconds(30)));
        assert_eq!(pause(2, 0), Some(TimeDelta::seconds(120)));
        assert_eq!(pause(3, 0), Some(TimeDelta::seconds(480)));
        assert_eq!(pause(4, 0), None);
        for chance in [1, 500, 999, u64::MAX] {
            let pause = pause(2, chance).expect("there is one");
            assert!(pause >= TimeDelta::seconds(120) && pause < TimeDelta::seconds(180), "{chance}: {pause}");
        }
        assert_ne!(pause(3, 100), pause(3, 900));
    }
}
