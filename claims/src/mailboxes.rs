//! Mailboxes, as this service reaches them: where they are and what opens them.

use std::sync::Arc;

use providers::fetch::Names;
use providers::google::{self, Google};
use providers::imap::{self, Account, Error, Inbox, Login};
use serde::Deserialize;
use service_kit::config::Secret;
use service_kit::store::Work;
use shared_events::ConnectionId;
use shared_events::claims::ConnectionKind;
use sqlx::types::Json;
use uuid::Uuid;

use crate::secrets::{Sealed, Vault};

/// The port of SMTP that is encrypted from the first byte.
const SMTP_PORT: u16 = 465;

/// How mailboxes are reached; clones share it.
#[derive(Clone)]
pub struct Mailboxes {
    /// What their passwords and refresh tokens are in.
    pub vault: Vault,
    /// Who says where servers are, and whether we may talk to them.
    pub names: Arc<dyn Names>,
    /// Who opens mailboxes by consent; none: no application is configured.
    pub google: Option<Google>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    host: Option<String>,
    smtp_host: Option<String>,
}

/// What opens a mailbox.
enum Key {
    Password(Secret),
    /// The refresh token of a consent.
    Consent(Secret),
}

/// A mailbox that is connected.
pub struct Mailbox {
    /// Its connection.
    pub connection: Uuid,
    /// By password or by consent.
    pub kind: ConnectionKind,
    /// Its address.
    pub address: String,
    /// Who connected it.
    pub connected_by: String,
    /// Host and port of the server that its mails are at.
    incoming: (String, u16),
    /// Host and port of the server that sends for it.
    pub outgoing: (String, u16),
    key: Key,
}

fn host_and_port(text: &str, port: u16) -> (String, u16) {
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host.to_owned(), port),
        _ => (text.to_owned(), port),
    }
}

impl Mailboxes {
    /// A connected mailbox; none when it is not, or cannot be opened.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find(&self, work: &mut Work, id: ConnectionId) -> Result<Option<Mailbox>, sqlx::Error> {
        let tenant = work.tenant().clone();
        let row = sqlx::query!(
            r#"SELECT kind::text AS "kind!", account, connected_by, settings AS "settings: Json<Settings>",
                      secret AS "secret: Json<Sealed>"
               FROM connections WHERE tenant = $1 AND id = $2 AND kind IN ('imap', 'gmail') AND state = 'connected'"#,
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(secret) = row.secret.and_then(|sealed| self.vault.open(tenant.as_str(), id.0, &sealed.0).ok()) else {
            return Ok(None);
        };
        let (kind, key, incoming, outgoing) = if row.kind == "gmail" {
            let Some(google) = &self.google else { return Ok(None) };
            let places = &google.config().endpoints;
            let (imap, smtp) = (host_and_port(&places.imap, imap::PORT), host_and_port(&places.smtp, SMTP_PORT));
            (ConnectionKind::Gmail, Key::Consent(secret), imap, smtp)
        } else {
            let Some(host) = row.settings.0.host else { return Ok(None) };
            let (host, port) = host_and_port(&host, imap::PORT);
            // Most providers that do not say otherwise answer to both names.
            let smtp = row.settings.0.smtp_host.unwrap_or_else(|| match host.strip_prefix("imap.") {
                Some(rest) => format!("smtp.{rest}"),
                None => host.clone(),
            });
            (ConnectionKind::Imap, Key::Password(secret), (host, port), host_and_port(&smtp, SMTP_PORT))
        };
        let (address, connected_by) = (row.account, row.connected_by);
        Ok(Some(Mailbox { connection: id.0, kind, address, connected_by, incoming, outgoing, key }))
    }

    /// What its owner signs in with now.
    ///
    /// # Errors
    /// [`Error::Denied`] when the consent was taken back, [`Error::Unavailable`] when Google cannot be asked.
    pub async fn login(&self, mailbox: &Mailbox) -> Result<Login, Error> {
        match (&mailbox.key, &self.google) {
            (Key::Password(password), _) => Ok(Login::Password(password.clone())),
            (Key::Consent(token), Some(google)) => google.access(token).await.map(Login::Bearer).map_err(of_google),
            (Key::Consent(_), None) => Err(Error::Unavailable("no application with Google is configured")),
        }
    }

    /// Opens the inbox. A token that the server does not take may be one that ended early: another one is fetched, once.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn open(&self, mailbox: &Mailbox) -> Result<Inbox, Error> {
        let login = self.login(mailbox).await?;
        match (Inbox::open(&self.account(mailbox, login.clone())).await, login, &mailbox.key, &self.google) {
            (Err(Error::Denied), Login::Bearer(rejected), Key::Consent(token), Some(google)) => {
                google.reject(token, &rejected).await;
                let login = self.login(mailbox).await?;
                Inbox::open(&self.account(mailbox, login)).await
            }
            (opened, ..) => opened,
        }
    }

    fn account(&self, mailbox: &Mailbox, login: Login) -> Account {
        let ((host, port), names) = (mailbox.incoming.clone(), Arc::clone(&self.names));
        Account { host, port, user: mailbox.address.clone(), login, names }
    }
}

fn of_google(error: google::Error) -> Error {
    match error {
        google::Error::Revoked => Error::Denied,
        other => {
            tracing::warn!(error = %other, "no access token for a mailbox");
            Error::Unavailable("Google gives no token")
        }
    }
}
