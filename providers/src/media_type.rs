//! What a file is, by its content; its name and what the sender says of it do not count.

pub use shared_events::evidence::MediaType;

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

/// How many bytes from the start are enough for [`recognise`].
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

/// Decides by the first [`ENOUGH`] bytes (fewer when the file has fewer).
///
/// # Errors
/// When it is empty or none of the kinds that are taken.
pub fn recognise(start: &[u8]) -> Result<MediaType, Unsupported> {
    let start = &start[..start.len().min(ENOUGH)];
    if start.is_empty() {
        return Err(Unsupported::Empty);
    }
    if start.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(MediaType::Png);
    }
    if start.starts_with(b"\xff\xd8\xff") {
        return Ok(MediaType::Jpeg);
    }
    if start.starts_with(b"II*\0") || start.starts_with(b"MM\0*") {
        return Ok(MediaType::Tiff);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Err(Unsupported::Zip);
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(Unsupported::Other(what));
    }
    // Readers accept a PDF's header within the first kilobyte; mail systems do put lines before it.
    if start[..start.len().min(1024)].windows(5).any(|window| window == b"%PDF-") {
        return Ok(MediaType::Pdf);
    }
    of_text(&as_text(start).ok_or(Unsupported::Unknown)?)
}

fn of_text(text: &str) -> Result<MediaType, Unsupported> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        let opening = text.get(..14).unwrap_or(text).to_ascii_lowercase();
        if opening.starts_with("<html") || opening.starts_with("<!doctype html") {
            return Err(Unsupported::Other("an HTML page"));
        }
        return Ok(MediaType::Xml);
    }
    if is_mail(text) {
        return Ok(MediaType::Eml);
    }
    if is_table(text) {
        return Ok(MediaType::Csv);
    }
    Err(Unsupported::Unknown)
}

/// Most of an XML file that may come before its root element.
pub const LONGEST_PROLOG: usize = 64 * 1024;

/// What stands before the root element of an XML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prolog {
    /// Nothing but comments and instructions.
    Plain,
    /// A document type declaration: a way to make a reader fetch files or fill its memory.
    Doctype,
    /// The root element is not here yet.
    Unfinished,
}

impl Prolog {
    /// Looks at the start of an XML file.
    pub fn of(start: &[u8]) -> Self {
        // Also when it is no proper text any more further on: what stands first counts.
        let text = as_utf16(start).unwrap_or_else(|| String::from_utf8_lossy(start).into_owned());
        let mut rest = text.trim_start_matches('\u{feff}');
        loop {
            rest = rest.trim_start();
            let end = match rest {
                _ if rest.starts_with("<?") => "?>",
                _ if rest.starts_with("<!--") => "-->",
                _ if rest.starts_with("<!D") => return Self::Doctype,
                _ if rest.len() < 4 => return Self::Unfinished,
                _ => return Self::Plain,
            };
            let Some(at) = rest.find(end) else { return Self::Unfinished };
            rest = &rest[at + end.len()..];
        }
    }
}

/// The start as text, if it is text at all: UTF-8 (perhaps cut within a character), UTF-16 with a mark, or Latin-1.
fn as_text(start: &[u8]) -> Option<String> {
    if let Some(text) = as_utf16(start) {
        return Some(text);
    }
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
    if start.iter().any(|byte| control(byte) || *byte == 0x7f) {
        return None;
    }
    Some(String::from_utf8(start.to_vec()).unwrap_or_else(|_| start.iter().map(|byte| char::from(*byte)).collect()))
}

/// The text of what begins with UTF-16's mark.
fn as_utf16(start: &[u8]) -> Option<String> {
    let ([0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..]) = start else { return None };
    let little = start[0] == 0xff;
    let pairs = rest.chunks_exact(2).map(|pair| if little { [pair[1], pair[0]] } else { [pair[0], pair[1]] });
    let units: Vec<u16> = pairs.map(u16::from_be_bytes).collect();
    Some(String::from_utf16_lossy(&units))
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
            assert_eq!(recognise(bytes), Ok(*expected), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_document_type_is_found_wherever_it_stands() {
        let cases: &[(&[u8], Prolog)] = &[
            (b"<?xml version=\"1.0\"?><!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>", Prolog::Plain),
            (b"<?xml version=\"1.0\"?>\n<!-- x -->\n<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", Prolog::Doctype),
            (b"<?xml version=\"1.0\"?><!DOCTYPE a>\0<a/>", Prolog::Doctype),
            (b"\xff\xfe<\0!\0D\0O\0C\0", Prolog::Doctype),
            (b"<?xml version=\"1.0\"?><!-- x", Prolog::Unfinished),
            (b"<?xml?> ", Prolog::Unfinished),
            (b"<a/>", Prolog::Plain),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Prolog::of(bytes), *expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        assert_eq!(recognise(b""), Err(Unsupported::Empty));
        assert_eq!(recognise(b"PK\x03\x04..%PDF-1.4"), Err(Unsupported::Zip));
        assert_eq!(recognise(b"MZ\x90\0"), Err(Unsupported::Other("a program")));
        assert_eq!(recognise(b"<!DOCTYPE html><html>"), Err(Unsupported::Other("an HTML page")));
        assert_eq!(recognise(b"\0\0\0\0"), Err(Unsupported::Unknown));
        assert_eq!(recognise(b"just some words"), Err(Unsupported::Unknown));
    }
}
