//! The purchase log: CDNOW, 1997-98 (see `data/README.md` for where it comes from).

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// The log, as it was published.
pub const TEXT: &str = include_str!("../../data/CDNOW_sample.txt");

/// One purchase of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Its line, from 1; the shop's order number in the demo.
    pub line: u32,
    /// The customer's number in the sample.
    pub customer: u32,
    /// The day.
    pub day: NaiveDate,
    /// How many CDs.
    pub items: u32,
    /// What was paid, as written: `29.33`.
    pub dollars: &'static str,
}

impl Purchase {
    /// The log knows days only; noon will do.
    pub fn at(&self) -> DateTime<Utc> {
        self.day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12)
    }

    /// What the shop calls the order, and the event that reports it.
    pub fn order(&self) -> String {
        format!("cdnow-{:05}", self.line)
    }

    /// Whether anything was paid at all; some purchases cost nothing.
    pub fn cost_something(&self) -> bool {
        self.dollars.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
    }
}

/// Reads the log in the order of its lines.
///
/// # Errors
/// With the line that does not fit.
pub fn read(text: &'static str) -> anyhow::Result<Vec<Purchase>> {
    let lines = (1_u32..).zip(text.lines().filter(|line| !line.trim().is_empty()));
    lines
        .map(|(number, line)| read_line(number, line).with_context(|| format!("line {number} of the log: {line:?}")))
        .collect()
}

fn read_line(line: u32, text: &'static str) -> anyhow::Result<Purchase> {
    let columns: Vec<&'static str> = text.split_ascii_whitespace().collect();
    let [_, customer, day, items, dollars] = columns[..] else { anyhow::bail!("expected five columns") };
    let day = NaiveDate::parse_from_str(day, "%Y%m%d").context("the day")?;
    Ok(Purchase {
        line,
        customer: customer.parse().context("the customer")?,
        day,
        items: items.parse().context("the items")?,
        dollars,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_log_is_read() {
        let purchases = read(TEXT).expect("the log is well formed");
        assert_eq!(purchases.len(), 6_919);
        let day = NaiveDate::from_ymd_opt(1997, 1, 1).expect("a day");
        assert_eq!(purchases[0], Purchase { line: 1, customer: 1, day, items: 2, dollars: "29.33" });
        assert_eq!(purchases.iter().filter(|purchase| !purchase.cost_something()).count(), 8);
    }

    #[test]
    fn a_line_that_does_not_fit_is_named() {
        let error = read("1 1 19970101 1 1.00\n1 1 19970101 1").expect_err("four columns");
        assert!(format!("{error:#}").starts_with("line 2"), "{error:#}");
    }
}
