//! Which carrier takes a shipment: the cheapest that keeps the promise, by a table of rates.
//!
//! The built-in table is to begin with: round prices in the range of the carriers' published ones, not anybody's tariff.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use shared_events::outcome::Rejection;
use shared_events::{Currency, Money};
use utoipa::ToSchema;

static DEFAULT: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/carriers.json")).expect("the default table is tested")
});

/// What carriers ask and promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Names the table.
    pub version: String,
    /// In which currency the prices are.
    pub currency: Currency,
    /// What is on offer.
    pub services: Vec<Service>,
    /// How long a shipping method may take; the first that fits counts.
    pub promises: Vec<Promise>,
}

/// One service of a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The carrier.
    #[schema(example = "ups")]
    pub carrier: String,
    /// What it calls the service.
    #[schema(example = "ground")]
    pub service: String,
    /// Within one country or across a border.
    pub reach: Reach,
    /// The price of the first gram.
    #[schema(example = "6.90")]
    pub base: String,
    /// The price of each kilogram begun.
    #[schema(example = "0.95")]
    pub per_kilogram: String,
    /// The heaviest parcel.
    #[schema(example = 68000)]
    pub most_grams: i64,
    /// How many days it takes.
    #[schema(example = 4)]
    pub days: i64,
}

/// How long a shipping method may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The method as the order names it, or `*`.
    pub method: String,
    /// Days from dispatch to arrival.
    pub days: i64,
}

/// How far a service goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Within one country.
    Domestic,
    /// Across a border.
    Abroad,
}

/// A parcel that has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parcel<'a> {
    /// From which country.
    pub from: &'a str,
    /// To which country.
    pub to: &'a str,
    /// How heavy.
    pub grams: i64,
    /// By which shipping method.
    pub method: &'a str,
}

/// What a carrier would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The carrier.
    pub carrier: String,
    /// Its service.
    pub service: String,
    /// For how much.
    pub price: Money,
    /// In how many days.
    pub days: i64,
}

impl Default for Table {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

/// Most entries of each kind that a table may have.
const MOST_ENTRIES: usize = 500;

impl Table {
    /// Whether the table can be used.
    ///
    /// # Errors
    /// `invalid_rates`, at the entry.
    pub fn check(&self) -> Result<(), Rejection> {
        let bad = |field: String, detail: &str| {
            let field = format!("rates.{field}");
            Err(Rejection::new("invalid_rates", format!("{field} {detail}")).at(&field))
        };
        if self.services.len() > MOST_ENTRIES || self.promises.len() > MOST_ENTRIES {
            return bad("services".into(), "has more than 500 entries of a kind");
        }
        for (index, service) in self.services.iter().enumerate() {
            for (name, text) in [("base", &service.base), ("per_kilogram", &service.per_kilogram)] {
                if Money::parse(text, self.currency).map_or(true, |money| money.minor < 0) {
                    return bad(format!("services[{index}].{name}"), "must be an amount in the table's currency");
                }
            }
            if service.most_grams <= 0 || service.days < 0 {
                return bad(format!("services[{index}]"), "must take some weight, in no less than no time");
            }
        }
        match self.promises.iter().position(|promise| promise.days < 0) {
            Some(index) => bad(format!("promises[{index}].days"), "must not be negative"),
            None => Ok(()),
        }
    }

    /// How many days a shipping method may take; without a promise, any number.
    pub fn promise(&self, method: &str) -> i64 {
        let found = self.promises.iter().find(|promise| promise.method == "*" || promise.method == method);
        found.map_or(i64::MAX, |promise| promise.days)
    }

    /// Everything on offer for a parcel. Entries whose prices cannot be read offer nothing.
    pub fn quotes(&self, parcel: Parcel<'_>) -> Vec<Quote> {
        let reach = if parcel.from == parcel.to { Reach::Domestic } else { Reach::Abroad };
        let fits = |service: &&Service| service.reach == reach && parcel.grams <= service.most_grams;
        let quote = |service: &Service| {
            let base = Money::parse(&service.base, self.currency).ok()?;
            let each = Money::parse(&service.per_kilogram, self.currency).ok()?;
            let kilograms = parcel.grams.max(1).checked_add(999)? / 1_000;
            let minor = each.minor.checked_mul(kilograms)?.checked_add(base.minor)?;
            let price = Money::new(minor, self.currency);
            Some(Quote {
                carrier: service.carrier.clone(),
                service: service.service.clone(),
                price,
                days: service.days,
            })
        };
        self.services.iter().filter(fits).filter_map(quote).collect()
    }

