//! What a file is, by its content; its name and what the sender says of it do not count.

use serde::Serialize;

/// The kinds of files that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    /// `application/pdf`
    Pdf,
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/tiff`
    Tiff,
    /// `application/xml`
    Xml,
    /// `text/csv`
    Csv,
    /// `message/rfc822`
    Eml,
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A ZIP archive, and with it office files and a "PDF" that is one.
    #[error("the file is a ZIP archive (or an office file), whatever its name says")]
    Zip,
    /// Another archive or a program.
    #[error("the file is {0}, which is not taken")]
    Other(&'static str),
    /// None of the known kinds.
    #[error("the content is none of PDF, PNG, JPEG, TIFF, XML, CSV and e-mail")]
    Unknown,
}

/// How many bytes from the start are enough for [`MediaType::of`].
pub const ENOUGH: usize = 4096;

const OTHERS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xd0\xcf\x11\xe0", "an old office file"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF container"),
    (b"{\\rtf", "an RTF document"),
    (b"#!", "a script"),
];

impl MediaType {
    /// Decides by the first [`ENOUGH`] bytes (fewer when the file has fewer).
    ///
    /// # Errors
    /// When it is empty or none of the kinds that are taken.
    pub fn of(start: &[u8]) -> Result<Self, Unsupported> {
        let start = &start[..start.len().min(ENOUGH)];
        if start.is_empty() {
            return Err(Unsupported::Empty);
        }
        if start.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Ok(Self::Png);
        }
        if start.starts_with(b"\xff\xd8\xff") {
            return Ok(Self::Jpeg);
        }
        if start.starts_with(b"II*\0") || start.starts_with(b"MM\0*") {
            return Ok(Self::Tiff);
        }
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            return Err(Unsupported::Zip);
        }
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(Unsupported::Other(what));
        }
        // Readers accept a PDF's header within the first kilobyte; mail systems do put lines before it.
        if start[..start.len().min(1024)].windows(5).any(|window| window == b"%PDF-") {
            return Ok(Self::Pdf);
        }
        Self::of_text(&as_text(start).ok_or(Unsupported::Unknown)?)
    }

    fn of_text(text: &str) -> Result<Self, Unsupported> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') {
            let opening = text.get(..14).unwrap_or(text).to_ascii_lowercase();
            if opening.starts_with("<html") || opening.starts_with("<!doctype html") {
                return Err(Unsupported::Other("an HTML page"));
            }
            return Ok(Self::Xml);
        }
        if is_mail(text) {
            return Ok(Self::Eml);
        }
        if is_table(text) {
            return Ok(Self::Csv);
        }
        Err(Unsupported::Unknown)
    }

    /// Its name in the registry of media types.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Xml => "application/xml",
            Self::Csv => "text/csv",
            Self::Eml => "message/rfc822",
        }
    }
}

/// The start as text, if it is text at all: UTF-8 (perhaps cut within a character), UTF-16 with a mark, or Latin-1.
fn as_text(start: &[u8]) -> Option<String> {
    if let [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] = start {
        let little = start[0] == 0xff;
        let pairs = rest.chunks_exact(2).map(|pair| if little { [pair[1], pair[0]] } else { [pair[0], pair[1]] });
        let units: Vec<u16> = pairs.map(u16::from_be_bytes).collect();
        return Some(String::from_utf16_lossy(&units));
    }
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if start.iter().any(|byte| control(byte) || *byte == 0x7f) {
        return None;
    }
    Some(String::from_utf8(start.to_vec()).unwrap_or_else(|_| start.iter().map(|byte| char::from(*byte)).collect()))
}

/// Begins with header fields, at least two of those that every mail has.
fn is_mail(text: &str) -> bool {
    const USUAL: &[&str] =
        &["from", "to", "subject", "date", "received", "return-path", "message-id", "mime-version", "delivered-to"];
    let lines = text.lines().take_while(|line| !line.is_empty());
    let fields =
        lines.filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split_once(':').map(|(name, _)| name));
    let mut usual = 0;
    for name in fields {
        let Some(name) = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic())) else { return false };
        usual += usize::from(USUAL.contains(&name.to_ascii_lowercase().as_str()));
    }
    usual >= 2
}

/// At least two lines with the same separators, one or more each.
fn is_table(text: &str) -> bool {
    let whole_lines = text.trim_end().lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = whole_lines.take(5).collect();
    let columns = |line: &str, separator: char| {
        let mut quoted = false;
        let separates = |character: &char| {
            quoted ^= *character == '"';
            *character == separator && !quoted
        };
        line.chars().filter(separates).count()
    };
    lines.len() >= 2
        && [',', ';', '\t', '|'].iter().any(|separator| {
            let first = columns(lines[0], *separator);
            // The last line may be cut off where the start ends.
            first > 0 && lines[1..].iter().take(lines.len().max(3) - 2).all(|line| columns(line, *separator) == first)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let cases: &[(&[u8], MediaType)] = &[
            (b"%PDF-1.7\n", MediaType::Pdf),
            (b"\r\n\r\n%PDF-1.4 and more", MediaType::Pdf),
            (b"\x89PNG\r\n\x1a\n....", MediaType::Png),
            (b"\xff\xd8\xff\xe0..JFIF", MediaType::Jpeg),
            (b"II*\0....", MediaType::Tiff),
            (b"MM\0*....", MediaType::Tiff),
            (b"<?xml version=\"1.0\"?><a/>", MediaType::Xml),
            (b"\xef\xbb\xbf  <Invoice/>", MediaType::Xml),
            (b"\xff\xfe<\0a\0/\0>\0", MediaType::Xml),
            (b"sku,quantity\nA,1\nB,2\n", MediaType::Csv),
            (b"sku;name\n1;\"a;b\"\n", MediaType::Csv),
            (b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\n\r\nhello", MediaType::Eml),
        ];
        for (bytes, expected) in cases {
            assert_eq!(MediaType::of(bytes), Ok(*expected), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        assert_eq!(MediaType::of(b""), Err(Unsupported::Empty));
        assert_eq!(MediaType::of(b"PK\x03\x04..%PDF-1.4"), Err(Unsupported::Zip));
        assert_eq!(MediaType::of(b"MZ\x90\0"), Err(Unsupported::Other("a program")));
        assert_eq!(MediaType::of(b"<!DOCTYPE html><html>"), Err(Unsupported::Other("an HTML page")));
        assert_eq!(MediaType::of(b"\0\0\0\0"), Err(Unsupported::Unknown));
        assert_eq!(MediaType::of(b"just some words"), Err(Unsupported::Unknown));
    }
}
