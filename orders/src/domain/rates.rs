//! The rate table: tax by country, shipping by method and currency. A table, not code: a tenant's own replaces the default.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use shared_events::outcome::Rejection;
use shared_events::{Currency, Money};
use utoipa::ToSchema;

/// Matches every country, method or currency.
const ANY: &str = "*";
/// Most entries of each kind that a table may have.
const MOST_ENTRIES: usize = 500;
/// Ten thousand basis points are the whole.
pub const WHOLE: i64 = 10_000;

static DEFAULT: LazyLock<Rates> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/rates.json")).expect("the default table is tested"));

/// What is added to the price of goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Names the table; kept with every order that was reckoned by it.
    #[schema(example = "default-1")]
    pub version: String,
    /// Tax by country; the first that fits counts.
    pub tax: Vec<Tax>,
    /// Shipping by method and currency; the first that fits counts.
    pub shipping: Vec<Shipping>,
}

/// Tax on the goods that go to a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// ISO 3166 alpha-2, or `*`.
    #[schema(example = "*")]
    pub country: String,
    /// Share of the price of the goods in ten-thousandths: 1000 is 10 %.
    #[schema(example = 1000)]
    pub basis_points: i64,
}

/// What one delivery costs the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    /// The shipping method as the order names it, or `*`.
    #[schema(example = "*")]
    pub method: String,
    /// ISO 4217, or `*`: then the amounts are read in the order's currency.
    #[schema(example = "*")]
    pub currency: String,
    /// Free from this price of the goods on; absent = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "100.00")]
    pub free_from: Option<String>,
    /// The price under it.
    #[schema(example = "10.00")]
    pub price: String,
}

impl Default for Rates {
    /// 10 % tax, and 10.00 for shipping under 100 (seed 002).
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Rates {
    /// Whether the table can be used.
    ///
    /// # Errors
    /// `invalid_rates`, at the entry.
    pub fn check(&self) -> Result<(), Rejection> {
        let bad =
            |field: String, detail: &str| Err(Rejection::new("invalid_rates", format!("{field} {detail}")).at(&field));
        if self.tax.len() > MOST_ENTRIES || self.shipping.len() > MOST_ENTRIES {
            return bad("rates".into(), "has more than 500 entries of a kind");
        }
        for (index, tax) in self.tax.iter().enumerate() {
            if !(0..=WHOLE).contains(&tax.basis_points) {
                return bad(format!("tax[{index}].basis_points"), "must be from 0 to 10000");
            }
        }
        for (index, entry) in self.shipping.iter().enumerate() {
            let currency = if entry.currency == ANY { Ok(Currency::USD) } else { Currency::try_new(&entry.currency) };
            let Ok(currency) = currency else {
                return bad(format!("shipping[{index}].currency"), "must be an ISO 4217 code or *");
            };
            for (name, text) in [("price", Some(&entry.price)), ("free_from", entry.free_from.as_ref())] {
                let fits = text.is_none_or(|text| Money::parse(text, currency).is_ok_and(|money| money.minor >= 0));
                if !fits {
                    return bad(format!("shipping[{index}].{name}"), "must be an amount");
                }
            }
        }
        Ok(())
    }

    /// The share of tax, in basis points, for goods that go to `country`.
    ///
    /// # Errors
    /// `no_rate` when the table has none.
    pub fn tax_for(&self, country: &str) -> Result<i64, Rejection> {
        let found = self.tax.iter().find(|tax| tax.country == ANY || tax.country == country);
        found
            .map(|tax| tax.basis_points)
            .ok_or_else(|| Rejection::new("no_rate", format!("the rate table has no tax for {country}")))
    }

    /// What shipping costs for goods of this price.
    ///
    /// # Errors
    /// `no_rate` when the table has no entry for the method and currency, or its amounts do not fit the currency.
    pub fn shipping_for(&self, method: &str, goods: Money) -> Result<Money, Rejection> {
        let code = goods.currency;
        let fits = |entry: &&Shipping| {
            (entry.method == ANY || entry.method == method) && (entry.currency == ANY || entry.currency == code.code())
        };
        let none = || Rejection::new("no_rate", format!("the rate table has no shipping by {method} in {code}"));
        let entry = self.shipping.iter().find(fits).ok_or_else(none)?;
        let read = |text: &String| Money::parse(text, code).map_err(|_| none());
        let free_from = entry.free_from.as_ref().map(read).transpose()?;
        if free_from.is_some_and(|limit| goods.minor >= limit.minor) {
            return Ok(Money::new(0, code));
        }
        read(&entry.price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_fits_its_own_rules() {
        let rates = Rates::default();
        assert_eq!(rates.check(), Ok(()));
        assert_eq!(rates.tax_for("DE"), Ok(1_000));
        let shipping =
            |minor| rates.shipping_for("standard", Money::new(minor, Currency::USD)).map(|money| money.minor);
        assert_eq!([shipping(9_999), shipping(10_000)], [Ok(1_000), Ok(0)]);
    }

    #[test]
    fn the_first_entry_that_fits_counts() {
        let mut rates = Rates::default();
        rates.tax.insert(0, Tax { country: "DE".into(), basis_points: 1_900 });
        rates.shipping.insert(
            0,
            Shipping { method: "express".into(), currency: "EUR".into(), free_from: None, price: "25.00".into() },
        );
        assert_eq!((rates.tax_for("DE"), rates.tax_for("US")), (Ok(1_900), Ok(1_000)));
        let eur = Money::new(50_000, Currency::try_new("EUR").expect("listed"));
        assert_eq!(rates.shipping_for("express", eur).map(|money| money.minor), Ok(2_500));
        assert_eq!(rates.shipping_for("standard", eur).map(|money| money.minor), Ok(0));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let mut rates = Rates::default();
        rates.tax[0].basis_points = 10_001;
        assert_eq!(rates.check().expect_err("refused").field.as_deref(), Some("tax[0].basis_points"));
        let mut rates = Rates::default();
        rates.shipping[0].price = "1.234".into();
        assert_eq!(rates.check().expect_err("refused").field.as_deref(), Some("shipping[0].price"));
        rates.tax.clear();
        assert_eq!(rates.tax_for("DE").expect_err("refused").code, "no_rate");
    }
}
