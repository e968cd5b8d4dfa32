//! The window of one claim.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use super::{Certainty, ClaimType, Policy};
use crate::marketplace::Marketplace;

/// From when until when one claim may be filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The day that the clock started, in the marketplace's zone.
    pub clock_start: NaiveDate,
    /// The first moment.
    pub opens_at: DateTime<Utc>,
    /// The last second.
    pub closes_at: DateTime<Utc>,
    /// Until here Amazon mostly pays by itself.
    pub auto_until: Option<DateTime<Utc>>,
    /// Which term of which version of the policy says so.
    pub policy_version: String,
    /// How sure that is.
    pub certainty: Certainty,
}

impl Window {
    /// The window of a claim whose clock started on a day; none where no policy is known.
    pub fn of(
        policy: &Policy,
        marketplace: Marketplace,
        claim_type: ClaimType,
        clock_start: NaiveDate,
    ) -> Option<Self> {
        let term = policy.term(marketplace.code(), claim_type, clock_start)?;
        let grace = super::Span::Days(term.auto_grace_days);
        Some(Self {
            clock_start,
            opens_at: marketplace.start_of(term.opens.after(clock_start)),
            closes_at: marketplace.end_of(term.closes.after(clock_start)),
            auto_until: (term.auto_grace_days > 0).then(|| marketplace.start_of(grace.after(clock_start))),
            policy_version: term.version.clone(),
            certainty: term.certainty,
        })
    }

    /// Whether a claim may be filed now.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && !self.is_over(now)
    }

    /// Whether it is too late. The last second counts to its end.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.closes_at + TimeDelta::seconds(1)
    }

    /// By when it should be filed: seven days before the end while more than fourteen are left, else three; never before the
    /// window opens.
    pub fn safe_file_by(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let margin = if self.closes_at - now > TimeDelta::days(14) { 7 } else { 3 };
        (self.closes_at - TimeDelta::days(margin)).max(self.opens_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(place: &str, kind: ClaimType, clock: &str) -> Window {
        let marketplace = Marketplace::of_country(place).expect("listed");
        Window::of(Policy::embedded(), marketplace, kind, clock.parse().expect("a date")).expect("policy is known")
    }

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    #[test]
    fn a_return_opens_on_day_60_and_closes_after_day_120_and_in_europe_on_45_and_105() {
        for (place, opens, closes) in [("US", 60, 120), ("DE", 45, 105)] {
            let marketplace = Marketplace::of_country(place).expect("listed");
            let clock: NaiveDate = "2026-01-10".parse().expect("a date");
            let window = window(place, ClaimType::ReturnNotReceived, "2026-01-10");
            let day = |number: i64| marketplace.start_of(clock + TimeDelta::days(number));
            assert!(!window.is_open(day(opens) - TimeDelta::seconds(1)), "{place}: the day before");
            assert!(window.is_open(day(opens)), "{place}: at midnight of the day");
            assert!(window.is_open(day(closes + 1) - TimeDelta::milliseconds(1)), "{place}: at the last moment");
            assert!(!window.is_open(day(closes + 1)) && window.is_over(day(closes + 1)), "{place}: the day after");
            assert!(!window.is_over(day(opens - 1)));
        }
    }

    #[test]
    fn the_clocks_date_picks_the_policy() {
        assert_eq!(
            window("US", ClaimType::FcLost, "2024-10-22").closes_at,
            moment("2026-04-23T06:59:59Z"),
            "18 months"
        );
        assert_eq!(window("US", ClaimType::FcLost, "2024-10-23").closes_at, moment("2024-12-23T07:59:59Z"), "60 days");
        assert_ne!(
            window("US", ClaimType::FcLost, "2024-10-22").policy_version,
            window("US", ClaimType::FcLost, "2024-10-23").policy_version
        );
        assert_eq!(
            window("US", ClaimType::InboundShortage, "2022-12-31").closes_at,
            moment("2023-07-01T06:59:59Z"),
            "6 months"
        );
        assert_eq!(
            window("US", ClaimType::InboundShortage, "2026-01-31").closes_at,
            moment("2026-11-01T06:59:59Z"),
            "9 months"
        );
        assert_eq!(
            window("AE", ClaimType::InboundShortage, "2026-01-01").opens_at,
            moment("2026-01-15T20:00:00Z"),
            "day 15 in Dubai"
        );
    }

    #[test]
    fn a_window_over_a_change_of_clocks_still_ends_at_midnight_there() {
        let spring = window("US", ClaimType::FcLost, "2026-01-20");
        assert_eq!(
            (spring.opens_at, spring.closes_at),
            (moment("2026-01-20T08:00:00Z"), moment("2026-03-22T06:59:59Z"))
        );
        let autumn = window("DE", ClaimType::FcLost, "2026-09-01");
        assert_eq!(
            (autumn.opens_at, autumn.closes_at),
            (moment("2026-08-31T22:00:00Z"), moment("2026-10-31T22:59:59Z"))
        );
        assert_eq!(
            window("US", ClaimType::FcLost, "2026-01-07").closes_at,
            moment("2026-03-09T06:59:59Z"),
            "the day has 23 hours"
        );
    }

    #[test]
    fn filing_is_advised_a_week_early_and_three_days_when_time_is_short() {
        let window = window("US", ClaimType::FcLost, "2026-05-26");
        let left = |days: i64| window.closes_at - TimeDelta::days(days);
        assert_eq!(window.safe_file_by(left(30)), left(7));
        assert_eq!(window.safe_file_by(left(14)), left(3));
        assert!(window.auto_until.is_some_and(|until| until == moment("2026-06-02T07:00:00Z")), "seven days of grace");
    }

    #[test]
    fn an_uncertain_window_says_so() {
        assert!(window("US", ClaimType::InboundShortage, "2026-01-31").certainty.is_uncertain());
        assert!(!window("US", ClaimType::FcLost, "2026-01-31").certainty.is_uncertain());
        assert!(
            Window::of(
                Policy::embedded(),
                Marketplace::of_country("JP").expect("listed"),
                ClaimType::FcLost,
                "2026-01-31".parse().expect("a date")
            )
            .is_none()
        );
    }
}
