//! The mail server of the stack, as the demo's Amazon uses it. Mails are put in by IMAP: a server that a mail is sent to stamps it with the
//! real time, and the clock of the stack is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use providers::fetch::LoopbackToo;
use providers::imap::{Account, Inbox, Login};
use service_kit::config::{Env, Secret};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What everybody signs in with; the server of a stack lets anybody in.
pub const PASSWORD: &str = "stand-in";
/// For putting a mail in.
const STEP: Duration = Duration::from_secs(30);
/// Mails of one box that are looked at.
const MOST: usize = 50;

/// The mail server, at `host:port` for either protocol.
pub struct MailServer {
    /// Where mailboxes are read.
    pub imap: String,
    /// Where mails are sent.
    pub smtp: String,
}

impl MailServer {
    /// Reads from the environment where it is; none: the stack has none on this machine.
    pub fn find() -> Option<Self> {
        let env = Env::process();
        let at = |name: &str| env.get(name).filter(|at| at.starts_with("127.0.0.1:")).map(str::to_owned);
        Some(Self { imap: at("GREENMAIL_IMAP")?, smtp: at("GREENMAIL_SMTP")? })
    }

    /// Puts a mail into somebody's inbox, as if it had come at that time.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn deliver(&self, to: &str, at: DateTime<Utc>, mail: &str) -> anyhow::Result<()> {
        let done = tokio::time::timeout(STEP, self.append(to, at, mail)).await;
        done.context("it does not answer").flatten().with_context(|| format!("putting a mail in at {}", self.imap))
    }

    async fn append(&self, to: &str, at: DateTime<Utc>, mail: &str) -> anyhow::Result<()> {
        let mut stream = BufReader::new(TcpStream::connect(&self.imap).await?);
        let came = at.format("%e-%b-%Y %H:%M:%S +0000");
        let commands = [
            ("* OK", String::new()),
            ("a OK", format!("a LOGIN \"{to}\" \"{PASSWORD}\"\r\n")),
            ("+", format!("b APPEND INBOX \"{came}\" {{{}}}\r\n", mail.len())),
            ("b OK", format!("{mail}\r\n")),
            ("c OK", "c LOGOUT\r\n".to_owned()),
        ];
        for (good, command) in commands {
            stream.write_all(command.as_bytes()).await?;
            let mut line = String::new();
            while !line.starts_with(good) {
                // Other lines with a star tell of the mailbox.
                anyhow::ensure!(line.is_empty() || line.starts_with("* "), "it says {}", line.trim_end());
                line.clear();
                anyhow::ensure!(stream.read_line(&mut line).await? > 0, "it hangs up");
            }
        }
        Ok(())
    }

    /// Whatever came into somebody's inbox, whole.
    ///
    /// # Errors
    /// When the server does not show it.
    pub async fn inbox(&self, of: &str) -> anyhow::Result<Vec<String>> {
        let (host, port) = self.imap.split_once(':').context("the mail server has no port")?;
        let mut inbox = Inbox::open(&Account {
            host: host.to_owned(),
            port: port.parse()?,
            user: of.to_owned(),
            login: Login::Password(Secret::new(PASSWORD)),
            names: Arc::new(LoopbackToo),
        })
        .await?;
        let mut mails = Vec::new();
        for listed in inbox.after(0, NaiveDate::default(), MOST).await? {
            let mail = inbox.read(listed.uid).await?.context("a mail went away")?;
            mails.push(String::from_utf8_lossy(&mail).into_owned());
        }
        inbox.end().await;
        Ok(mails)
    }
}

/// What a header of a mail says, its lines joined; nothing when there is none.
pub fn header(mail: &str, name: &str) -> String {
    let head = mail.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let of = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().find_map(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_over_their_lines() {
        let mail = "References: <a@x>\r\n <b@x>\r\nsubject: Re: [CASE 1]\r\n\r\nTo: nobody\r\n";
        assert_eq!(header(mail, "References"), "<a@x> <b@x>");
        assert_eq!(header(mail, "Subject"), "Re: [CASE 1]");
        assert_eq!(header(mail, "To"), "", "what is said is no header");
    }
}
