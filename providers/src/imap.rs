//! Mailboxes by IMAP: read and never changed, by UID, in bounded size.
//!
//! Servers are named by tenants: only those on the public internet are connected to, and always encrypted, unless the names that are
//! believed say otherwise. No error repeats what a server says: its words hold addresses.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error as Problem;
use async_imap::types::NameAttribute;
use async_imap::{Authenticator, Client, Session};
use chrono::NaiveDate;
use futures::TryStreamExt;
use service_kit::config::Secret;
use tokio::time::timeout;

use crate::fetch::Names;
use wire::Wire;

/// The port of IMAP over TLS.
pub const PORT: u16 = 993;
/// For each command and its answer; a mail of the largest size by a slow line.
const STEP: Duration = Duration::from_secs(30);
/// Bytes of one session at most.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// How folders of sent mails are usually called.
const SENT: [&str; 4] = ["Sent", "Sent Items", "Sent Messages", "Sent Mail"];

/// How its owner signs in.
#[derive(Debug, Clone)]
pub enum Login {
    /// By a password.
    Password(Secret),
    /// By a token of an OAuth login (XOAUTH2).
    Bearer(Secret),
}

/// A mailbox.
#[derive(Clone)]
pub struct Account {
    /// Its server.
    pub host: String,
    /// The port of it.
    pub port: u16,
    /// The name to sign in with.
    pub user: String,
    /// How.
    pub login: Login,
    /// Who says where the server is, and whether we may talk to it. What is on this machine is talked to without TLS.
    pub names: Arc<dyn Names>,
}

/// Why a mailbox cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server does not accept the login.
    #[error("the mailbox does not accept the login")]
    Denied,
    /// The server is not one that we talk to.
    #[error("the mail server is not on the public internet")]
    Inside,
    /// It can be tried again later.
    #[error("the mailbox cannot be read for the moment: {0}")]
    Unavailable(&'static str),
}

/// A mail in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its number, which grows, as long as the mailbox's validity stays.
    pub uid: u32,
    /// Its size in bytes, as the server says.
    pub bytes: u32,
}

/// A mailbox that is open for reading.
#[derive(Debug)]
pub struct Inbox {
    session: Session<Wire>,
    /// UIDs of another validity are other mails.
    pub validity: u32,
}

struct Bearer(String);

impl Authenticator for Bearer {
    type Response = String;

    fn process(&mut self, _: &[u8]) -> String {
        // A second challenge is the server's complaint, which wants an empty answer.
        std::mem::take(&mut self.0)
    }
}

fn failed(problem: &Problem) -> Error {
    Error::Unavailable(match problem {
        Problem::Io(_) | Problem::ConnectionLost => "the connection is lost",
        Problem::No(_) => "the server says no",
        Problem::Bad(_) => "the server does not understand",
        _ => "the server's answer makes no sense",
    })
}

async fn step<T>(doing: impl Future<Output = Result<T, Problem>>) -> Result<T, Error> {
    match timeout(STEP, doing).await {
        Ok(done) => done.map_err(|problem| failed(&problem)),
        Err(_) => Err(Error::Unavailable("the server does not answer")),
    }
}

impl Inbox {
    /// Signs in and opens the inbox.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn open(account: &Account) -> Result<Self, Error> {
        let mut client = Client::new(Wire::connect(account, MOST_BYTES).await?);
        step(async { Ok(client.read_response().await?) }).await?.ok_or(Error::Unavailable("the server hangs up"))?;
        let signed_in = match &account.login {
            Login::Password(password) => timeout(STEP, client.login(&account.user, password.expose())).await,
            Login::Bearer(token) => {
                let words = format!("user={}\u{1}auth=Bearer {}\u{1}\u{1}", account.user, token.expose());
                timeout(STEP, client.authenticate("XOAUTH2", Bearer(words))).await
            }
        };
        let mut session = match signed_in {
            Ok(Ok(session)) => session,
            Ok(Err((Problem::No(_), _))) => return Err(Error::Denied),
            Ok(Err((problem, _))) => return Err(failed(&problem)),
            Err(_) => return Err(Error::Unavailable("the server does not answer")),
        };
        let inbox = step(session.examine("INBOX")).await?;
        let validity = inbox.uid_validity.ok_or(Error::Unavailable("the server numbers its mails not"))?;
        Ok(Self { session, validity })
    }

    /// The next mails after one, the oldest first; with 0, those that came on a day or later.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn after(&mut self, uid: u32, since: NaiveDate, most: usize) -> Result<Vec<Listed>, Error> {
        let question = match uid {
            0 => format!("SINCE {}", since.format("%-d-%b-%Y")),
            uid => format!("UID {}:*", uid.saturating_add(1)),
        };
        let found = step(self.session.uid_search(question)).await?;
        // `n:*` names the last mail even when its number is less.
        let mut uids: Vec<u32> = found.into_iter().filter(|found| *found > uid).collect();
        uids.sort_unstable();
        uids.truncate(most);
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let sizes: Vec<_> =
            step(async { self.session.uid_fetch(set, "(UID RFC822.SIZE)").await?.try_collect().await }).await?;
        let mut listed: Vec<Listed> = sizes
            .iter()
            .filter_map(|mail| Some(Listed { uid: mail.uid?, bytes: mail.size.unwrap_or(u32::MAX) }))
            .filter(|mail| uids.contains(&mail.uid))
            .collect();
        listed.sort_unstable_by_key(|mail| mail.uid);
        Ok(listed)
    }

    /// A mail as it came; none when it is gone. It is not marked as read.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn read(&mut self, uid: u32) -> Result<Option<Vec<u8>>, Error> {
        let mails: Vec<_> =
            step(async { self.session.uid_fetch(uid.to_string(), "(UID BODY.PEEK[])").await?.try_collect().await })
                .await?;
        Ok(mails.iter().find(|mail| mail.uid == Some(uid)).and_then(|mail| mail.body()).map(<[u8]>::to_vec))
    }

    /// Whether a mail of this name (without angle brackets), or an answer to it, is in the inbox or among the sent mails. It ends the
    /// session.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn knows(mut self, message_id: &str) -> Result<bool, Error> {
        let is_name = message_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
        let found = if is_name { self.look_for(message_id).await } else { Ok(false) };
        self.end().await;
        found
    }

    async fn look_for(&mut self, message_id: &str) -> Result<bool, Error> {
        let question = format!("OR HEADER Message-ID \"{message_id}\" HEADER References \"{message_id}\"");
        if !step(self.session.uid_search(&question)).await?.is_empty() {
            return Ok(true);
        }
        let Some(folder) = self.sent_folder().await? else { return Ok(false) };
        step(self.session.examine(folder)).await?;
        Ok(!step(self.session.uid_search(&question)).await?.is_empty())
    }

    /// The folder of sent mails: the one that the server marks as such (RFC 6154), or one of a usual name.
    async fn sent_folder(&mut self) -> Result<Option<String>, Error> {
        let folders: Vec<_> = step(async { self.session.list(None, Some("*")).await?.try_collect().await }).await?;
        let marked = folders.iter().find(|folder| folder.attributes().contains(&NameAttribute::Sent));
        let is_usual = |name: &str| SENT.iter().any(|usual| name.eq_ignore_ascii_case(usual));
        let named = || folders.iter().find(|folder| is_usual(folder.name()));
        Ok(marked.or_else(named).map(|folder| folder.name().to_owned()))
    }

    /// Says farewell; what comes of it changes nothing.
    pub async fn end(mut self) {
        let _ = timeout(Duration::from_secs(1), self.session.logout()).await;
    }
}
