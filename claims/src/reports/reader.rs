//! Reads a report row by row.

use std::io::{self, Read};
use std::marker::PhantomData;
use std::sync::Arc;

use super::key::{Occurrences, RowKey};
use super::records::{Record, Records};
use super::split::{Charset, Row, Shape};
use super::{FieldError, Fields, Report};

/// What is known about a file beside its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// How it declares its charset.
    pub charset: Charset,
}

/// One row that could be read.
#[derive(Debug, Clone)]
pub struct Parsed<T> {
    /// Its typed fields.
    pub row: T,
    /// Its identity.
    pub key: RowKey,
    /// The line it began on, from 1.
    pub line: u64,
    /// All of its columns as they stood in the file, unknown ones too.
    pub raw: Raw,
}

/// A row as it stood in the file.
#[derive(Debug, Clone)]
pub struct Raw {
    header: Arc<[String]>,
    row: Row,
}

impl Raw {
    /// Name and text of each column that has a name.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.header.len().min(self.row.len());
        (0..columns)
            .map(|index| (self.header[index].as_str(), self.row.get(index)))
            .filter(|(name, _)| !name.is_empty())
    }

    /// The names of all columns as they stand in the file, folded; nameless ones too.
    pub fn header(&self) -> &Arc<[String]> {
        &self.header
    }

    /// The texts of all fields, in the order of [`Raw::header`].
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        (0..self.row.len()).map(|index| self.row.get(index))
    }

    /// As a JSON object of texts.
    pub fn json(&self) -> serde_json::Value {
        self.columns().map(|(name, text)| (name.to_owned(), serde_json::Value::from(text))).collect()
    }
}

/// A row that could not be read. Its text is not repeated: it may hold what customers wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {problem}", column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default())]
pub struct BadRow {
    /// Where it is, from 1.
    pub line: u64,
    /// Which column was wrong.
    pub column: Option<String>,
    /// What was wrong with it.
    pub problem: String,
}

/// Why reading did not give a row.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This row is bad; the next may be good.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// The header lacks what the report must have: another report, or a new layout.
    #[error("not a {report}: columns missing: {}", missing.join(", "))]
    Columns {
        /// The report expected.
        report: &'static str,
        /// Required columns that are not there.
        missing: Vec<&'static str>,
    },
    /// The stream broke.
    #[error("the file could not be read on")]
    Io(#[from] io::Error),
}

/// An iterator over the rows of a report. Ends after the last row or after an error of the stream.
#[derive(Debug)]
pub struct Reader<R, T> {
    records: Records<R>,
    options: Options,
    shape: Shape,
    header: Arc<[String]>,
    /// Where each of the report's columns is in this file.
    places: Vec<Option<usize>>,
    /// Columns that may be missing at the end of a row: those without a name.
    nameless_at_end: usize,
    row: Row,
    scratch: String,
    seen: Occurrences,
    ended: bool,
    rows: PhantomData<T>,
}

/// Where each of a report's columns is under a header of folded names.
fn places<T: Report>(header: &[String]) -> Vec<Option<usize>> {
    let place = |names: &str| names.split('|').find_map(|name| header.iter().position(|column| column == name));
    T::COLUMNS.iter().map(|column| place(column.name)).collect()
}

/// Reads a row that was kept: the texts of its fields under the header of its file.
///
/// # Errors
/// The first field that is not what its column holds; not for rows that were read before by the same release.
pub fn reread<'a, T: Report>(header: &[String], fields: impl Iterator<Item = &'a str>) -> Result<T, FieldError> {
    let mut row = Row::default();
    for field in fields {
        row.push(field);
    }
    T::read(&Fields::new(&row, &places::<T>(header), T::COLUMNS))
}

/// Lower case, blanks and underscores as `-`.
fn folded(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').to_ascii_lowercase().replace([' ', '_'], "-")
}

