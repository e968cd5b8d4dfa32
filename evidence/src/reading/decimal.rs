//! Decimal numbers as documents write them, exactly: a unit price may have more decimals than its currency.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `digits / 10^scale`, at most 30 significant digits and 15 decimals, so that no product overflows unnoticed.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: i128,
    scale: u32,
}

const MOST_SCALE: u32 = 15;
const MOST_DIGITS: u32 = 30;

impl Decimal {
    /// Nothing at all.
    pub const ZERO: Self = Self { digits: 0, scale: 0 };
    /// One piece.
    pub const ONE: Self = Self { digits: 1, scale: 0 };

    /// `digits` divided by ten to the power of `scale`; none when out of range.
    pub fn new(digits: i128, scale: u32) -> Option<Self> {
        let fits = scale <= MOST_SCALE && digits.unsigned_abs() < 10_u128.pow(MOST_DIGITS);
        fits.then_some(Self { digits, scale })
    }

    /// The same number with `scale` decimals in its numerator; none when that is out of range.
    fn digits_at(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    /// The sum; none when out of range.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Self::new(self.digits_at(scale)?.checked_add(other.digits_at(scale)?)?, scale)
    }

    /// The difference; none when out of range.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    /// The number with its sign turned.
    pub fn negated(self) -> Self {
        Self { digits: -self.digits, scale: self.scale }
    }

    /// The product, rounded to what can be held; none when out of range.
    pub fn times(self, other: Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        let digits = self.digits.checked_mul(other.digits)?;
        if scale <= MOST_SCALE {
            return Self::new(digits, scale);
        }
        Self::new(divide_rounding(digits, 10_i128.pow(scale - MOST_SCALE))?, MOST_SCALE)
    }

    /// The quotient with six decimals; none for a division by zero or when out of range.
    pub fn over(self, other: Self) -> Option<Self> {
        let scale = 6 + other.scale;
        let digits = self.digits.checked_mul(10_i128.checked_pow(scale)?)?;
        let quotient = divide_rounding(digits, other.digits)?;
        Self::new(divide_rounding(quotient, 10_i128.pow(self.scale))?, 6)
    }

    /// In units of `decimals` decimals, if it has no more than those.
    pub fn minor(self, decimals: u32) -> Option<i64> {
        let rounded = self.rounded_minor(decimals)?;
        let exact = Self::new(i128::from(rounded), decimals)?;
        (exact == self).then_some(rounded)
    }

    /// In units of `decimals` decimals, halves rounded away from zero.
    pub fn rounded_minor(self, decimals: u32) -> Option<i64> {
        let digits = if self.scale <= decimals {
            self.digits_at(decimals)?
        } else {
            divide_rounding(self.digits, 10_i128.checked_pow(self.scale - decimals)?)?
        };
        i64::try_from(digits).ok()
    }

    /// Less than nothing.
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }
}

/// Halves away from zero; none for a division by zero.
fn divide_rounding(digits: i128, by: i128) -> Option<i128> {
    let (quotient, rest) = (digits.checked_div(by)?, digits.checked_rem(by)?);
    let away = if (digits < 0) == (by < 0) { 1 } else { -1 };
    Some(if rest.unsigned_abs() >= by.unsigned_abs().div_ceil(2) { quotient + away } else { quotient })
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.digits.signum(), other.digits.signum()) {
            (mine, theirs) if mine != theirs => mine.cmp(&theirs),
            _ => {
                // Parts before and after the point apart, so that scaling up cannot overflow.
                let split = |number: &Self| {
                    let unit = 10_i128.pow(number.scale);
                    (number.digits / unit, number.digits % unit * 10_i128.pow(MOST_SCALE - number.scale))
                };
                split(self).cmp(&split(other))
            }
        }
    }
}

/// The text is no plain decimal number, or one out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct NotDecimal;

impl FromStr for Decimal {
    type Err = NotDecimal;

    /// Reads `-12.50`, `+3`, `.5` or `7.`, as XML schemas write decimals.
    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = [whole, fraction].concat();
        let digits_only = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !unsigned.bytes().any(|byte| byte.is_ascii_digit()) || !digits_only || digits.len() > 38 {
            return Err(NotDecimal);
        }
        let magnitude: i128 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| NotDecimal)? };
        let scale = u32::try_from(fraction.len()).map_err(|_| NotDecimal)?;
        Self::new(if negative { -magnitude } else { magnitude }, scale).ok_or(NotDecimal)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.digits.unsigned_abs(), width = self.scale as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    #[test]
    fn numbers_are_read_and_written_exactly() {
        for (text, written) in [("1", "1"), ("-0.50", "-0.5"), ("+3.", "3"), (".25", "0.25"), ("007.10", "7.1")] {
            assert_eq!(decimal(text).to_string(), written);
        }
        for text in
            ["", "-", ".", "1,5", "1e3", "NaN", "1.2.3", " 1", "0.0000000000000001", "1000000000000000000000000000000"]
        {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn reckoning_rounds_halves_away_from_zero() {
        assert_eq!(decimal("0.125").rounded_minor(2), Some(13));
        assert_eq!(decimal("-0.125").rounded_minor(2), Some(-13));
        assert_eq!(decimal("0.125").minor(2), None);
        assert_eq!(decimal("12.50").minor(2), Some(1250));
        assert_eq!(decimal("1").over(decimal("3")), Some(decimal("0.333333")));
        assert_eq!(decimal("2.5").over(decimal("0.5")), Some(decimal("5")));
        assert_eq!(decimal("1").over(Decimal::ZERO), None);
        assert_eq!(decimal("1.5").times(decimal("-2")), Some(decimal("-3")));
    }

    proptest! {
        #[test]
        fn adding_and_comparing_agree(a in -10_000_000_i64..10_000_000, b in -10_000_000_i64..10_000_000, scale in 0_u32..9) {
            let (left, right) = (Decimal::new(a.into(), scale).expect("small"), Decimal::new(b.into(), scale).expect("small"));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(left.plus(right), Decimal::new((a + b).into(), scale));
            prop_assert_eq!(left.to_string().parse::<Decimal>().expect("written by us"), left);
        }
    }
}
