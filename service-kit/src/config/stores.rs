//! What a service reads to reach the broker and its database.

use std::path::PathBuf;

use shared_events::Service;

use super::authorities::Authorities;
use super::env::{Reader, Secret, Var};
use super::services::{Own, variable};

const SERVICE_URL: Var =
    Var::or("PULSAR_SERVICE_URL", "pulsar://127.0.0.1:6650", "broker; pulsar+ssl:// for a managed one");
const ADMIN_URL: Var = Var::or(
    "PULSAR_ADMIN_URL",
    "http://127.0.0.1:8080",
    "the broker's admin address; used by provision, topics and the watchdog",
);
const TOKEN: Var = Var::new("PULSAR_TOKEN", "token for the broker");
const TOKEN_FILE: Var =
    Var::new("PULSAR_TOKEN_FILE", "file with the token for the broker, read again on every connection");
const CA_FILE: Var = Var::new(
    "PULSAR_CA_FILE",
    "PEM file with certificates of authorities that the broker's is trusted by too, beside the public ones",
);
const TENANT: Var = Var::or("PULSAR_TENANT", "recoup", "tenant in the broker");
const NAMESPACE: Var = Var::or("PULSAR_NAMESPACE", "default", "namespace in the broker");
const POOL: Var =
    Var::or("DATABASE_MAX_CONNECTIONS", "10", "connections to its database that each service keeps at most");

/// Who connects to the broker: each has permissions of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Publishes commands, reads events.
    Bff,
    /// Publishes its events, reads its commands.
    Tracking,
    /// Publishes its events, reads its commands and tracking's events.
    Commission,
    /// Publishes its events, reads its commands and claims' events.
    Evidence,
    /// Publishes its events, reads its commands and evidence's events.
    Claims,
    /// Publishes its events, publishes and reads its commands.
    Orders,
    /// Publishes its events, reads its commands and the events of those whose news it tells.
    Notify,
    /// Reads everything, moves no production cursor.
    Replayer,
    /// Creates topics and subscriptions.
    Provisioner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 9] = [
        Self::Bff,
        Self::Tracking,
        Self::Commission,
        Self::Evidence,
        Self::Claims,
        Self::Orders,
        Self::Notify,
        Self::Replayer,
        Self::Provisioner,
    ];

    /// The name of the role and of its token file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bff => "bff",
            Self::Tracking => "tracking",
            Self::Commission => "commission",
            Self::Evidence => "evidence",
            Self::Claims => "claims",
            Self::Orders => "orders",
            Self::Notify => "notify",
            Self::Replayer => "replayer",
            Self::Provisioner => "provisioner",
        }
    }

    const fn token_file(self) -> Var {
        match self {
            Self::Bff => Var::new("BFF_PULSAR_TOKEN_FILE", "the BFF's own token file"),
            Self::Tracking => variable(Service::Tracking, Own::TokenFile),
            Self::Commission => variable(Service::Commission, Own::TokenFile),
            Self::Evidence => variable(Service::Evidence, Own::TokenFile),
            Self::Claims => variable(Service::Claims, Own::TokenFile),
            Self::Orders => variable(Service::Orders, Own::TokenFile),
            Self::Notify => variable(Service::Notify, Own::TokenFile),
            Self::Replayer => Var::new("REPLAYER_PULSAR_TOKEN_FILE", "token file of read, trace and replay"),
            Self::Provisioner => Var::new("PROVISIONER_PULSAR_TOKEN_FILE", "token file of provision"),
        }
    }
}

impl From<Service> for Role {
    fn from(service: Service) -> Self {
        match service {
            Service::Tracking => Self::Tracking,
            Service::Commission => Self::Commission,
            Service::Evidence => Self::Evidence,
            Service::Claims => Self::Claims,
            Service::Orders => Self::Orders,
            Service::Notify => Self::Notify,
        }
    }
}

/// Where the token for the broker comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The broker asks for none.
    None,
    /// This one.
    Value(Secret),
    /// What this file holds at the time, so that a rotated token is picked up.
    File(PathBuf),
}

