//! From the bytes of a record to its fields: charset, delimiter, quotes.

/// How the file's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Declared as UTF-8: what is not, is a bad row.
    Utf8,
    /// Declared as Windows-1252.
    Cp1252,
    /// Not declared: a record that is UTF-8 is read as such, another as Windows-1252.
    #[default]
    Unknown,
}

impl Charset {
    /// From a `Content-Type` such as `text/plain; charset=cp1252`.
    pub fn of_content_type(content_type: &str) -> Self {
        let lower = content_type.to_ascii_lowercase();
        match lower.split_once("charset=").map(|(_, charset)| charset.trim().trim_matches('"')) {
            Some("cp1252" | "windows-1252" | "iso-8859-1" | "latin1") => Self::Cp1252,
            Some("utf-8" | "utf8") => Self::Utf8,
            _ => Self::Unknown,
        }
    }
}

/// Windows-1252 where it differs from Latin-1: 0x80 to 0x9f. Five bytes stand for nothing and become the replacement sign.
const CP1252: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}', '\u{fffd}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
];

fn push_cp1252(bytes: &[u8], into: &mut String) {
    into.extend(bytes.iter().map(|byte| match byte {
        0x80..=0x9f => CP1252[usize::from(byte - 0x80)],
        _ => char::from(*byte),
    }));
}

/// How fields are told apart in this file; found in its header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) delimiter: u8,
    /// Quotes enclose fields here. Tab separated files of Amazon mostly have none, and inch signs in titles instead.
    pub(crate) quoted: bool,
}

impl Shape {
    /// Tab if the header has one, else comma (or semicolon).
    pub(crate) fn of_header(header: &[u8]) -> Self {
        let has = |wanted: u8| header.contains(&wanted);
        let delimiter = [b'\t', b',', b';'].into_iter().find(|byte| has(*byte)).unwrap_or(b'\t');
        Self { delimiter, quoted: delimiter != b'\t' || header.first() == Some(&b'"') }
    }
}

/// The fields of one record, in one text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) ends: Vec<u32>,
}

impl Row {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> &str {
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[from as usize..self.ends[index] as usize]
    }

    /// Adds a field.
    pub(crate) fn push(&mut self, field: &str) {
        self.text.push_str(field);
        self.end_field();
    }

    /// Reads a record; false when the bytes are not in the charset, or a quote is left open.
    pub(crate) fn fill(&mut self, record: &[u8], charset: Charset, shape: Shape, scratch: &mut String) -> bool {
        self.text.clear();
        self.ends.clear();
        let decoded: &str = match (charset, std::str::from_utf8(record)) {
            (Charset::Cp1252, Ok(text)) if text.is_ascii() => text,
            (Charset::Utf8 | Charset::Unknown, Ok(text)) => text,
            (Charset::Utf8, Err(_)) => return false,
            (Charset::Cp1252 | Charset::Unknown, _) => {
                scratch.clear();
                push_cp1252(record, scratch);
                scratch
            }
        };
        let delimiter = char::from(shape.delimiter);
        if shape.quoted && decoded.contains('"') {
            return self.split_quoted(decoded, delimiter);
        }
        for field in decoded.split(delimiter) {
            let enclosed = field.len() >= 2 && field.starts_with('"') && field.ends_with('"');
            if enclosed {
                self.push_unescaped(&field[1..field.len() - 1])
            } else {
                self.text.push_str(field)
            }
            self.end_field();
        }
        true
    }

    fn end_field(&mut self) {
        self.ends.push(u32::try_from(self.text.len()).expect("records are shorter than the line limit"));
    }

    fn push_unescaped(&mut self, inner: &str) {
        match inner.contains("\"\"") {
            true => self.text.push_str(&inner.replace("\"\"", "\"")),
            false => self.text.push_str(inner),
        }
    }

    fn split_quoted(&mut self, decoded: &str, delimiter: char) -> bool {
        let mut rest = decoded;
        loop {
            let after = match rest.strip_prefix('"') {
                Some(inside) => {
                    let Some(length) = closing_quote(inside) else { return false };
                    self.push_unescaped(&inside[..length]);
                    &inside[length + 1..]
                }
                None => {
                    let length = rest.find(delimiter).unwrap_or(rest.len());
                    self.text.push_str(&rest[..length]);
                    &rest[length..]
                }
            };
            self.end_field();
            match after.strip_prefix(delimiter) {
                Some(more) => rest = more,
                None => return after.is_empty(),
            }
        }
    }
}

/// Where the field ends: the first quote that is not doubled.
fn closing_quote(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            if bytes.get(at + 1) != Some(&b'"') {
                return Some(at);
            }
            at += 1;
        }
        at += 1;
    }
    None
}
