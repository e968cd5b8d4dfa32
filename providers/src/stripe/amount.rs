//! Amounts as Stripe counts them: minor units, mostly those of ISO 4217.

use shared_events::money::{Currency, Money};

use super::Error;

/// Currencies that Stripe counts otherwise than ISO 4217.
const OTHERWISE: [&str; 3] = ["ISK", "MGA", "UGX"];

/// A positive amount and its currency as parameters.
pub(crate) fn parameters(money: Money) -> Result<[(&'static str, String); 2], Error> {
    let code = money.currency.code();
    if OTHERWISE.contains(&code) || money.currency.decimals() > 2 {
        return Err(Error::UnsupportedCurrency(code.to_owned()));
    }
    if money.minor <= 0 {
        let message = "an amount has to be positive".to_owned();
        return Err(Error::Refused { status: 400, code: "amount".to_owned(), message, request_id: None });
    }
    Ok([("amount", money.minor.to_string()), ("currency", code.to_ascii_lowercase())])
}

/// What an object says.
pub(crate) fn money(minor: i64, currency: &str) -> Option<Money> {
    Currency::try_new(&currency.to_ascii_uppercase()).ok().map(|currency| Money::new(minor, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(minor: i64, code: &str) -> Result<String, Error> {
        let [amount, currency] = parameters(Money::new(minor, Currency::try_new(code).unwrap()))?;
        Ok(format!("{} {}", amount.1, currency.1))
    }

    #[test]
    fn minor_units_are_sent_as_they_are() {
        assert_eq!(of(1_234, "EUR").as_deref(), Ok("1234 eur"));
        assert_eq!(of(1_234, "JPY").as_deref(), Ok("1234 jpy"));
        for odd in ["ISK", "UGX", "KWD"] {
            assert_eq!(of(100, odd), Err(Error::UnsupportedCurrency(odd.to_owned())));
        }
        assert!(of(0, "USD").is_err() && of(-5, "USD").is_err());
    }
}
