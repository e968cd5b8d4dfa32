//! The channel `mail_thread`: replies in a case that the marketplace has written about, from the seller's own mailbox, with the rows that
//! the claim rests on. Where no mail of the case was read there is no thread, and documents of the seller's are in the evidence
//! service's keeping: then a person sends.

use std::net::IpAddr;

use providers::imap::{Error, Login};
use providers::sending::SendError;
use providers::smtp::{Attachment, Mail, Protection, Smtp, SmtpConfig};
use service_kit::sealed::SealingKey;
use service_kit::store::{Store, Work};
use shared_events::ConnectionId;
use sqlx::types::Json;

use crate::channel::{Answer, Channel, Known, MAIL_THREAD, Parcel, Sent};
use crate::claim_row::Claim;
use crate::claiming::enclosures;
use crate::detection_row::RowView;
use crate::mail_answers;
use crate::mailboxes::{Mailbox, Mailboxes};

/// The port of SMTP that begins in clear and is encrypted before anything is said.
const STARTTLS_PORT: u16 = 587;

/// The channel.
pub struct ByMailThread {
    /// Where threads are known.
    pub store: Store,
    /// How mailboxes are reached.
    pub mailboxes: Mailboxes,
    /// Opens addresses.
    pub account_key: SealingKey,
}

/// A thread that goes on.
struct Thread {
    mailbox: Mailbox,
    reply_to: String,
    subject: String,
    message_ids: Vec<String>,
    rows: Vec<RowView>,
}

/// Why a claim cannot go on by mail; none when it can.
///
/// # Errors
/// When the database is away.
pub async fn obstacle(work: &mut Work, claim: &Claim) -> Result<Option<&'static str>, sqlx::Error> {
    if claim.checklist.has_documents() {
        return Ok(Some("documents go along, which only a person can attach"));
    }
    let tenant = work.tenant().clone();
    let is_known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM mail_threads t JOIN connections c ON c.tenant = t.tenant AND c.id = t.connection_id
                          WHERE t.tenant = $1 AND t.claim_id = $2 AND c.state = 'connected') AS "known!""#,
        tenant.as_str(),
        claim.id,
    )
    .fetch_one(work.conn())
    .await?;
    Ok((!is_known).then_some("no connected mailbox has a mail about the case"))
}

impl Channel for ByMailThread {
    fn name(&self) -> &'static str {
        MAIL_THREAD
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Sent> {
        Box::pin(async move {
            let Some(case) = parcel.case_id.clone() else {
                return Sent::ByHand("there is no case to reply in".to_owned());
            };
            let thread = match self.thread(parcel).await {
                Ok(Some(thread)) => thread,
                Ok(None) => return Sent::ByHand("the thread, or its mailbox, is no longer there".to_owned()),
                Err(problem) => return Sent::NotSent(format!("{problem:#}")),
            };
            let smtp = match self.server(&thread.mailbox).await {
                Ok(smtp) => smtp,
                Err(ended) => return ended,
            };
            match smtp.send(&self.mail(parcel, thread)).await {
                Ok(_) => Sent::Accepted(case),
                Err(SendError::Unknown(problem)) => Sent::Unknown(problem),
                Err(error @ SendError::Unavailable(_)) => Sent::NotSent(error.to_string()),
                // A mail server's no is no answer of the marketplace, and it will not say otherwise the next time.
                Err(error @ (SendError::Gone { .. } | SendError::Refused { .. })) => Sent::ByHand(error.to_string()),
            }
        })
    }

    /// The mail, or an answer to it, may be in the mailbox. That it is not there says nothing: not every server keeps what it sends.
    fn look_up<'a>(&'a self, parcel: &'a Parcel) -> Answer<'a, Known> {
        Box::pin(async move {
            let (Some(case), Ok(Some(thread))) = (&parcel.case_id, self.thread(parcel).await) else {
                return Known::CannotTell;
            };
            let Ok(inbox) = self.mailboxes.open(&thread.mailbox).await else { return Known::CannotTell };
            match inbox.knows(&message_id(parcel, &thread.mailbox)).await {
                Ok(true) => Known::Arrived(case.clone()),
                Ok(false) | Err(_) => Known::CannotTell,
            }
        })
    }
}

