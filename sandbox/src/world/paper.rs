//! Reports as files: header, rows, and the habits of a region (delimiter, quotes, charset, decimal sign).

use chrono::{Days, NaiveDate};

/// A report as it is downloaded.
#[derive(Debug, Clone)]
pub struct File {
    /// Amazon's name of the report.
    pub report: &'static str,
    /// The marketplace that it was asked for.
    pub marketplace: &'static str,
    /// As the download declares it.
    pub content_type: &'static str,
    /// The day of the download.
    pub taken_on: NaiveDate,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How a region writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Tabs, UTF-8, decimal point.
    American,
    /// Tabs, Windows-1252, decimal comma.
    European,
}

/// One row of a report in the making.
#[derive(Debug)]
struct Row {
    day: NaiveDate,
    /// Some rows turn up in the report weeks after their day.
    seen_from: NaiveDate,
    fields: Vec<String>,
    /// How it read in an earlier download, if Amazon changed it since.
    before: Option<Vec<String>>,
}

/// One report in the making.
#[derive(Debug)]
pub(crate) struct Paper {
    rows: Vec<Row>,
    /// The world's last day: by then everything that was late has turned up.
    last: NaiveDate,
}

impl Paper {
    pub(crate) fn until(last: NaiveDate) -> Self {
        Self { rows: Vec::new(), last }
    }

    /// Adds a row; every ninth turns up late.
    pub(crate) fn add(&mut self, day: NaiveDate, fields: Vec<String>) {
        self.add_changed(day, fields, None);
    }

    /// Adds a row that read otherwise at first.
    pub(crate) fn add_changed(&mut self, day: NaiveDate, fields: Vec<String>, before: Option<Vec<String>>) {
        let late = if self.rows.len() % 9 == 8 { 18 } else { 0 };
        self.rows.push(Row { day, seen_from: (day + Days::new(late)).min(self.last.max(day)), fields, before });
    }

    /// Adds a row that is seen on its day.
    pub(crate) fn add_punctual(&mut self, day: NaiveDate, fields: Vec<String>) {
        self.rows.push(Row { day, seen_from: day, fields, before: None });
    }

    /// What could be seen on a day, sorted by day: the day and the fields of each row.
    pub(crate) fn rows(&self, until: NaiveDate) -> Vec<(NaiveDate, &[String])> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.seen_from <= until).collect();
        rows.sort_by_key(|row| row.day);
        let read = rows.into_iter().map(|row| match &row.before {
            Some(before) if until < self.last => (row.day, before.as_slice()),
            _ => (row.day, row.fields.as_slice()),
        });
        read.collect()
    }

    /// Everything of a span of days, whenever it is seen.
    pub(crate) fn rows_between(&self, first: NaiveDate, last: NaiveDate) -> Vec<&[String]> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| first <= row.day && row.day <= last).collect();
        rows.sort_by_key(|row| row.day);
        rows.into_iter().map(|row| row.fields.as_slice()).collect()
    }

    /// Writes what could be seen on a day. `quoted` as ledgers are when they are downloaded.
    pub(crate) fn write(&self, header: &[&str], habit: Habit, quoted: bool, until: NaiveDate) -> Vec<u8> {
        let rows = self.rows(until);
        written(header, rows.into_iter().map(|(_, fields)| fields), habit, quoted)
    }
}

/// A file of these rows.
pub(crate) fn written<'a>(
    header: &[&str],
    rows: impl Iterator<Item = &'a [String]>,
    habit: Habit,
    quoted: bool,
) -> Vec<u8> {
    let mut text = String::new();
    let mut line = |fields: &mut dyn Iterator<Item = &str>| {
        for (at, field) in fields.enumerate() {
            if at > 0 {
                text.push('\t');
            }
            if quoted {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(field);
            }
        }
        text.push_str("\r\n");
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    match habit {
        Habit::American => text.into_bytes(),
        Habit::European => text.chars().map(cp1252).collect(),
    }
}

/// The few signs that our texts use.
fn cp1252(sign: char) -> u8 {
    match sign {
        '€' => 0x80,
        '’' => 0x92,
        _ => u8::try_from(u32::from(sign)).unwrap_or(b'?'),
    }
}

/// An amount as a region writes it.
pub(crate) fn decimal(minor: i64, habit: Habit) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let point = if habit == Habit::European { ',' } else { '.' };
    format!("{sign}{}{point}{:02}", minor.abs() / 100, minor.abs() % 100)
}
