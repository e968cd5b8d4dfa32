//! The marketplaces: their zone, currency and names, as data in `data/marketplaces.json`.

use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};
use shared_events::money::Currency;

/// One marketplace.
#[derive(Debug, Deserialize)]
pub struct Place {
    /// Country code, as reports write it; `GB` for the United Kingdom.
    pub code: String,
    /// Amazon's id of it.
    pub id: String,
    /// How settlements name it.
    pub store: String,
    /// Which endpoint serves it: `na`, `eu` or `fe`.
    pub region: String,
    zone: String,
    /// The currency it pays in.
    pub currency: Currency,
    #[serde(skip)]
    tz: Tz,
}

/// A marketplace, by reference to the table.
#[derive(Clone, Copy)]
pub struct Marketplace(&'static Place);

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let mut places: Vec<Place> =
        serde_json::from_str(include_str!("../data/marketplaces.json")).expect("checked by a test");
    for place in &mut places {
        place.tz = place.zone.parse().expect("checked by a test");
    }
    places
});

impl Marketplace {
    /// By country code; `UK` is understood too.
    pub fn of_country(code: &str) -> Option<Self> {
        let code = if code == "UK" { "GB" } else { code };
        PLACES.iter().find(|place| place.code == code).map(Self)
    }

    /// By the name that settlements use.
    pub fn of_store(store: &str) -> Option<Self> {
        PLACES.iter().find(|place| place.store.eq_ignore_ascii_case(store)).map(Self)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        PLACES.iter().map(Self)
    }

    /// Its row of the table.
    pub fn place(self) -> &'static Place {
        self.0
    }

    /// Its country code.
    pub fn code(self) -> &'static str {
        &self.0.code
    }

    /// The currency it pays in.
    pub fn currency(self) -> Currency {
        self.0.currency
    }

    /// The date that a moment falls on there.
    pub fn date_of<Z: TimeZone>(self, moment: &DateTime<Z>) -> NaiveDate {
        moment.with_timezone(&self.0.tz).date_naive()
    }

    /// The first moment of a day there. Where clocks are put forward at midnight, the day begins an hour later.
    pub fn start_of(self, day: NaiveDate) -> DateTime<Utc> {
        let mut local = NaiveDateTime::new(day, chrono::NaiveTime::MIN);
        loop {
            match self.0.tz.from_local_datetime(&local) {
                LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => return moment.to_utc(),
                LocalResult::None => local += TimeDelta::minutes(15),
            }
        }
    }

    /// The last second of a day there.
    pub fn end_of(self, day: NaiveDate) -> DateTime<Utc> {
        self.start_of(day + Days::new(1)) - TimeDelta::seconds(1)
    }
}

impl PartialEq for Marketplace {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for Marketplace {}

impl PartialOrd for Marketplace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Marketplace {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.code.cmp(&other.0.code)
    }
}

impl std::hash::Hash for Marketplace {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.code.hash(state);
    }
}

impl fmt::Debug for Marketplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.code)
    }
}

impl Serialize for Marketplace {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(code: &str) -> Marketplace {
        Marketplace::of_country(code).expect("listed")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn days_begin_and_end_in_the_marketplaces_zone() {
        let us = at("US");
        assert_eq!(us.start_of(day("2026-01-10")).to_rfc3339(), "2026-01-10T08:00:00+00:00");
        assert_eq!(us.end_of(day("2026-01-10")).to_rfc3339(), "2026-01-11T07:59:59+00:00");
        // The day clocks go forward has 23 hours, the day they go back has 25.
        let hours = |place: Marketplace, date: &str| {
            (place.start_of(day(date) + Days::new(1)) - place.start_of(day(date))).num_hours()
        };
        assert_eq!((hours(us, "2026-03-08"), hours(us, "2026-11-01"), hours(us, "2026-07-01")), (23, 25, 24));
        assert_eq!((hours(at("DE"), "2026-03-29"), hours(at("DE"), "2026-10-25")), (23, 25));
        // Cairo puts its clocks forward at midnight: that day begins at one.
        assert_eq!(at("EG").start_of(day("2026-04-24")).to_rfc3339(), "2026-04-23T22:00:00+00:00");
    }

    #[test]
    fn a_moment_has_another_date_elsewhere() {
        let moment: DateTime<Utc> = "2026-05-27T03:00:00Z".parse().expect("a moment");
        assert_eq!(at("US").date_of(&moment), day("2026-05-26"));
        assert_eq!(at("JP").date_of(&moment), day("2026-05-27"));
        assert_eq!(Marketplace::of_country("UK"), Marketplace::of_country("GB"));
        assert_eq!(Marketplace::of_store("amazon.de"), Marketplace::of_country("DE"));
    }
}
