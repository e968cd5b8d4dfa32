//! A mail, as far as it holds documents: the files that were sent with it, also those of mails that it passes on. This runs in a process of
//! its own: see [`super::apart`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use providers::files::plain_name;
use serde::{Deserialize, Serialize};

use super::media_type::{MediaType, recognise};
use super::refusal::Refusal;

/// Files of one mail that become documents; those behind them are counted.
pub const MOST_FILES: usize = 20;
/// Mails within mails that are opened: a mail that was passed on, and one that was passed on before that.
const MOST_DEEP: usize = 2;

/// What is in a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its files in their order, those of mails within it where these stand.
    pub files: Vec<Enclosed>,
    /// How many files are not among them: of a kind that is no document, too deep, or one too many.
    pub left: usize,
}

/// A file in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosed {
    /// What its sender called it, without folders.
    pub name: Option<String>,
    /// Its bytes, base64.
    pub content: String,
}

impl Enclosed {
    /// Its bytes.
    ///
    /// # Errors
    /// When the answer of the reader was broken.
    pub fn bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        STANDARD.decode(&self.content)
    }
}

/// Takes the files out of a mail.
///
/// # Errors
/// When it is none.
pub fn open(bytes: &[u8]) -> Result<Mail, Refusal> {
    let message = MessageParser::default()
        .parse(bytes)
        .ok_or_else(|| Refusal::invalid("mail-broken", "the mail cannot be taken apart"))?;
    let mut mail = Mail::default();
    collect(&message, 0, &mut mail);
    Ok(mail)
}

fn collect(message: &Message<'_>, deep: usize, mail: &mut Mail) {
    for part in message.attachments() {
        match &part.body {
            PartType::Message(inner) if deep < MOST_DEEP => collect(inner, deep + 1, mail),
            PartType::Message(_) => mail.left += 1,
            PartType::Multipart(_) => {}
            _ => take(message, part, deep, mail),
        }
    }
}

fn take(message: &Message<'_>, part: &MessagePart<'_>, deep: usize, mail: &mut Mail) {
    let content = content(message, part);
    let is_sent = part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment);
    let is_document = match recognise(&content) {
        // A mail that was sent as a plain file.
        Ok(MediaType::Eml) if deep < MOST_DEEP => {
            if let Some(inner) = MessageParser::default().parse(content.as_slice()) {
                return collect(&inner, deep + 1, mail);
            }
            false
        }
        Ok(MediaType::Eml) | Err(_) => false,
        Ok(MediaType::Pdf | MediaType::Xml) => true,
        // Logos and signatures stand in the text; what is meant as a document was attached.
        Ok(MediaType::Png | MediaType::Jpeg | MediaType::Tiff) if !is_sent => return,
        Ok(MediaType::Png | MediaType::Jpeg | MediaType::Tiff) => true,
        Ok(MediaType::Csv) => is_sent,
    };
    if !is_document || mail.files.len() == MOST_FILES {
        mail.left += 1;
        return;
    }
    let name = part.attachment_name().and_then(plain_name);
    mail.files.push(Enclosed { name, content: STANDARD.encode(&content) });
}

/// The bytes of a part as they were sent. Of a text the library gives letters, which an XML file that names its own encoding does not survive.
fn content(message: &Message<'_>, part: &MessagePart<'_>) -> Vec<u8> {
    let decoded = || {
        let raw = message.raw_message.get(part.offset_body as usize..part.offset_end as usize)?;
        match part.encoding {
            Encoding::None => Some(raw.to_vec()),
            Encoding::Base64 => base64_decode(raw),
            Encoding::QuotedPrintable => quoted_printable_decode(raw),
        }
    };
    match &part.body {
        PartType::Text(_) | PartType::Html(_) => decoded().unwrap_or_else(|| part.contents().to_vec()),
        _ => part.contents().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part as it stands in a mail.
    fn part(head: &str, content: &str) -> String {
        format!("--b\r\n{head}\r\n\r\n{content}\r\n")
    }

    fn mail(boundary: &str, parts: &[String]) -> String {
        format!(
            "From: a@supplier.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\r\n{}--{boundary}--\r\n",
            parts.concat().replace("--b\r\n", &format!("--{boundary}\r\n"))
        )
    }

    /// A file's name and its bytes.
    type Told = (Option<String>, Vec<u8>);

    fn told(mail: &str) -> (Vec<Told>, usize) {
        let Mail { files, left } = open(mail.as_bytes()).expect("a mail");
        (files.into_iter().map(|file| (file.name.clone(), file.bytes().expect("base64"))).collect(), left)
    }

    const TEXT: &str = "Content-Type: text/plain";
    const PDF: &str = "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"../a.pdf\"\r\nContent-Transfer-Encoding: base64";

    #[test]
    fn files_are_taken_and_logos_are_not() {
        let png = "Content-Type: image/png; name=p.png\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ";
        let logo = "iVBORw0KGgo=";
        let (files, left) = told(&mail(
            "b",
            &[
                part(TEXT, "Hello"),
                part(PDF, "JVBERi0x"),
                part(&format!("{png}inline"), logo),
                part(&format!("{png}attachment"), logo),
                part(
                    "Content-Type: application/zip\r\nContent-Disposition: attachment; filename=x.zip",
                    "PK\u{3}\u{4}",
                ),
            ],
        ));
        let names: Vec<Option<&str>> = files.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!(names, [Some("a.pdf"), Some("p.png")]);
        assert_eq!((files[0].1.as_slice(), left), (&b"%PDF-1"[..], 1));
    }

    #[test]
    fn xml_keeps_its_own_encoding() {
        let head =
            "Content-Type: text/xml; charset=iso-8859-1; name=i.xml\r\nContent-Transfer-Encoding: quoted-printable";
        let xml = part(head, "<?xml version=3D\"1.0\" encoding=3D\"ISO-8859-1\"?><a>=FC</a>");
        let (files, _) = told(&mail("b", &[part(TEXT, "Hello"), xml]));
        assert!(files[0].1.windows(4).any(|window| window == b">\xfc</"), "{:?}", files[0].1);
    }

    #[test]
    fn mails_that_are_passed_on_are_opened_but_not_without_end() {
        let mut inner = mail("b0", &[part(TEXT, "Hello"), part(PDF, "JVBERi0x")]);
        for (deep, expected) in [(0, (1, 0)), (1, (1, 0)), (2, (1, 0)), (3, (0, 1)), (4, (0, 1))] {
            let (files, left) = told(&inner);
            assert_eq!((files.len(), left), expected, "{deep} deep");
            let head = "Content-Type: message/rfc822";
            inner = mail(&format!("c{deep}"), &[part(TEXT, "see below"), part(head, &inner)]);
        }
        // The same as a file that says nothing of being a mail.
        let plain = mail("b0", &[part(TEXT, "Hello"), part(PDF, "JVBERi0x")]);
        let octets = "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=m.eml\r\nContent-Transfer-Encoding: base64";
        let sent = mail("d", &[part(TEXT, "see below"), part(octets, &STANDARD.encode(plain))]);
        assert_eq!(told(&sent).0.len(), 1);
    }

    #[test]
    fn no_more_files_than_the_bound_are_taken() {
        let many: Vec<String> = (0..MOST_FILES + 3).map(|_| part(PDF, "JVBERi0x")).collect();
        let (files, left) = told(&mail("b", &many));
        assert_eq!((files.len(), left), (MOST_FILES, 3));
    }
}
