//! Amazon, as this service reaches it: one application for all sellers.

use std::sync::Arc;

use providers::amazon::{Application, Endpoints, Patience, Region, SellingPartner, Session};
use service_kit::clock::Clock;
use service_kit::config::{Reader, Secret, Var};

use crate::connection_row::Connection;
use crate::secrets::Vault;

const APPLICATION: Var =
    Var::new("AMAZON_APPLICATION_ID", "id of our application with Amazon: amzn1.sp.solution...; absent: no sellers");
const CLIENT_ID: Var = Var::new("LWA_CLIENT_ID", "client id of our application with Login with Amazon");
const CLIENT_SECRET: Var = Var::new("LWA_CLIENT_SECRET", "client secret of our application with Login with Amazon");
const SANDBOX: Var = Var::new("AMAZON_SANDBOX_URL", "address of our own sandbox; absent: Amazon itself");

/// Our application with Amazon, and where Amazon is.
#[derive(Debug, Clone)]
pub struct AmazonConfig {
    /// The application.
    pub application: Application,
    /// Where Amazon is.
    pub endpoints: Endpoints,
}

impl AmazonConfig {
    /// What [`AmazonConfig::read`] reads.
    pub fn vars() -> Vec<Var> {
        vec![APPLICATION, CLIENT_ID, CLIENT_SECRET, SANDBOX]
    }

    /// Reads it; none when there is no application.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // Compose passes on what is not set as nothing.
        let id: String = reader.optional(&APPLICATION).filter(|id: &String| !id.is_empty())?;
        let (client_id, client_secret) = (reader.required(&CLIENT_ID), reader.required::<Secret>(&CLIENT_SECRET));
        let sandbox: Option<String> = reader.optional(&SANDBOX).filter(|base: &String| !base.is_empty());
        let endpoints = sandbox.map_or_else(Endpoints::amazon, |base| Endpoints::sandbox(&base));
        let application = Application { id, client_id: client_id?, client_secret: client_secret? };
        Some(Self { application, endpoints })
    }
}

/// Amazon and the vault that the sellers' tokens are in; clones share both.
#[derive(Debug, Clone)]
pub struct Amazon {
    partner: Option<SellingPartner>,
    vault: Vault,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// No application is configured.
    #[error("no application with Amazon is configured")]
    NotConfigured,
    /// There is no token, or it cannot be opened.
    #[error("the connection has no token that can be opened")]
    NoToken,
}

impl Amazon {
    /// Amazon as configured.
    pub fn new(config: Option<&AmazonConfig>, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        let partner =
            config.map(|config| SellingPartner::new(config.endpoints.clone(), config.application.clone(), clock));
        Self { partner, vault }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { partner: self.partner.map(|partner| partner.with_patience(patience)), ..self }
    }

    /// The application.
    ///
    /// # Errors
    /// When none is configured.
    pub fn partner(&self) -> Result<&SellingPartner, NoSession> {
        self.partner.as_ref().ok_or(NoSession::NotConfigured)
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// A seller's session.
    ///
    /// # Errors
    /// When there is no application or no token.
    pub fn session(&self, tenant: &str, connection: &Connection) -> Result<Session, NoSession> {
        let partner = self.partner()?;
        let region: Region = connection.region.parse().map_err(|_| NoSession::NoToken)?;
        let secret = connection.secret.as_ref().ok_or(NoSession::NoToken)?;
        let token = self.vault.open(tenant, connection.id, &secret.0).map_err(|_| NoSession::NoToken)?;
        Ok(partner.session(region, &connection.account, token))
    }
}
