//! Our application with Google, and where Google is.

use service_kit::config::{Reader, Secret, Var};
use url::Url;

/// Access to a whole mailbox: IMAP and SMTP take no less.
pub(super) const MAIL_SCOPE: &str = "https://mail.google.com/";
/// ... and whose it is.
const SCOPES: &str = "openid email https://mail.google.com/";

const CLIENT_ID: Var =
    Var::new("GOOGLE_CLIENT_ID", "client id of our application with Google; absent: no mailbox by consent");
const CLIENT_SECRET: Var = Var::new("GOOGLE_CLIENT_SECRET", "client secret of our application with Google");
const SANDBOX: Var = Var::new("GOOGLE_SANDBOX_URL", "address of our own stand-in; absent: Google itself");
const IMAP: Var = Var::or("GMAIL_IMAP", "imap.gmail.com:993", "host and port of Gmail's IMAP");
const SMTP: Var = Var::or("GMAIL_SMTP", "smtp.gmail.com:465", "host and port of Gmail's SMTP");

/// Our application, as it is registered with Google.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its id.
    pub client_id: String,
    /// The secret that goes with it.
    pub client_secret: Secret,
}

/// Addresses, without a slash at their end; mail servers with their ports.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Of the pages where consent is given.
    pub accounts: String,
    /// Of the exchange of tokens.
    pub token: String,
    /// Of IMAP.
    pub imap: String,
    /// Of SMTP.
    pub smtp: String,
}

/// Our application, and where Google is.
#[derive(Debug, Clone)]
pub struct GoogleConfig {
    /// The application.
    pub application: Application,
    /// Where Google is.
    pub endpoints: Endpoints,
}

impl GoogleConfig {
    /// What [`GoogleConfig::read`] reads.
    pub fn vars() -> Vec<Var> {
        vec![CLIENT_ID, CLIENT_SECRET, SANDBOX, IMAP, SMTP]
    }

    /// Reads it; none when there is no application.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // Compose passes on what is not set as nothing.
        let client_id: String = reader.optional(&CLIENT_ID).filter(|id: &String| !id.is_empty())?;
        let client_secret = reader.required::<Secret>(&CLIENT_SECRET);
        let sandbox: Option<String> = reader.optional(&SANDBOX).filter(|base: &String| !base.is_empty());
        let sandbox = sandbox.map(|base| base.trim_end_matches('/').to_owned());
        let (imap, smtp) = (reader.required(&IMAP), reader.required(&SMTP));
        let endpoints = Endpoints {
            accounts: sandbox.clone().unwrap_or_else(|| "https://accounts.google.com".to_owned()),
            token: sandbox.unwrap_or_else(|| "https://oauth2.googleapis.com".to_owned()),
            imap: imap?,
            smtp: smtp?,
        };
        Some(Self { application: Application { client_id, client_secret: client_secret? }, endpoints })
    }

    /// The page where an owner gives consent and is sent back from, with `code` and `state`. `redirect_uri` has to be registered with
    /// the application; `address` is chosen for the owner, where it is known.
    ///
    /// # Errors
    /// When the configured address is none.
    pub fn consent(&self, state: &str, redirect_uri: &str, address: Option<&str>) -> Result<Url, url::ParseError> {
        let page = format!("{}/o/oauth2/v2/auth", self.endpoints.accounts);
        let query = [
            ("response_type", "code"),
            ("client_id", self.application.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("scope", SCOPES),
            ("state", state),
            // A refresh token is given offline, and again only when consent is asked for again.
            ("access_type", "offline"),
            ("prompt", "consent"),
        ];
        Url::parse_with_params(&page, query.into_iter().chain(address.map(|address| ("login_hint", address))))
    }
}
