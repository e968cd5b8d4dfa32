//! Money: a whole number of minor units (cents) and an ISO 4217 currency. There is no floating point anywhere.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// An ISO 4217 currency in use, by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not a hundredth: letters and decimals (ISO 4217 list one).
const OTHER_EXPONENTS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Currencies with two decimals (ISO 4217 list one).
const HUNDREDTHS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE \
CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR \
LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG";

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three letters of ISO 4217.
    #[error("unknown currency {0:?}: expected an ISO 4217 code such as USD")]
    UnknownCurrency(String),
    /// Not a decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// More decimals than the currency has.
    #[error("{currency} has {decimals} decimals, the amount has more")]
    TooPrecise {
        /// The currency meant.
        currency: Currency,
        /// How many decimals it has.
        decimals: u32,
    },
    /// Beyond [`Money::LARGEST_MINOR`].
    #[error("amount is out of range")]
    OutOfRange,
}

impl Currency {
    /// United States dollar, the currency of an event that names none.
    pub const USD: Self = Self(*b"USD");

    /// Reads a currency by its code, in capitals.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] when ISO 4217 does not list it.
    pub fn try_new(code: &str) -> Result<Self, MoneyError> {
        let letters: Option<[u8; 3]> = code.as_bytes().try_into().ok();
        let listed =
            OTHER_EXPONENTS.iter().any(|(other, _)| *other == code) || HUNDREDTHS.split(' ').any(|other| other == code);
        match letters {
            Some(letters) if listed => Ok(Self(letters)),
            _ => Err(MoneyError::UnknownCurrency(code.chars().take(16).collect())),
        }
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("built from ASCII letters only")
    }

    /// How many decimals its minor unit stands for: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn decimals(&self) -> u32 {
        OTHER_EXPONENTS.iter().find(|(code, _)| *code == self.code()).map_or(2, |(_, decimals)| *decimals)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("ISO 4217 code"))
            .examples(["USD"])
            .into()
    }
}

impl ToSchema for Currency {}

/// An amount in minor units. On the wire `{"minor": 15000, "currency": "USD"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Minor units: cents for USD, yen for JPY. Negative for what is taken back.
    pub minor: i64,
    /// The currency; amounts of different currencies are never added.
    pub currency: Currency,
}

/// An amount as somebody wrote it: with its currency, or the digits alone, to be read in the currency that they turn out to be of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Written {
    /// In a currency that was named.
    In(Money),
    /// In a currency that was not named.
    Digits(String),
}

impl Written {
    /// The amount: as it is where its currency was named, else the digits read in `currency`.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn read(&self, currency: Currency) -> Result<Money, MoneyError> {
        match self {
            Self::In(money) => Ok(*money),
            Self::Digits(digits) => Money::parse(digits, currency),
        }
    }
}

impl From<Money> for Written {
    fn from(money: Money) -> Self {
        Self::In(money)
    }
}

impl Money {
    /// The largest amount that is taken from outside, in minor units, of either sign: a hundred million million dollars. Far above any
    /// purchase, and so far below 64 bits that the sums of a run of messages (500) and of a partner's many purchases hold.
    pub const LARGEST_MINOR: i64 = 10_000_000_000_000_000;

    /// `minor` minor units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a decimal text such as `150.00`, `-3` or `1e2`, exactly. Zeros beyond the currency's decimals are harmless.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`], [`MoneyError::TooPrecise`] or [`MoneyError::OutOfRange`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| MoneyError::NotANumber)?),
            None => (text, 0),
        };
        let (negative, unsigned) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let dot_without_digits = unsigned.contains('.') && fraction.is_empty();
        if whole.is_empty() || dot_without_digits || !digits_only(whole) || !digits_only(fraction) {
            return Err(MoneyError::NotANumber);
        }
        if unsigned.len() > 64 || exponent.abs() > 64 {
            return Err(MoneyError::OutOfRange);
        }
        // value = digits * 10^power minor units
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let dropped_zeros = (digits.len() - significant.len()) as i32;
        let power = currency.decimals() as i32 + exponent - fraction.len() as i32 + dropped_zeros;
        if significant.is_empty() {
            return Ok(Self::new(0, currency));
        }
        if power < 0 {
            return Err(MoneyError::TooPrecise { currency, decimals: currency.decimals() });
        }
        let magnitude: i64 = significant
            .parse::<i64>()
            .ok()
            .zip(10_i64.checked_pow(power as u32))
            .and_then(|(value, scale)| value.checked_mul(scale))
            .filter(|magnitude| *magnitude <= Self::LARGEST_MINOR)
            .ok_or(MoneyError::OutOfRange)?;
        Ok(Self::new(if negative { -magnitude } else { magnitude }, currency))
    }

    /// The amount as a decimal text with exactly the currency's decimals: `150.00`.
    pub fn decimal(&self) -> String {
        let decimals = self.currency.decimals() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Result<i64, MoneyError> {
        Money::parse(text, Currency::USD).map(|money| money.minor)
    }

    #[test]
    fn decimals_are_read_exactly() {
        let cases = [
            ("100.0", 10_000),
            ("0.1", 10),
            ("-3", -300),
            ("1e2", 10_000),
            ("12.5E-1", 125),
            ("0.10000", 10),
            ("90071992547409.93", 9_007_199_254_740_993),
        ];
        for (text, minor) in cases {
            assert_eq!(usd(text), Ok(minor), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "1,00", "NaN", "--1", "0x1", "1e", " 1"] {
            assert_eq!(usd(text), Err(MoneyError::NotANumber), "{text:?}");
        }
        assert!(matches!(usd("1.001"), Err(MoneyError::TooPrecise { decimals: 2, .. })));
        assert!(matches!(
            Money::parse("1.5", Currency::try_new("JPY").expect("listed")),
            Err(MoneyError::TooPrecise { decimals: 0, .. })
        ));
        assert_eq!(usd("-100000000000000.00"), Ok(-Money::LARGEST_MINOR));
        for text in ["92233720368547758.08", "92233720368547758.07", "100000000000000.01", "-100000000000000.01"] {
            assert_eq!(usd(text), Err(MoneyError::OutOfRange), "{text}");
        }
        assert_eq!(usd("1e60"), Err(MoneyError::OutOfRange));
        assert!(matches!(Currency::try_new("usd"), Err(MoneyError::UnknownCurrency(_))));
        assert!(matches!(Currency::try_new("ZZZ"), Err(MoneyError::UnknownCurrency(_))));
    }

    proptest! {
        #[test]
        fn writing_and_reading_agree(minor in any::<i32>(), code in prop::sample::select(vec!["USD", "JPY", "KWD", "CLF"])) {
            let money = Money::new(i64::from(minor), Currency::try_new(code).expect("listed"));
            prop_assert_eq!(Money::parse(&money.decimal(), money.currency), Ok(money));
        }
    }
}