impl TokenSource {
    /// The token as of now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn current(&self) -> std::io::Result<Option<Secret>> {
        match self {
            Self::None => Ok(None),
            Self::Value(token) => Ok(Some(token.clone())),
            Self::File(path) => Ok(Some(Secret::new(std::fs::read_to_string(path)?.trim()))),
        }
    }
}

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct PulsarConfig {
    /// Who connects.
    pub role: Role,
    /// `pulsar://` or `pulsar+ssl://`.
    pub service_url: String,
    /// The admin address.
    pub admin_url: String,
    /// The token.
    pub token: TokenSource,
    /// Who may vouch for the broker's certificate, beside the public authorities.
    pub authorities: Option<Authorities>,
    /// Tenant in the broker.
    pub tenant: String,
    /// Namespace in the broker.
    pub namespace: String,
}

impl PulsarConfig {
    /// Every variable that any role reads.
    pub fn vars() -> Vec<Var> {
        let shared = [SERVICE_URL, ADMIN_URL, TOKEN, TOKEN_FILE, CA_FILE, TENANT, NAMESPACE];
        shared.into_iter().chain(Role::ALL.map(Role::token_file)).collect()
    }

    /// Reads how `role` reaches the broker. Its own token file comes before the shared one, a file before a plain token.
    pub fn read_for(reader: &mut Reader<'_>, role: Role) -> Option<Self> {
        let (service_url, admin_url) = (reader.required::<String>(&SERVICE_URL), reader.required(&ADMIN_URL));
        let (tenant, namespace) = (reader.required(&TENANT), reader.required(&NAMESPACE));
        let (own_file, shared_file) =
            (reader.optional::<PathBuf>(&role.token_file()), reader.optional::<PathBuf>(&TOKEN_FILE));
        let plain = reader.optional::<Secret>(&TOKEN);
        let authorities = reader.optional(&CA_FILE);
        let token = match (own_file.or(shared_file), plain) {
            (Some(path), _) => TokenSource::File(path),
            (None, Some(token)) => TokenSource::Value(token),
            (None, None) => TokenSource::None,
        };
        if service_url.as_ref().is_some_and(|url| !url.starts_with("pulsar://") && !url.starts_with("pulsar+ssl://")) {
            reader.complain(SERVICE_URL.name, "must begin with pulsar:// or pulsar+ssl://");
        }
        Some(Self {
            role,
            service_url: service_url?,
            admin_url: admin_url?,
            token,
            authorities,
            tenant: tenant?,
            namespace: namespace?,
        })
    }

    /// The full name of a topic: `persistent://tenant/namespace/name`.
    pub fn topic(&self, name: &str) -> String {
        format!("persistent://{}/{}/{name}", self.tenant, self.namespace)
    }
}

/// How a service reaches its own database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `postgres://`, as the service's own role; holds a password.
    pub url: Secret,
    /// Most connections kept.
    pub max_connections: u32,
}

impl DatabaseConfig {
    /// Every variable that [`DatabaseConfig::read_for`] reads.
    pub fn vars_for(service: Service) -> Vec<Var> {
        vec![variable(service, Own::Database), POOL]
    }

    /// Reads how `service` reaches its database.
    pub fn read_for(reader: &mut Reader<'_>, service: Service) -> Option<Self> {
        let (url, max_connections) = (reader.required(&variable(service, Own::Database)), reader.required(&POOL));
        Some(Self { url: url?, max_connections: max_connections? })
    }
}

/// How `recoup migrate` and `recoup replay` reach the server as its owner.
#[derive(Debug, Clone)]
pub struct AdminDatabaseConfig {
    /// `postgres://`, as a role that may create roles and databases.
    pub admin_url: Secret,
    /// Password that the service's role is given.
    pub password: Secret,
}

impl AdminDatabaseConfig {
    /// Every variable that [`AdminDatabaseConfig::read_for`] reads.
    pub fn vars_for(service: Service) -> Vec<Var> {
        vec![variable(service, Own::AdminDatabase), variable(service, Own::Password)]
    }

    /// Reads how to reach `service`'s database server as its owner.
    pub fn read_for(reader: &mut Reader<'_>, service: Service) -> Option<Self> {
        let admin_url = reader.required(&variable(service, Own::AdminDatabase));
        let password = reader.required(&variable(service, Own::Password));
        Some(Self { admin_url: admin_url?, password: password? })
    }
}
