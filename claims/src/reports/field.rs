//! From a field's text to its value: whole numbers, exact decimals and money, dates in each shape that occurs.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use shared_events::money::{Currency, Money, MoneyError};

use super::Column;
use super::split::Row;

/// Why a field could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The column's name.
    pub column: &'static str,
    /// What is wrong, without the field's text.
    pub problem: String,
}

/// The fields of a row by the index of their column.
#[derive(Debug)]
pub struct Fields<'a> {
    row: &'a Row,
    places: &'a [Option<usize>],
    columns: &'static [Column],
}

/// An exact decimal number: `digits / 10^scale`. For sizes and rates; amounts are [`Money`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The number without its point.
    pub digits: i64,
    /// How many of the digits stand behind the point.
    pub scale: u32,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(row: &'a Row, places: &'a [Option<usize>], columns: &'static [Column]) -> Self {
        Self { row, places, columns }
    }

    /// The text of a column; empty when the file or the row lacks it.
    pub fn text(&self, column: usize) -> &'a str {
        match self.places[column] {
            Some(place) if place < self.row.len() => self.row.get(place).trim(),
            _ => "",
        }
    }

    /// Whether the file has the column at all.
    pub fn has(&self, column: usize) -> bool {
        self.places[column].is_some()
    }

    /// An error about a column.
    pub fn wrong(&self, column: usize, problem: impl Into<String>) -> FieldError {
        FieldError { column: self.columns[column].name, problem: problem.into() }
    }

    /// A text that must not be empty.
    ///
    /// # Errors
    /// When it is.
    pub fn needed(&self, column: usize) -> Result<String, FieldError> {
        match self.text(column) {
            "" => Err(self.wrong(column, "is empty")),
            text => Ok(text.to_owned()),
        }
    }

    /// A text, owned; may be empty.
    pub fn owned(&self, column: usize) -> String {
        self.text(column).to_owned()
    }

    /// A text where there is one.
    pub fn some(&self, column: usize) -> Option<String> {
        Some(self.text(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A whole number; `12.0` and `12,00` are whole too.
    ///
    /// # Errors
    /// When it is not one.
    pub fn whole(&self, column: usize) -> Result<i64, FieldError> {
        let text = self.text(column);
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "x"));
        let zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
        whole.parse().ok().filter(|_| zeros).ok_or_else(|| self.wrong(column, "is not a whole number"))
    }

    /// A whole number, or nothing where the field is blank.
    ///
    /// # Errors
    /// When it is neither.
    pub fn whole_or_blank(&self, column: usize) -> Result<Option<i64>, FieldError> {
        if self.text(column).is_empty() { Ok(None) } else { self.whole(column).map(Some) }
    }

    /// A whole number, blank meaning zero.
    ///
    /// # Errors
    /// When it is neither.
    pub fn whole_or_zero(&self, column: usize) -> Result<i64, FieldError> {
        Ok(self.whole_or_blank(column)?.unwrap_or(0))
    }

    /// A currency code.
    ///
    /// # Errors
    /// When ISO 4217 does not list it.
    pub fn currency(&self, column: usize) -> Result<Currency, FieldError> {
        Currency::try_new(self.text(column)).map_err(|_| self.wrong(column, "is not a currency code"))
    }

    /// An amount, with a decimal point or comma, exactly.
    ///
    /// # Errors
    /// When it is not a number, has more decimals than the currency, or is too large.
    pub fn money(&self, column: usize, currency: Currency) -> Result<Money, FieldError> {
        let problem = match plain_number(self.text(column)).map(|text| Money::parse(&text, currency)) {
            Some(Ok(money)) => return Ok(money),
            Some(Err(MoneyError::TooPrecise { .. })) => "has more decimals than the currency",
            Some(Err(MoneyError::OutOfRange)) => "is out of range",
            _ => "is not an amount",
        };
        Err(self.wrong(column, problem))
    }

    /// A number as plain text with a decimal point, for an amount whose currency is written elsewhere.
    ///
    /// # Errors
    /// When it is not a number.
    pub fn plain(&self, column: usize) -> Result<String, FieldError> {
        let plain = plain_number(self.text(column)).filter(|text| Decimal::parse(text).is_some());
        plain.ok_or_else(|| self.wrong(column, "is not an amount"))
    }

    /// An amount, or nothing where the field is blank or the column is missing.
    ///
    /// # Errors
    /// As [`Fields::money`].
    pub fn money_or_blank(&self, column: usize, currency: Currency) -> Result<Option<Money>, FieldError> {
        match self.text(column) {
            "" | "--" => Ok(None),
            _ => self.money(column, currency).map(Some),
        }
    }

    /// A decimal number, or nothing where the field is blank.
    ///
    /// # Errors
    /// When it is neither.
    pub fn decimal_or_blank(&self, column: usize) -> Result<Option<Decimal>, FieldError> {
        let text = self.text(column);
        if matches!(text, "" | "--") {
            return Ok(None);
        }
        let number = plain_number(text).and_then(|text| Decimal::parse(&text));
        number.map(Some).ok_or_else(|| self.wrong(column, "is not a decimal number"))
    }

    /// A date in any of the shapes of [`date_of`].
    ///
    /// # Errors
    /// When it is none of them.
    pub fn date(&self, column: usize) -> Result<NaiveDate, FieldError> {
        date_of(self.text(column)).ok_or_else(|| self.wrong(column, "is not a date"))
    }

    /// A moment in any of the shapes of [`instant_of`].
    ///
    /// # Errors
    /// When it is none of them.
    pub fn instant(&self, column: usize) -> Result<DateTime<FixedOffset>, FieldError> {
        instant_of(self.text(column)).ok_or_else(|| self.wrong(column, "is not a date with time and offset"))
    }
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        Some(Self { digits: digits.parse().ok()?, scale: u32::try_from(fraction.len()).ok()? })
            .filter(|it| it.scale <= 9)
    }
}

