//! Amounts and times as they were written: nothing passes through a float, and an odd time does not spoil a page.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared_events::money::{Currency, Money, MoneyError};

/// A decimal number by its digits, whether it was a JSON number or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits(String);

impl Digits {
    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        let text = raw.get().trim_matches('"');
        let number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
        match number && !text.is_empty() {
            true => Ok(Self(text.to_owned())),
            false => Err(serde::de::Error::custom("not a decimal number")),
        }
    }
}

/// An amount. Each of Amazon's models names its two fields in its own way; they are all read here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Amount {
    /// ISO 4217, as written.
    #[serde(default, alias = "CurrencyCode", alias = "currencyCode", alias = "unit")]
    pub currency: Option<String>,
    /// In whole units of the currency, as written.
    #[serde(
        default,
        alias = "CurrencyAmount",
        alias = "currencyAmount",
        alias = "Amount",
        alias = "Value",
        alias = "value"
    )]
    pub amount: Option<Digits>,
}

impl Amount {
    /// The amount in minor units; none when a part of it was left out.
    ///
    /// # Errors
    /// An unknown currency, or more decimals than the currency has: nothing is rounded.
    pub fn money(&self) -> Result<Option<Money>, MoneyError> {
        let (Some(currency), Some(amount)) = (&self.currency, &self.amount) else { return Ok(None) };
        Money::parse(amount.as_str(), Currency::try_new(currency)?).map(Some)
    }
}

/// A time as it was written. Amazon publishes ISO 8601, and its own examples hold other things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

impl Timestamp {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment, if the text is ISO 8601; a date alone is its midnight in UTC.
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        let moment = DateTime::parse_from_rfc3339(&self.0).ok().map(|moment| moment.to_utc());
        moment.or_else(|| Some(self.0.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc()))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(iso(moment))
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A list that may be `null` as well.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A moment as requests write it.
pub(crate) fn iso(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(json: &str) -> Result<Option<i64>, MoneyError> {
        let amount: Amount = serde_json::from_str(json).expect("an amount");
        amount.money().map(|money| money.map(|money| money.minor))
    }

    #[test]
    fn amounts_are_exact_however_they_are_named() {
        assert_eq!(
            money(r#"{"CurrencyCode":"USD","CurrencyAmount":90071992547409.93}"#),
            Ok(Some(9_007_199_254_740_993))
        );
        assert_eq!(money(r#"{"currencyAmount":-10,"currencyCode":"EUR"}"#), Ok(Some(-1000)));
        assert_eq!(money(r#"{"CurrencyCode":"USD","Amount":"11.01"}"#), Ok(Some(1101)));
        assert_eq!(money(r#"{"value":1.5E1,"unit":"GBP","new":true}"#), Ok(Some(1500)));
        assert_eq!(money(r#"{"CurrencyCode":"USD"}"#), Ok(None));
        assert_eq!(money(r#"{"CurrencyCode":"USD","Amount":null}"#), Ok(None));
        assert!(matches!(money(r#"{"CurrencyCode":"USD","Amount":0.001}"#), Err(MoneyError::TooPrecise { .. })));
        assert!(serde_json::from_str::<Amount>(r#"{"CurrencyCode":"USD","Amount":[]}"#).is_err());
    }

    #[test]
    fn times_are_read_where_they_are_times() {
        let at = |text: &str| Timestamp::from(text).instant().map(iso);
        assert_eq!(at("2024-03-10T20:11:24.000+01:00").as_deref(), Some("2024-03-10T19:11:24Z"));
        assert_eq!(at("2013-05-29").as_deref(), Some("2013-05-29T00:00:00Z"));
        assert_eq!(at("Mon Oct 28 18:49:32 UTC 2019"), None);
    }
}