fn domain(mailbox: &Mailbox) -> &str {
    mailbox.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain)
}

/// The name of the mail of a sending: the same sending has the same, so that mailboxes can tell that it came twice.
fn message_id(parcel: &Parcel, mailbox: &Mailbox) -> String {
    format!("{}@{}", parcel.key, domain(mailbox))
}

impl ByMailThread {
    /// The server that sends for a mailbox, if we may talk to it. One on this machine is talked to without TLS and without a password.
    async fn server(&self, mailbox: &Mailbox) -> Result<Smtp, Sent> {
        let ((host, port), names) = (mailbox.outgoing.clone(), &self.mailboxes.names);
        let unknown = || Sent::NotSent("the sending server cannot be found".to_owned());
        let found: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => names.resolve(&host).await.map_err(|_| unknown())?,
        };
        // One that is not public among others is no accident.
        if found.iter().any(|address| !names.may_talk_to(*address)) {
            return Err(Sent::ByHand("the sending server is not on the public internet".to_owned()));
        }
        let address = *found.first().ok_or_else(unknown)?;
        let protection = match port {
            _ if address.is_loopback() => Protection::None,
            STARTTLS_PORT => Protection::StartTls,
            _ => Protection::Tls,
        };
        let user = mailbox.address.clone();
        let (login, token) = match self.mailboxes.login(mailbox).await {
            Ok(Login::Password(password)) => ((!address.is_loopback()).then(|| (user.clone(), password)), None),
            Ok(Login::Bearer(token)) => (None, Some(token)),
            Err(error @ Error::Unavailable(_)) => return Err(Sent::NotSent(error.to_string())),
            Err(error) => return Err(Sent::ByHand(error.to_string())),
        };
        let hello = domain(mailbox).to_owned();
        let smtp = Smtp::new(SmtpConfig { host, port, protection, login, trusted: None, hello }).at(address);
        Ok(match token {
            Some(token) => smtp.by_token(user, token),
            None => smtp,
        })
    }

    fn mail(&self, parcel: &Parcel, thread: Thread) -> Mail {
        let is_reply = thread.subject.to_ascii_lowercase().starts_with("re:");
        let attachments = enclosures::tables(&thread.rows).into_iter().map(|(file_name, table)| Attachment {
            file_name,
            media_type: "text/tab-separated-values; charset=utf-8".to_owned(),
            bytes: table.into_bytes(),
        });
        Mail {
            message_id: message_id(parcel, &thread.mailbox),
            from: thread.mailbox.address,
            to: thread.reply_to,
            reply_to: None,
            subject: if is_reply { thread.subject } else { format!("Re: {}", thread.subject) },
            text: parcel.letter.body.clone(),
            in_reply_to: thread.message_ids.last().cloned(),
            references: thread.message_ids,
            unsubscribe: None,
            date: self.store.now(),
            attachments: attachments.collect(),
        }
    }

    /// The thread of a claim's case; none when there is none, or its mailbox is not connected.
    async fn thread(&self, parcel: &Parcel) -> anyhow::Result<Option<Thread>> {
        let mut work = self.store.read(&parcel.tenant).await?;
        let row = sqlx::query!(
            r#"SELECT t.connection_id, t.reply_to, t.subject, t.message_ids, d.rows AS "rows: Json<Vec<RowView>>"
               FROM mail_threads t JOIN claims c ON c.tenant = t.tenant AND c.id = t.claim_id
               JOIN detections d ON d.tenant = c.tenant AND d.id = c.detection_id
               WHERE t.tenant = $1 AND t.claim_id = $2"#,
            parcel.tenant.as_str(),
            parcel.claim,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mailbox = self.mailboxes.find(&mut work, ConnectionId(row.connection_id)).await?;
        work.commit().await?;
        let Some(mailbox) = mailbox else { return Ok(None) };
        let purpose = mail_answers::purpose(parcel.tenant.as_str(), parcel.claim);
        let reply_to = self.account_key.open(&purpose, &row.reply_to)?;
        let (subject, message_ids, rows) = (row.subject, row.message_ids, row.rows.0);
        Ok(Some(Thread { mailbox, reply_to, subject, message_ids, rows }))
    }
}
