//! What the BFF reads from the environment.

use providers::files::Files;
use service_kit::config::{AuthConfig, EdgeConfig, FromEnv, PulsarConfig, Reader, Role, Var, address_var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};
use shared_events::Service;

use crate::consent::Consents;

/// What the BFF reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens and what it allows.
    pub edge: EdgeConfig,
    /// Whose tokens it believes.
    pub auth: AuthConfig,
    /// How it reaches the broker.
    pub pulsar: PulsarConfig,
    /// Where each service is, in the order of [`Service::ALL`].
    pub addresses: Vec<String>,
    /// Seals account details, and makes digests of request bodies.
    pub account_key: SealingKey,
    /// Where uploads go, and their master keys.
    pub files: Files,
    /// Where consents are given.
    pub consents: Consents,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = EdgeConfig::vars_for("bff");
        vars.extend(AuthConfig::vars());
        vars.extend(PulsarConfig::vars());
        vars.extend(Files::vars());
        vars.extend(Service::ALL.map(address_var));
        vars.push(ACCOUNT_DETAILS_KEY);
        vars.extend(Consents::vars());
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let edge = EdgeConfig::read_for(reader, "bff");
        let auth = AuthConfig::read(reader);
        let pulsar = PulsarConfig::read_for(reader, Role::Bff);
        let addresses = Service::ALL.map(|service| address(reader, service));
        let account_key = reader.required(&ACCOUNT_DETAILS_KEY);
        let files = <Files as FromEnv>::read(reader);
        let consents = Consents::read(reader);
        Some(Self {
            edge: edge?,
            auth: auth?,
            pulsar: pulsar?,
            addresses: addresses.into_iter().collect::<Option<_>>()?,
            account_key: account_key?,
            files: files?,
            consents: consents?,
        })
    }
}

fn address(reader: &mut Reader<'_>, service: Service) -> Option<String> {
    let var = address_var(service);
    let port: Option<u16> = reader.required(&EdgeConfig::port_var(service.name()));
    let url = reader.optional::<String>(&var).or_else(|| Some(format!("http://127.0.0.1:{}", port?)))?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        reader.complain(var.name, "must begin with http:// or https://");
    }
    Some(url.trim_end_matches('/').to_owned())
}
