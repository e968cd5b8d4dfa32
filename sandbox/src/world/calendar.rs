//! Local days and hours as moments: the summer times of the two regions, by their own rules.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, TimeDelta, TimeZone, Utc, Weekday};

/// Which zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Pacific,
    Berlin,
}

fn nth_sunday(year: i32, month: u32, nth: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(year, month, 1).expect("a date");
    let to_sunday = u64::from((7 - first.weekday().num_days_from_sunday()) % 7);
    first + Days::new(to_sunday + 7 * (nth - 1))
}

fn last_sunday(year: i32, month: u32) -> NaiveDate {
    let fifth = nth_sunday(year, month, 5);
    if fifth.month() == month { fifth } else { nth_sunday(year, month, 4) }
}

impl Zone {
    fn hours(self, day: NaiveDate) -> i32 {
        let year = day.year();
        let (summer, winter, hours) = match self {
            Self::Pacific => (nth_sunday(year, 3, 2), nth_sunday(year, 11, 1), -8),
            Self::Berlin => (last_sunday(year, 3), last_sunday(year, 10), 1),
        };
        if summer <= day && day < winter { hours + 1 } else { hours }
    }

    /// The day of a moment there, to the hour in which clocks change.
    pub(crate) fn date_of(self, moment: DateTime<Utc>) -> NaiveDate {
        (moment + TimeDelta::hours(i64::from(self.hours(moment.date_naive())))).date_naive()
    }

    /// A moment of a day there. The night in which clocks change is kept out by its hour.
    pub(crate) fn at(self, day: NaiveDate, hour: u32, minute: u32) -> DateTime<FixedOffset> {
        let offset = FixedOffset::east_opt(self.hours(day) * 3600).expect("a real offset");
        offset
            .from_local_datetime(&day.and_hms_opt(hour, minute, 0).expect("a time"))
            .single()
            .expect("offsets have no gaps")
    }
}

/// So many business days later.
pub(crate) fn business_days(mut day: NaiveDate, mut count: u32) -> NaiveDate {
    while count > 0 {
        day = day + Days::new(1);
        if day.weekday() != Weekday::Sat && day.weekday() != Weekday::Sun {
            count -= 1;
        }
    }
    day
}
