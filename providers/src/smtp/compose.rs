//! A mail, from its parts to its bytes.

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Part, Mailbox, MultiPart, SinglePart};

use crate::sending::SendError;

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called.
    pub file_name: String,
    /// What it is: `application/pdf`.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who writes: `Shop <shop@example.com>`.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// Names the mail, without angle brackets: the same mail has the same name, so that mailboxes can tell that it came twice.
    pub message_id: String,
    /// The name of the mail that this one answers.
    pub in_reply_to: Option<String>,
    /// Names of the mails that it belongs to, the first one first.
    pub references: Vec<String>,
    /// Where one click ends the mails of this kind (RFC 8058).
    pub unsubscribe: Option<String>,
    /// When it was written.
    pub date: DateTime<Utc>,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
}

fn refused(code: &str) -> SendError {
    SendError::Refused { code: code.into() }
}

fn mailbox(text: &str, code: &str) -> Result<Mailbox, SendError> {
    text.parse().map_err(|_| refused(code))
}

fn bracketed(id: &str) -> Result<String, SendError> {
    let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte));
    if fits { Ok(format!("<{id}>")) } else { Err(refused("bad_message_id")) }
}

impl Mail {
    /// Sender, recipient, and the mail as it goes over the wire.
    pub(super) fn composed(&self) -> Result<(Address, Address, Vec<u8>), SendError> {
        let (from, to) = (mailbox(&self.from, "bad_sender")?, mailbox(&self.to, "bad_address")?);
        let mut builder = Message::builder()
            .from(from.clone())
            .to(to.clone())
            .subject(&self.subject)
            .date(self.date.into())
            .message_id(Some(bracketed(&self.message_id)?))
            // No answering machine is to answer (RFC 3834).
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(mailbox(reply_to, "bad_reply_to")?);
        }
        if let Some(id) = &self.in_reply_to {
            builder = builder.in_reply_to(bracketed(id)?);
        }
        if !self.references.is_empty() {
            let ids: Vec<String> = self.references.iter().map(|id| bracketed(id)).collect::<Result<_, _>>()?;
            builder = builder.references(ids.join(" "));
        }
        if let Some(address) = &self.unsubscribe {
            if !address.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte)) {
                return Err(refused("bad_unsubscribe"));
            }
            builder = builder
                .raw_header(raw("List-Unsubscribe", &format!("<{address}>")))
                .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let text = SinglePart::plain(self.text.clone());
        let message = match self.attachments.as_slice() {
            [] => builder.singlepart(text),
            files => {
                let mut parts = MultiPart::mixed().singlepart(text);
                for file in files {
                    let kind = ContentType::parse(&file.media_type).map_err(|_| refused("bad_media_type"))?;
                    parts = parts.singlepart(Part::new(file.file_name.clone()).body(file.bytes.clone(), kind));
                }
                builder.multipart(parts)
            }
        };
        let message = message.map_err(|_| refused("bad_message"))?;
        Ok((from.email, to.email, message.formatted()))
    }
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