/// Digits with a decimal point: `4,10` becomes `4.10`, `1.234,50` and `1,234.50` become `1234.50`. A single comma or point is
/// always a decimal sign, so a thousand written `1,234` has three decimals and is refused where money has two: never guessed.
fn plain_number(text: &str) -> Option<String> {
    let Some(decimal_sign) = text.rfind(['.', ',']) else { return Some(text.to_owned()) };
    let sign = text[decimal_sign..].chars().next()?;
    let (whole, fraction) = (&text[..decimal_sign], &text[decimal_sign + 1..]);
    let groups: Vec<&str> = whole.split(if sign == ',' { '.' } else { ',' }).collect();
    let grouped_by_thousands = groups[1..].iter().all(|group| group.len() == 3);
    grouped_by_thousands.then(|| format!("{}.{fraction}", groups.concat()))
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// `2026-05-26` (also followed by a time), `05/26/2026` (month first) or `26.05.2026`.
pub(crate) fn date_of(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    let part = |from: usize, to: usize| digits(bytes.get(from..to)?);
    let (year, month, day, rest) = match (bytes.get(2)?, bytes.get(4)?) {
        (b'/', _) => (part(6, 10)?, part(0, 2)?, part(3, 5)?, 10),
        (b'.', _) => (part(6, 10)?, part(3, 5)?, part(0, 2)?, 10),
        (_, b'-') => (part(0, 4)?, part(5, 7)?, part(8, 10)?, 10),
        _ => return None,
    };
    let ends = matches!(bytes.get(rest), None | Some(b'T' | b' '));
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|_| ends && separators_agree(bytes))
}

fn separators_agree(bytes: &[u8]) -> bool {
    let second = if bytes[2].is_ascii_digit() { 7 } else { 5 };
    let first = if second == 7 { 4 } else { 2 };
    bytes.get(second) == bytes.get(first)
}

/// `2026-05-12T09:59:13+00:00`, `2026-07-06T00:00:00-0700`, `...Z`, with fractions of a second, or `2026-05-12 09:59:13 UTC`
/// (also `12.05.2026 ...`).
pub fn instant_of(text: &str) -> Option<DateTime<FixedOffset>> {
    let date = date_of(text)?;
    let bytes = text.as_bytes();
    let part = |from: usize| digits(bytes.get(from..from + 2)?);
    if !matches!(bytes.get(10), Some(b'T' | b' ')) || bytes.get(13) != Some(&b':') || bytes.get(16) != Some(&b':') {
        return None;
    }
    let time = NaiveTime::from_hms_opt(part(11)?, part(14)?, part(17)?)?;
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|sign: char| sign.is_ascii_digit());
    }
    let seconds = match rest.trim_start() {
        "Z" | "UTC" => 0,
        offset => {
            let sign = match offset.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let numbers = offset[1..].replace(':', "");
            let (hours, minutes) = (digits(numbers.as_bytes().get(..2)?)?, digits(numbers.as_bytes().get(2..)?)?);
            let valid = numbers.len() == 4 && hours < 15 && minutes < 60;
            valid.then_some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)?
        }
    };
    FixedOffset::east_opt(seconds)?.from_local_datetime(&NaiveDateTime::new(date, time)).single()
}

#[cfg(test)]
mod tests;