    /// The cheapest service that keeps the promise; of equal ones the faster.
    pub fn choose(&self, parcel: Parcel<'_>) -> Option<Quote> {
        let promise = self.promise(parcel.method);
        let kept = self.quotes(parcel).into_iter().filter(|quote| quote.days <= promise);
        kept.min_by_key(|quote| (quote.price.minor, quote.days))
    }
}

impl Table {
    /// The choice, and why it is that one.
    pub fn explain(&self, parcel: Parcel<'_>) -> Option<(Quote, String)> {
        choose(self.quotes(parcel), self.promise(parcel.method))
    }
}

/// The cheapest of these that keeps a promise of so many days, of equal ones the faster; and why, in words.
pub fn choose(quotes: Vec<Quote>, promise: i64) -> Option<(Quote, String)> {
    let all = quotes.len();
    let mut kept: Vec<Quote> = quotes.into_iter().filter(|quote| quote.days <= promise).collect();
    kept.sort_by_key(|quote| (quote.price.minor, quote.days));
    let short =
        |quote: &Quote| format!("{} {} for {} in {} days", quote.carrier, quote.service, quote.price, quote.days);
    let next = kept.get(1).map(|second| format!("; next {}", short(second))).unwrap_or_default();
    let within = if promise == i64::MAX { String::new() } else { format!(" within {promise} days") };
    let count = kept.len();
    let chosen = kept.into_iter().next()?;
    let why = format!("{}: the cheapest of {count}{within} ({all} on offer){next}", short(&chosen));
    Some((chosen, why))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parcel<'a>(to: &'a str, grams: i64, method: &'a str) -> Parcel<'a> {
        Parcel { from: "US", to, grams, method }
    }

    #[test]
    fn the_cheapest_that_keeps_the_promise() {
        let table = Table::default();
        let chosen =
            |parcel| table.choose(parcel).map(|quote| format!("{}/{} {}", quote.carrier, quote.service, quote.price));
        assert_eq!(chosen(parcel("US", 400, "standard")).as_deref(), Some("usps/ground 5.70 USD"));
        assert_eq!(chosen(parcel("US", 20_000, "standard")).as_deref(), Some("fedex/ground 25.10 USD"));
        assert_eq!(chosen(parcel("US", 400, "overnight")).as_deref(), Some("fedex/overnight 32.80 USD"));
        assert_eq!(chosen(parcel("DE", 400, "express")).as_deref(), Some("dhl/express 50.80 USD"));
        assert_eq!(chosen(parcel("DE", 400, "overnight")), None);
        assert_eq!(chosen(parcel("US", 80_000, "standard")), None);
    }

    #[test]
    fn the_choice_is_explained() {
        let (_, why) = Table::default().explain(parcel("US", 400, "express")).expect("somebody takes it");
        assert_eq!(
            why,
            "usps priority for 10.60 USD in 3 days: the cheapest of 3 within 3 days (6 on offer); next ups second_day for 20.10 USD in 2 days"
        );
    }

    #[test]
    fn every_entry_of_the_default_table_can_be_read() {
        let table = Table::default();
        assert_eq!(table.check(), Ok(()));
        let here = table.quotes(parcel("US", 1, "standard")).len();
        let abroad = table.quotes(parcel("DE", 1, "standard")).len();
        assert_eq!(here + abroad, table.services.len());
        for carrier in ["fedex", "ups", "dhl", "usps"] {
            assert!(table.services.iter().any(|service| service.carrier == carrier), "{carrier}");
        }
    }

    proptest! {
        #[test]
        fn nothing_on_offer_within_the_promise_is_cheaper(grams in 1_i64..90_000, method in "(standard|express|overnight)", to in "(US|DE)") {
            let table = Table::default();
            let promise = table.promise(&method);
            let kept: Vec<Quote> = table.quotes(parcel(&to, grams, &method)).into_iter().filter(|quote| quote.days <= promise).collect();
            match table.choose(parcel(&to, grams, &method)) {
                Some(chosen) => prop_assert!(chosen.days <= promise && kept.iter().all(|quote| quote.price.minor >= chosen.price.minor)),
                None => prop_assert!(kept.is_empty()),
            }
        }
    }
}
