//! What the columns of a set are, found out from its values.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::text;

/// How the values of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// As words and letters; numbers that are rather names (long and whole) too.
    Text,
    /// By their distance.
    Number,
    /// By their distance in days.
    Date,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the records.
    pub name: String,
    /// How its values are compared.
    pub kind: Kind,
}

/// The columns of a set, and which of them names the thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// All columns, in the order of their first appearance.
    pub columns: Vec<Column>,
    /// The column that says most about which thing a record is.
    pub main: Option<usize>,
}

/// Share of the values that have to parse.
const MOSTLY: f64 = 0.8;

/// How much better than an earlier column a later one has to be to become the main one.
const CLEARLY: f64 = 0.1;

impl Schema {
    /// Looks at the values of all columns.
    pub fn discover<'r>(records: impl Iterator<Item = &'r Record> + Clone) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for name in records.clone().flat_map(Record::names) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut columns = Vec::new();
        let mut main: Option<(usize, f64)> = None;
        for (number, name) in names.into_iter().enumerate() {
            let values: Vec<String> = records.clone().map(|record| text::fold(record.get(name))).collect();
            let kind = kind(&values);
            if kind == Kind::Text {
                let worth = worth(&values);
                if main.is_none_or(|(_, best)| worth > best + CLEARLY) {
                    main = Some((number, worth));
                }
            }
            columns.push(Column { name: name.to_owned(), kind });
        }
        Self { columns, main: main.map(|(number, _)| number) }
    }
}

fn kind(values: &[String]) -> Kind {
    let filled: Vec<&str> = values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    let mostly = |holds: &dyn Fn(&str) -> bool| {
        !filled.is_empty() && filled.iter().filter(|value| holds(value)).count() as f64 > MOSTLY * filled.len() as f64
    };
    if mostly(&|value| text::date(value).is_some()) {
        Kind::Date
    } else if mostly(&|value| value.len() >= 5 && value.bytes().all(|byte| byte.is_ascii_digit())) {
        Kind::Text
    } else if mostly(&|value| text::number(value).is_some()) {
        Kind::Number
    } else {
        Kind::Text
    }
}

/// Share of filled values times share of different ones among them.
fn worth(values: &[String]) -> f64 {
    let filled = values.iter().filter(|value| !value.is_empty());
    let different = filled.collect::<HashSet<_>>().len();
    different as f64 / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: &[[&str; 4]]) -> Vec<Record> {
        rows.iter()
            .map(|row| ["maker", "name", "price", "sold"].into_iter().zip(row.iter().copied()).collect())
            .collect()
    }

    #[test]
    fn columns_are_what_their_values_are() {
        let records = set(&[
            ["acme", "blue bottle 32oz", "12.50", "2025-01-01"],
            ["acme", "red bottle 16oz", "$9", "2025-01-02"],
            ["", "green cap", "", "2025-02-03"],
        ]);
        let schema = Schema::discover(records.iter());
        let kinds: Vec<Kind> = schema.columns.iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [Kind::Text, Kind::Text, Kind::Number, Kind::Date]);
        assert_eq!(schema.main, Some(1), "the maker repeats itself");
    }
}
