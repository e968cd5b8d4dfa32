//! XML within limits: no DTD, no entities, bounded size and depth.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use super::decimal::Decimal;
use super::refusal::Refusal;

const MOST_BYTES: usize = 25 * 1024 * 1024;
const MOST_NODES: u32 = 500_000;
const MOST_DEPTH: usize = 64;

/// The text of an XML file, from UTF-8, UTF-16 or, where it says so, Latin-1, Latin-9 or Windows' own.
///
/// # Errors
/// When it is too large or in no known encoding.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if bytes.len() > MOST_BYTES {
        return Err(Refusal::hostile("xml-size", format!("the XML has more than {MOST_BYTES} bytes")));
    }
    if let [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] = bytes {
        let little = bytes[0] == 0xff;
        let pairs = rest.chunks_exact(2).map(|pair| if little { [pair[1], pair[0]] } else { [pair[0], pair[1]] });
        let units: Vec<u16> = pairs.map(u16::from_be_bytes).collect();
        let text = String::from_utf16(&units).map_err(|_| Refusal::invalid("xml-encoding", "the UTF-16 is broken"))?;
        return Ok(Cow::Owned(text));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declared = start.split("?>").next().unwrap_or_default();
    let encoding = declared.split_once("encoding").map_or("", |(_, rest)| rest);
    let encoding =
        encoding.trim_start_matches(['=', ' ', '\'', '"']).split(['\'', '"', ' ']).next().unwrap_or_default();
    let letter = match encoding {
        "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => western,
        "iso-8859-15" | "latin9" | "latin-9" => latin_9,
        // Whatever else it is called, it is read when it is UTF-8.
        _ => return utf_8(bytes),
    };
    Ok(Cow::Owned(bytes.iter().map(|byte| letter(*byte)).collect()))
}

/// Windows' letters stand where Latin-1 has control characters, which no invoice needs.
fn western(byte: u8) -> char {
    const WINDOWS: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    byte.checked_sub(0x80).and_then(|at| WINDOWS.get(usize::from(at))).copied().unwrap_or(char::from(byte))
}

/// ISO 8859-15: Latin-1 with eight other letters.
fn latin_9(byte: u8) -> char {
    match byte {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        other => char::from(other),
    }
}

fn utf_8(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|_| Refusal::invalid("xml-encoding", "the text is not in the encoding that it declares"))
}

/// Parses a text, refusing what XML allows but no invoice needs.
///
/// # Errors
/// When it is not well-formed, has a DTD, or goes beyond the limits.
pub fn parse(text: &str) -> Result<Document<'_>, Refusal> {
    depth_within_limits(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => Refusal::hostile("xml-dtd", "the XML has a DTD, which may define entities"),
        roxmltree::Error::NodesLimitReached => {
            Refusal::hostile("xml-nodes", format!("the XML has more than {MOST_NODES} nodes"))
        }
        roxmltree::Error::UnknownEntityReference(..) | roxmltree::Error::EntityReferenceLoop(..) => {
            Refusal::hostile("xml-entity", format!("the XML uses entities: {error}"))
        }
        error => Refusal::invalid("xml-syntax", format!("the XML is not well-formed: {error}")),
    })
}

/// Counts opening and closing tags before anything that recurses sees the text. Over-counts are harmless: an invoice is flat.
fn depth_within_limits(text: &str) -> Result<(), Refusal> {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        match rest.as_bytes().first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'?') => {}
            Some(b'!') => {
                // Comments and character data may hold anything.
                let end = if rest.starts_with("!--") {
                    "-->"
                } else if rest.starts_with("![CDATA[") {
                    "]]>"
                } else {
                    ">"
                };
                rest = rest.find(end).map_or("", |at| &rest[at..]);
            }
            _ => {
                let end = tag_end(rest);
                if !rest[..end].ends_with('/') {
                    depth += 1;
                }
                if depth > MOST_DEPTH {
                    return Err(Refusal::hostile(
                        "xml-depth",
                        format!("elements are nested more than {MOST_DEPTH} deep"),
                    ));
                }
                rest = &rest[end..];
            }
        }
    }
    Ok(())
}

/// Where the tag's `>` is, outside of quoted attributes.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The child elements.
pub fn children<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// The child elements of one name, in whatever namespace: the grammar has checked those.
pub fn all<'a, 'input>(node: Node<'a, 'input>, name: &str) -> impl Iterator<Item = Node<'a, 'input>> {
    children(node).filter(move |child| child.tag_name().name() == name)
}

/// The first element at a path of names.
pub fn at<'a, 'input>(node: Node<'a, 'input>, path: &[&str]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(node, |node, name| children(node).find(|child| child.tag_name().name() == *name))
}

/// The trimmed text directly inside; none when empty.
pub fn text(node: Node) -> Option<String> {
    let whole: String = node.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    let trimmed = whole.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// The text at a path.
pub fn text_at(node: Node, path: &[&str]) -> Option<String> {
    at(node, path).and_then(text)
}

/// The number at a path; the grammar has checked that it is one.
pub fn decimal_at(node: Node, path: &[&str]) -> Option<Decimal> {
    text_at(node, path).and_then(|text| text.parse().ok())
}

/// Names from below the root to the node, by `/`.
pub fn path_of(node: Node) -> String {
    let mut names: Vec<&str> =
        node.ancestors().filter(Node::is_element).map(|ancestor| ancestor.tag_name().name()).collect();
    names.reverse();
    names[1.min(names.len() - 1)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> String {
        parse(text).map_or_else(|refusal| refusal.rule, |_| "fine".into())
    }

    #[test]
    fn dangerous_xml_is_refused_by_name() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"cc\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        assert_eq!(rule(bomb), "xml-dtd");
        assert_eq!(rule("<a>&unknown;</a>"), "xml-entity");
        assert_eq!(rule(&"<a>".repeat(100_000)), "xml-depth");
        assert_eq!(rule("<a><b></a>"), "xml-syntax");
        assert_eq!(rule(""), "xml-syntax");
        assert_eq!(rule(&format!("<a>{}</a>", "<b/>".repeat(600_000))), "xml-nodes");
        assert_eq!(rule("<a b='>'><!-- <x><x> --><![CDATA[<y>]]><c/></a>"), "fine");
    }

    #[test]
    fn encodings_are_told_apart() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(decode(latin).expect("declared").contains('é'));
        let euro = |name: &str, byte: u8| {
            let mut xml = format!("<?xml version=\"1.0\" encoding=\"{name}\"?><a>").into_bytes();
            xml.extend([byte, b'<', b'/', b'a', b'>']);
            decode(&xml).expect("declared").contains('€')
        };
        assert!(euro("windows-1252", 0x80) && euro("ISO-8859-15", 0xa4) && !euro("ISO-8859-1", 0xa4));
        assert_eq!(
            decode(b"<?xml version='1.0' encoding='ISO-8859-2'?><a>\xe9</a>").expect_err("unknown").rule,
            "xml-encoding"
        );
        let utf16: Vec<u8> = "\u{feff}<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&utf16).expect("marked"), "<a>é</a>");
        assert_eq!(decode(b"<a>\xe9</a>").expect_err("not UTF-8").rule, "xml-encoding");
    }
}
