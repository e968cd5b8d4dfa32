//! What the BFF reads from the environment.

use providers::files::Files;
use service_kit::config::{AuthConfig, EdgeConfig, FromEnv, PulsarConfig, Reader, Role, Var};
use service_kit::sealed::{ACCOUNT_DETAILS_KEY, SealingKey};

const TRACKING_URL: Var =
    Var::new("TRACKING_URL", "where the BFF finds tracking; absent = this machine, TRACKING_PORT");
const COMMISSION_URL: Var =
    Var::new("COMMISSION_URL", "where the BFF finds commission; absent = this machine, COMMISSION_PORT");
const EVIDENCE_URL: Var =
    Var::new("EVIDENCE_URL", "where the BFF finds evidence; absent = this machine, EVIDENCE_PORT");

/// What the BFF reads from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens and what it allows.
    pub edge: EdgeConfig,
    /// Whose tokens it believes.
    pub auth: AuthConfig,
    /// How it reaches the broker.
    pub pulsar: PulsarConfig,
    /// Where tracking is.
    pub tracking_url: String,
    /// Where commission is.
    pub commission_url: String,
    /// Where evidence is.
    pub evidence_url: String,
    /// Seals account details, and makes digests of request bodies.
    pub account_key: SealingKey,
    /// Where uploads go, and their master keys.
    pub files: Files,
}

impl FromEnv for Config {
    fn vars() -> Vec<Var> {
        let mut vars = EdgeConfig::vars_for("bff");
        vars.extend(AuthConfig::vars());
        vars.extend(PulsarConfig::vars());
        vars.extend(Files::vars());
        vars.extend([TRACKING_URL, COMMISSION_URL, EVIDENCE_URL, ACCOUNT_DETAILS_KEY]);
        vars
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let edge = EdgeConfig::read_for(reader, "bff");
        let auth = AuthConfig::read(reader);
        let pulsar = PulsarConfig::read_for(reader, Role::Bff);
        let tracking_url = service_url(reader, &TRACKING_URL, "tracking");
        let commission_url = service_url(reader, &COMMISSION_URL, "commission");
        let evidence_url = service_url(reader, &EVIDENCE_URL, "evidence");
        let account_key = reader.required(&ACCOUNT_DETAILS_KEY);
        let files = <Files as FromEnv>::read(reader);
        Some(Self {
            edge: edge?,
            auth: auth?,
            pulsar: pulsar?,
            tracking_url: tracking_url?,
            commission_url: commission_url?,
            evidence_url: evidence_url?,
            account_key: account_key?,
            files: files?,
        })
    }
}

fn service_url(reader: &mut Reader<'_>, var: &Var, service: &str) -> Option<String> {
    let port: Option<u16> = reader.required(&EdgeConfig::port_var(service));
    let url = reader.optional::<String>(var).or_else(|| Some(format!("http://127.0.0.1:{}", port?)))?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        reader.complain(var.name, "must begin with http:// or https://");
    }
    Some(url.trim_end_matches('/').to_owned())
}
