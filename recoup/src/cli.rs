//! Readers of command line values.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use service_kit::clock::{Clock, SystemClock};
use shared_events::{Service, Topic};

/// A duration such as `24h`, `90m`, `45s`, `7d` or `-1h`.
pub fn duration(text: &str) -> Result<TimeDelta, String> {
    let bad = || format!("{text}: expected a number and a unit, such as 45s, 90m, 24h, 7d or -1h");
    let unit = text.chars().next_back().ok_or_else(bad)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    count.checked_mul(seconds).and_then(TimeDelta::try_seconds).ok_or_else(bad)
}

/// A time: RFC 3339, a date (midnight UTC), or how long ago (`90m`).
pub fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN).and_utc());
    }
    let ago = duration(text)
        .map_err(|_| format!("{text}: expected 2026-01-31T12:00:00Z, 2026-01-31, or how long ago (90m, 24h, 7d)"))?;
    Ok(SystemClock.now() - ago.abs())
}

/// The local name of a topic.
pub fn topic(name: &str) -> Result<Topic, String> {
    let known = || Topic::all().map(Topic::name).collect::<Vec<_>>().join(", ");
    Topic::from_name(name).ok_or_else(|| format!("{name} is none of {}", known()))
}

/// The name of a service with a database.
pub fn service(name: &str) -> Result<Service, String> {
    let named = Service::ALL.into_iter().find(|service| service.name() == name);
    named.ok_or_else(|| format!("{name} is none of {}", Service::ALL.map(Service::name).join(", ")))
}

/// A time as it is printed: UTC, microseconds.
pub fn show_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_may_be_negative() {
        assert_eq!(duration("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(duration("-90s"), Ok(TimeDelta::seconds(-90)));
        for bad in ["", "h", "12", "1w", "99999999999999999999d", "9223372036854775807d", "5é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_may_be_dates_or_ages() {
        assert_eq!(time("2026-01-31").map(show_time), Ok("2026-01-31T00:00:00.000000Z".into()));
        assert_eq!(time("2026-01-31T01:00:00+01:00"), time("2026-01-31"));
        assert!(time("1h").is_ok_and(|time| time < SystemClock.now()));
        assert!(time("yesterday").is_err());
    }
}
