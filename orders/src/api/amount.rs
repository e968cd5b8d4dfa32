//! Amounts as callers write them, a decimal text or a number: read exactly as they are written.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use service_kit::problem::Problem;
use shared_events::{Currency, Money, Written};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// The digits of a number, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(String);

impl Amount {
    /// Digits that somebody else wrote.
    pub fn of(digits: String) -> Self {
        Self(digits)
    }

    /// The amount in `currency`; must not be negative.
    ///
    /// # Errors
    /// 422 that names `field`.
    pub fn read(&self, field: &str, currency: Currency) -> Result<Money, Problem> {
        let money =
            Money::parse(&self.0, currency).map_err(|error| Problem::invalid_field(field, error.to_string()))?;
        if money.minor < 0 {
            return Err(Problem::invalid_field(field, "must not be negative"));
        }
        Ok(money)
    }

    /// The amount in `currency`; where none was named, its digits, to be read in the one that it turns out to be of. Must not be negative.
    ///
    /// # Errors
    /// 422 that names `field`.
    pub fn written(&self, field: &str, currency: Option<Currency>) -> Result<Written, Problem> {
        match currency {
            Some(currency) => Ok(Written::In(self.read(field, currency)?)),
            None => self.read(field, Self::finest()?).map(|_| Written::Digits(self.0.clone())),
        }
    }

    /// A currency of four decimals, more than any other has: what can be an amount at all can be read in it.
    ///
    /// # Errors
    /// Never, as long as the table of currencies has it.
    pub fn finest() -> Result<Currency, Problem> {
        Currency::try_new("UYW").map_err(Problem::internal)
    }

    /// A share such as `0.08`, in basis points.
    ///
    /// # Errors
    /// 422 that names `field`, for more than four decimals and for what is not from 0 to 1.
    pub fn share(&self, field: &str) -> Result<i64, Problem> {
        // Ten-thousandths are read exactly.
        match Money::parse(&self.0, Self::finest()?) {
            Ok(share) if (0..=10_000).contains(&share.minor) => Ok(share.minor),
            _ => Err(Problem::invalid_field(field, "must be from 0 to 1, with at most four decimals: 0.08 is 8 %")),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // The raw text: a number read as a float would have lost digits before anyone could refuse it.
        let raw = Box::<RawValue>::deserialize(from)?;
        let written = raw.get().trim();
        if written.starts_with('"') {
            return serde_json::from_str(written).map(Self).map_err(serde::de::Error::custom);
        }
        if written.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Ok(Self(written.to_owned()));
        }
        Err(serde::de::Error::custom("must be a decimal number or a text that holds one"))
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .description(Some("A decimal number, or a text that holds one; never more decimals than the currency has"))
            .examples([serde_json::json!("29.99")])
            .into()
    }
}

impl utoipa::ToSchema for Amount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_shares_are_read_exactly() {
        let amount = |text: &str| serde_json::from_str::<Amount>(text).expect(text);
        assert_eq!(amount("29.99").read("x", Currency::USD).expect("fits").minor, 2_999);
        assert_eq!(amount("\"29.99\"").read("x", Currency::USD).expect("fits").minor, 2_999);
        assert!(amount("29.999").read("x", Currency::USD).is_err() && amount("-1").read("x", Currency::USD).is_err());
        assert_eq!(amount("0.08").share("x").expect("fits"), 800);
        assert!(amount("8").share("x").is_err() && amount("0.00001").share("x").is_err());
        assert!(serde_json::from_str::<Amount>("true").is_err());
    }
}
