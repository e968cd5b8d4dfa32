//! Mailboxes, as this service reaches them: where they are and what opens them.

use std::sync::Arc;

use providers::fetch::Names;
use providers::imap::{self, Account, Login};
use serde::Deserialize;
use service_kit::store::Work;
use shared_events::ConnectionId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::secrets::{Sealed, Vault};

/// The port of SMTP that is encrypted from the first byte.
const SMTP_PORT: u16 = 465;

/// How mailboxes are reached; clones share it.
#[derive(Clone)]
pub struct Mailboxes {
    /// What their passwords are in.
    pub vault: Vault,
    /// Who says where servers are, and whether we may talk to them.
    pub names: Arc<dyn Names>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    host: Option<String>,
    smtp_host: Option<String>,
}

/// A mailbox that is connected.
pub struct Mailbox {
    /// Its connection.
    pub connection: Uuid,
    /// Its address.
    pub address: String,
    /// Who connected it.
    pub connected_by: String,
    /// Where its mails are.
    pub incoming: Account,
    /// Host and port of the server that sends for it.
    pub outgoing: (String, u16),
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
            r#"SELECT account, connected_by, settings AS "settings: Json<Settings>", secret AS "secret: Json<Sealed>" FROM connections
               WHERE tenant = $1 AND id = $2 AND kind = 'imap' AND state = 'connected'"#,
            tenant.as_str(),
            id.0,
        )
        .fetch_optional(work.conn())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(secret) = row.secret.and_then(|sealed| self.vault.open(tenant.as_str(), id.0, &sealed.0).ok()) else {
            return Ok(None);
        };
        let Some(host) = row.settings.0.host else { return Ok(None) };
        let (host, port) = host_and_port(&host, imap::PORT);
        // Most providers that do not say otherwise answer to both names.
        let smtp = row.settings.0.smtp_host.unwrap_or_else(|| match host.strip_prefix("imap.") {
            Some(rest) => format!("smtp.{rest}"),
            None => host.clone(),
        });
        let (login, names) = (Login::Password(secret), Arc::clone(&self.names));
        Ok(Some(Mailbox {
            connection: id.0,
            incoming: Account { host, port, user: row.account.clone(), login, names },
            outgoing: host_and_port(&smtp, SMTP_PORT),
            address: row.account,
            connected_by: row.connected_by,
        }))
    }
}
