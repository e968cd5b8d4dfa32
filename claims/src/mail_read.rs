//! A mail, as far as it is looked at: who wrote, what it answers, what it says, and the files in it.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address, Encoding, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// Signs of a text that are looked at.
const MOST_TEXT: usize = 20_000;
/// Files of one mail that are looked at.
const MOST_FILES: usize = 20;
/// Names of other mails that are looked at.
const MOST_NAMES: usize = 50;

/// A mail. Its debug text says nothing of what is in it.
pub struct Read {
    /// The sender's address.
    pub from: String,
    /// Where answers go.
    pub reply_to: String,
    /// Its name, without angle brackets.
    pub message_id: Option<String>,
    /// Names of the mails that it belongs to.
    pub references: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text; of a mail in HTML, its words.
    pub text: String,
    /// What the receiving server says about its origin.
    pub origin: String,
    /// Whether it can be believed to be from its sender: what it says then counts.
    pub believed: bool,
    /// Files that may be documents: PDF, XML and pictures of paper.
    pub files: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Read").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

fn address(address: Option<&Address<'_>>) -> Option<String> {
    address.and_then(Address::first).and_then(|first| first.address()).map(str::to_owned)
}

fn names(value: &HeaderValue<'_>) -> Vec<String> {
    let list = value.as_text_list().unwrap_or_default();
    list.iter().take(MOST_NAMES).map(|name| name.trim_matches(['<', '>']).to_owned()).collect()
}

/// Whether a part may be a document that proves something.
fn is_document(part: &MessagePart<'_>) -> bool {
    let name = part.attachment_name().unwrap_or_default().to_ascii_lowercase();
    let Some(kind) = part.content_type() else { return false };
    let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
    match (kind.ctype().to_ascii_lowercase().as_str(), subtype.as_str()) {
        ("application", "pdf") | ("application" | "text", "xml") => true,
        ("application", "octet-stream") => name.ends_with(".pdf") || name.ends_with(".xml"),
        _ => false,
    }
}

/// The bytes of a part as they were sent. Of a text the library gives letters in UTF-8, and an XML file that names its own encoding would be
/// read wrongly then, and would be another file than the same one that was uploaded.
fn content(mail: &Message<'_>, part: &MessagePart<'_>) -> Vec<u8> {
    let sent = || {
        let raw = mail.raw_message.get(part.offset_body as usize..part.offset_end as usize)?;
        match part.encoding {
            Encoding::None => Some(raw.to_vec()),
            Encoding::Base64 => base64_decode(raw),
            Encoding::QuotedPrintable => quoted_printable_decode(raw),
        }
    };
    match &part.body {
        PartType::Text(_) | PartType::Html(_) => sent().unwrap_or_else(|| part.contents().to_vec()),
        _ => part.contents().to_vec(),
    }
}

/// Reads a mail; none when it is none.
pub fn read(bytes: &[u8]) -> Option<Read> {
    let mail: Message<'_> = MessageParser::default().parse(bytes)?;
    let from = address(mail.from())?;
    let mut references = names(mail.references());
    references.extend(names(mail.in_reply_to()));
    let cut = |text: &str| text.chars().take(MOST_TEXT).collect::<String>();
    let files = mail.attachments().filter(|part| is_document(part)).take(MOST_FILES);
    Some(Read {
        reply_to: address(mail.reply_to()).unwrap_or_else(|| from.clone()),
        from,
        message_id: mail.message_id().map(str::to_owned),
        references,
        subject: cut(mail.subject().unwrap_or_default()),
        text: mail.body_text(0).map(|text| cut(&text)).unwrap_or_default(),
        origin: mail.header_raw("Authentication-Results").unwrap_or_default().to_owned(),
        believed: false,
        files: files.map(|part| content(&mail, part)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn what_matters_of_a_mail_is_read() {
        let mail = "From: =?utf-8?q?J=C3=B6rg?= <joerg@supplier.example>\r\nReply-To: <sales@supplier.example>\r\n\
                    Message-ID: <a@x>\r\nReferences: <b@x> <c@x>\r\nIn-Reply-To: <c@x>\r\nSubject: Invoice 7\r\n\
                    Authentication-Results: mx.example; dmarc=pass\r\nMIME-Version: 1.0\r\n\
                    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n\
                    --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=i.pdf\r\n\
                    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n--b\r\nContent-Type: application/zip\r\n\
                    Content-Disposition: attachment; filename=x.zip\r\n\r\nPK\r\n--b--\r\n";
        let read = read(mail.as_bytes()).expect("a mail");
        assert_eq!((read.from.as_str(), read.reply_to.as_str()), ("joerg@supplier.example", "sales@supplier.example"));
        assert_eq!((read.message_id.as_deref(), read.subject.as_str()), (Some("a@x"), "Invoice 7"));
        assert_eq!(read.references, ["b@x", "c@x", "c@x"]);
        assert_eq!((read.text.trim(), read.files), ("Hello", vec![b"%PDF-1".to_vec()]));
        assert!(read.origin.contains("dmarc=pass"));
        assert!(super::read(b"").is_none());
    }

    #[test]
    fn a_file_of_text_is_taken_as_it_was_sent() {
        let xml = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a>\xfc</a>";
        let sent = [
            ("text/xml; charset=iso-8859-1; name=i.xml", "base64", STANDARD.encode(xml)),
            ("text/xml; name=i.xml", "base64", STANDARD.encode(xml)),
            ("text/xml", "quoted-printable", "<?xml version=3D\"1.0\" encoding=3D\"ISO-8859-1\"?>=0A<a>=FC</a>".into()),
            ("application/xml", "base64", STANDARD.encode(xml)),
        ];
        for (kind, encoding, body) in sent {
            let mail = format!(
                "From: <joerg@supplier.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: {kind}\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n--b--\r\n"
            );
            let read = read(mail.as_bytes()).expect("a mail");
            assert_eq!(read.files, [xml.to_vec()], "{kind}, {encoding}");
        }
    }
}
