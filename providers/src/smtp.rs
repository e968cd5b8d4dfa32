//! Mail by SMTP: one connection for each message, and a clear answer to what came of it.
//!
//! Until the message itself was begun, nothing was handed over whatever goes wrong. From then on only the server knows, so that a
//! connection that breaks off is an unknown outcome, never a failure.

mod compose;

use std::future::Future;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{self as wire};
use service_kit::config::Secret;
use service_kit::http_client;

pub use compose::{Attachment, Mail};

use crate::sending::{Receipt, SendError};

/// For the connection, and for each command until the message begins.
const STEP: Duration = Duration::from_secs(10);
/// For the message itself: servers may look into it before they answer.
const MESSAGE: Duration = Duration::from_secs(30);

/// For the farewell, which changes nothing any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Encrypted by `STARTTLS` before anything is said; without it nothing is sent.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// Not at all: for a server on the same machine.
    None,
}

impl FromStr for Protection {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "starttls" => Ok(Self::StartTls),
            "tls" => Ok(Self::Tls),
            "none" => Ok(Self::None),
            _ => Err("expected starttls, tls or none"),
        }
    }
}

/// How a mail server is reached.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its name; certificates must be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// User name and password, where it asks for them.
    pub login: Option<(String, Secret)>,
    /// A certificate (PEM) that is trusted besides the public ones.
    pub trusted: Option<String>,
    /// What we call ourselves in greetings.
    pub hello: String,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Smtp {
    config: SmtpConfig,
    message_deadline: Duration,
    address: Option<IpAddr>,
    token: Option<(String, Secret)>,
}

impl Smtp {
    /// A mail server; nothing is connected yet.
    pub fn new(config: SmtpConfig) -> Self {
        http_client::install_tls_provider();
        Self { config, message_deadline: MESSAGE, address: None, token: None }
    }

    /// The same server at this address, wherever its name leads by then. Certificates still have to be for the name.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The same, signed in by a token of an OAuth login (XOAUTH2) instead of a password.
    #[must_use]
    pub fn by_token(self, user: String, token: Secret) -> Self {
        Self { token: Some((user, token)), ..self }
    }

    /// The same with another time to wait for the answer to a message.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.message_deadline = deadline;
        self
    }

    /// Hands a mail over.
    ///
    /// # Errors
    /// See [`SendError`]; [`SendError::Unknown`] only after the message was begun.
    pub async fn send(&self, mail: &Mail) -> Result<Receipt, SendError> {
        let (from, to, content) = mail.composed()?;
        let mut connection = self.connect().await?;
        let sent = self.hand_over(&mut connection, from, to, &content).await;
        // What the server says to a farewell changes nothing.
        let _ = tokio::time::timeout(FAREWELL, connection.abort()).await;
        sent?;
        Ok(Receipt { reference: Some(mail.message_id.clone()) })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let SmtpConfig { host, port, protection, login, hello, .. } = &self.config;
        let hello = ClientId::Domain(hello.clone());
        let implicit = match protection {
            Protection::Tls => Some(self.tls()?),
            Protection::StartTls | Protection::None => None,
        };
        let at = self.address.map_or_else(|| host.clone(), |address| address.to_string());
        let connecting = AsyncSmtpConnection::connect_tokio1((at.as_str(), *port), Some(STEP), &hello, implicit, None);
        let mut connection = before(STEP, "connecting", connecting).await?;
        if *protection == Protection::StartTls {
            before(STEP, "starttls", connection.starttls(self.tls()?, &hello)).await?;
        }
        let (login, mechanisms): (_, &[Mechanism]) = match &self.token {
            Some(by_token) => (Some(by_token), &[Mechanism::Xoauth2]),
            None => (login.as_ref(), &[Mechanism::Plain, Mechanism::Login]),
        };
        if let Some((user, secret)) = login {
            let credentials = Credentials::new(user.clone(), secret.expose().to_owned());
            before(STEP, "signing in", connection.auth(mechanisms, &credentials)).await?;
        }
        Ok(connection)
    }

    fn tls(&self) -> Result<TlsParameters, SendError> {
        let unusable = |what: &str| SendError::Unavailable(format!("{what} is not usable"));
        let mut builder = TlsParameters::builder(self.config.host.clone());
        if let Some(pem) = &self.config.trusted {
            let certificate = Certificate::from_pem(pem.as_bytes()).map_err(|_| unusable("the trusted certificate"))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|_| unusable("the set of trusted certificates"))
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: Address,
        to: Address,
        content: &[u8],
    ) -> Result<(), SendError> {
        let mut parameters = Vec::new();
        if !content.is_ascii() {
            if !connection.server_info().supports_feature(Extension::EightBitMime) {
                return Err(SendError::Refused { code: "eight_bit".into() });
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        before(STEP, "sender", connection.command(MailCommand::new(Some(from), parameters))).await?;
        match tokio::time::timeout(STEP, connection.command(Rcpt::new(to, vec![]))).await {
            Ok(Ok(_)) => {}
            // Not now is not never: full, greylisted, too many. And 554 mostly says that we are not wanted, not the address.
            Ok(Err(error)) if error.is_permanent() => {
                let code = code_of(&error);
                let is_dead = matches!(code.as_str(), "550" | "551" | "553" | "556");
                return Err(if is_dead { SendError::Gone { code } } else { SendError::Refused { code } });
            }
            Ok(Err(error)) => return Err(SendError::Unavailable(format!("recipient: {}", plain(&error)))),
            Err(_) => return Err(SendError::Unavailable("recipient: no answer in time".into())),
        }
        before(STEP, "data", connection.command(Data)).await?;
        match tokio::time::timeout(self.message_deadline, connection.message(content)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(SendError::Refused { code: code_of(&error) }),
            Ok(Err(error)) if error.is_transient() => {
                Err(SendError::Unavailable(format!("message: {}", plain(&error))))
            }
            Ok(Err(error)) => Err(SendError::Unknown(format!("the message was begun: {}", plain(&error)))),
            Err(_) => Err(SendError::Unknown("the message was begun: no answer in time".into())),
        }
    }
}

/// A step before the message begins. A refusal there is the server's trouble with us, not with the recipient.
async fn before<T>(
    deadline: Duration,
    step: &str,
    doing: impl Future<Output = Result<T, wire::Error>>,
) -> Result<T, SendError> {
    match tokio::time::timeout(deadline, doing).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(SendError::Unavailable(format!("{step}: {}", plain(&error)))),
        Err(_) => Err(SendError::Unavailable(format!("{step}: no answer in time"))),
    }
}

fn code_of(error: &wire::Error) -> String {
    error.status().map_or_else(|| "none".to_owned(), |code| code.to_string())
}

/// What went wrong, without the server's words: they repeat addresses.
fn plain(error: &wire::Error) -> String {
    match error.status() {
        Some(code) => format!("answered {code}"),
        None if error.is_tls() => "no encrypted connection".into(),
        None if error.is_timeout() => "no answer in time".into(),
        None if error.is_client() => "the server offers no way that we use".into(),
        None => "the connection broke off".into(),
    }
}
