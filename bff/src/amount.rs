//! Amounts as callers write them: a decimal text or a number, read exactly as it is written.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use service_kit::problem::Problem;
use shared_events::{Currency, Money};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// The digits of an amount, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(String);

impl Amount {
    /// The amount in `currency`; must be positive.
    ///
    /// # Errors
    /// 422 that names `field`.
    pub fn positive(&self, field: &str, currency: Currency) -> Result<Money, Problem> {
        let money =
            Money::parse(&self.0, currency).map_err(|error| Problem::invalid_field(field, error.to_string()))?;
        if money.minor <= 0 {
            return Err(Problem::invalid_field(field, "must be greater than zero"));
        }
        Ok(money)
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
        let is_number = written.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if !is_number {
            return Err(serde::de::Error::custom("must be a decimal number or a text that holds one"));
        }
        Ok(Self(written.to_owned()))
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Number, Type::String]))
            .description(Some("A decimal number, or a text that holds one; never more decimals than the currency has"))
            .examples([serde_json::json!("150.00")])
            .into()
    }
}

impl utoipa::ToSchema for Amount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_read_exactly() {
        let cases = [
            ("150.00", Some(15_000)),
            ("\"150.00\"", Some(15_000)),
            ("0.1", Some(10)),
            ("90071992547409.93", Some(9_007_199_254_740_993)),
            ("1.001", None),
            ("0", None),
            ("-1", None),
            ("\"abc\"", None),
        ];
        for (written, minor) in cases {
            let amount: Amount = serde_json::from_str(written).expect(written);
            assert_eq!(amount.positive("amount", Currency::USD).ok().map(|money| money.minor), minor, "{written}");
        }
        for wrong in ["null", "true", "[1]", "{}"] {
            assert!(serde_json::from_str::<Amount>(wrong).is_err(), "{wrong}");
        }
    }
}
