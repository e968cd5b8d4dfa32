//! Cuts a stream into records: lines, or several lines where a quoted field holds a line break. Memory is bounded by limits.

use std::io::{self, Read};

/// The longest line that is read; a longer one is told and skipped.
pub(crate) const LINE_LIMIT: usize = 1 << 20;
/// How far a quote may stay open over line breaks before it counts as a stray one.
const OPEN_QUOTE_LIMIT: usize = 1 << 16;
const CHUNK: usize = 1 << 16;

/// One record of the stream, by its place in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// Bytes `from..to` of [`Records::bytes`], without the line end.
    Line { from: usize, to: usize },
    /// A line beyond [`LINE_LIMIT`]; it was skipped.
    TooLong,
}

/// A stream cut into records.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the next record begins.
    next: usize,
    /// Line number (from 1) of the record given last.
    line: u64,
    /// Lines that the record given last took.
    lines: u64,
    /// End of the first line of the record given last: where reading goes on when its quotes turn out to be stray.
    first_line_end: usize,
    ended: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: Vec::with_capacity(CHUNK), next: 0, line: 0, lines: 1, first_line_end: 0, ended: false }
    }

    /// The line number of the record given last.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of a record.
    pub(crate) fn bytes(&self, from: usize, to: usize) -> &[u8] {
        &self.buffer[from..to]
    }

    /// Whether the record given last took more than one line.
    pub(crate) fn spans_lines(&self) -> bool {
        self.lines > 1
    }

    /// Goes back to the second line of the record given last.
    pub(crate) fn give_back_all_but_first_line(&mut self) {
        self.next = self.first_line_end;
        self.lines = 1;
    }

    /// Reads more; false at the end. Keeps what begins at `next`.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.next > 0 {
            self.buffer.drain(..self.next);
            self.first_line_end = self.first_line_end.saturating_sub(self.next);
            self.next = 0;
        }
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK, 0);
        loop {
            match self.input.read(&mut self.buffer[old..]) {
                Ok(count) => {
                    self.buffer.truncate(old + count);
                    self.ended = count == 0;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(old);
                    return Err(error);
                }
            }
        }
    }

    /// The next record; line breaks between quotes belong to it when `quoted`.
    pub(crate) fn next(&mut self, quoted: bool) -> io::Result<Option<Record>> {
        self.line += self.lines;
        self.lines = 1;
        // Relative to `next`, which moves to 0 when the buffer is filled.
        let (mut at, mut open, mut first_end, mut breaks) = (0_usize, false, None::<usize>, 0_u64);
        loop {
            let rest = &self.buffer[self.next..];
            if quoted {
                while at < rest.len() {
                    match rest[at] {
                        b'"' => open = !open,
                        b'\n' if !open => break,
                        b'\n' => {
                            breaks += 1;
                            first_end.get_or_insert(at);
                        }
                        _ => {}
                    }
                    at += 1;
                }
            } else {
                at += rest[at..].iter().position(|byte| *byte == b'\n').unwrap_or(rest.len() - at);
            }
            let stray = first_end.filter(|_| open && at > OPEN_QUOTE_LIMIT);
            if let Some(end) = stray {
                return Ok(Some(self.give(end, end + 1, 1, end)));
            }
            if at < rest.len() {
                return Ok(Some(self.give(at, at + 1, breaks + 1, first_end.unwrap_or(at))));
            }
            if at > LINE_LIMIT {
                return self.skip_line().map(Some);
            }
            if !self.fill()? {
                if self.next == self.buffer.len() {
                    return Ok(None);
                }
                if let Some(end) = first_end.filter(|_| open) {
                    return Ok(Some(self.give(end, end + 1, 1, end)));
                }
                return Ok(Some(self.give(at, at, breaks + 1, first_end.unwrap_or(at))));
            }
        }
    }

    fn give(&mut self, length: usize, advance: usize, lines: u64, first_end: usize) -> Record {
        let from = self.next;
        let mut to = from + length;
        self.first_line_end = (from + first_end + 1).min(self.buffer.len());
        self.next = from + advance;
        self.lines = lines;
        if to > from && self.buffer[to - 1] == b'\r' {
            to -= 1;
        }
        Record::Line { from, to }
    }

    fn skip_line(&mut self) -> io::Result<Record> {
        loop {
            let rest = &self.buffer[self.next..];
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                self.next += at + 1;
                return Ok(Record::TooLong);
            }
            self.next = self.buffer.len();
            if !self.fill()? {
                return Ok(Record::TooLong);
            }
        }
    }
}