impl<R: Read, T: Report> Reader<R, T> {
    /// Reads the header. An empty file has no rows, like one with a header only.
    ///
    /// # Errors
    /// [`ReadError::Columns`] naming every required column that is missing, or the stream's error.
    pub fn open(input: R, options: Options) -> Result<Self, ReadError> {
        let mut records = Records::new(input);
        let (mut row, mut scratch) = (Row::default(), String::new());
        let mut shape = Shape { delimiter: b'\t', quoted: false };
        let mut ended = false;
        match records.next(false)? {
            None => ended = true,
            Some(Record::TooLong) => row.ends.clear(),
            Some(Record::Line { from, to }) => {
                let bytes = records.bytes(from, to);
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                shape = Shape::of_header(bytes);
                row.fill(bytes, Charset::Unknown, shape, &mut scratch);
            }
        }
        let header: Arc<[String]> = (0..row.len()).map(|index| folded(row.get(index))).collect();
        let places = places::<T>(&header);
        let missing: Vec<&'static str> = T::COLUMNS
            .iter()
            .zip(&places)
            .filter(|(column, place)| column.required && place.is_none() && !ended)
            .map(|(column, _)| column.name)
            .collect();
        if !missing.is_empty() {
            return Err(ReadError::Columns { report: T::NAME, missing });
        }
        let nameless_at_end = header.iter().rev().take_while(|name| name.is_empty()).count();
        let seen = Occurrences::default();
        Ok(Self {
            records,
            options,
            shape,
            header,
            places,
            nameless_at_end,
            row,
            scratch,
            seen,
            ended,
            rows: PhantomData,
        })
    }

    fn bad(&self, problem: &str) -> ReadError {
        BadRow { line: self.records.line(), column: None, problem: problem.to_owned() }.into()
    }

    fn field_count_fits(&self) -> bool {
        let (columns, fields) = (self.header.len(), self.row.len());
        let extra_are_empty = (columns..fields).all(|index| self.row.get(index).is_empty());
        fields + self.nameless_at_end >= columns && extra_are_empty
    }

    /// The next record that is not blank, split into fields.
    fn record(&mut self) -> Result<Option<()>, ReadError> {
        loop {
            let (from, to) = match self.records.next(self.shape.quoted)? {
                None => return Ok(None),
                Some(Record::TooLong) => return Err(self.bad("the line is longer than a megabyte")),
                Some(Record::Line { from, to }) => (from, to),
            };
            let bytes = self.records.bytes(from, to);
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let readable = self.row.fill(bytes, self.options.charset, self.shape, &mut self.scratch);
            if readable && self.field_count_fits() {
                return Ok(Some(()));
            }
            // A stray quote may have swallowed good lines: only the first one is bad.
            if self.records.spans_lines() {
                self.records.give_back_all_but_first_line();
            }
            let problem = match readable {
                true => format!("{} fields under {} columns", self.row.len(), self.header.len()),
                false => "not in the declared charset, or a quote is left open".to_owned(),
            };
            return Err(self.bad(&problem));
        }
    }

    fn parse(&mut self) -> Result<Option<Parsed<T>>, ReadError> {
        if self.record()?.is_none() {
            return Ok(None);
        }
        let line = self.records.line();
        let fields = Fields::new(&self.row, &self.places, T::COLUMNS);
        let row = T::read(&fields).map_err(|FieldError { column, problem }| BadRow {
            line,
            column: Some(column.to_owned()),
            problem,
        })?;
        let mut parts = vec![T::NAME];
        parts
            .extend(T::COLUMNS.iter().enumerate().filter(|(_, column)| column.identity).map(|(at, _)| fields.text(at)));
        let hash = RowKey::of(&parts).hash;
        let Some(occurrence) = self.seen.count(row.day(), hash) else {
            return Err(self.bad("the file is too large and not sorted by day: identical rows cannot be counted"));
        };
        let raw = Raw { header: Arc::clone(&self.header), row: self.row.clone() };
        Ok(Some(Parsed { row, key: RowKey { hash, occurrence }, line, raw }))
    }
}

impl<R: Read, T: Report> Iterator for Reader<R, T> {
    type Item = Result<Parsed<T>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.parse().transpose();
        self.ended = matches!(next, None | Some(Err(ReadError::Io(_))));
        next
    }
}
